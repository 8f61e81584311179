// The operators' page of Spike, in the browser.
import { render } from "preact";
import { App } from "./app";
import { ask } from "./live";
import "./style.css";

render(<App />, document.body);
void ask();
