// The one card that a page is: a title, a clock, a text, facts and actions. A state of the page is one call of view.
import { span, until } from "./clock.js";

const at = (id) => document.getElementById(id);
let ticking;

// view shows a state. clock is {ms, ends}: what is left, and what happens then. actions are [label, what to do], the main one first.
export function view(state, { title, text = "", facts, clock, actions = [], form } = {}) {
  clearInterval(ticking);
  const pressed = at("actions").contains(document.activeElement);
  at("title").textContent = title;
  at("text").textContent = text;
  at("clock").hidden = !clock;
  at("form").hidden = !form;
  show(at("facts"), facts);
  at("actions").replaceChildren(...actions.map(action));
  at("page").dataset.state = state;
  document.title = title;
  if (pressed) at("title").focus(); // what had the focus is gone
  if (clock) tick(clock);
}

function tick({ ms, ends }) {
  const left = until(ms);
  const step = () => {
    const now = left();
    at("clock").textContent = span(now);
    if (now > 0) return;
    clearInterval(ticking);
    ends?.();
  };
  ticking = setInterval(step, 200);
  step();
}

function show(list, facts = []) {
  list.hidden = facts.length === 0;
  list.replaceChildren(...facts.flatMap(([name, value]) => [made("dt", name), made("dd", value)]));
}

function action([label, act], i) {
  const button = made(typeof act === "string" ? "a" : "button", label);
  button.className = i === 0 ? "button main" : "button";
  if (typeof act === "string") button.href = act;
  else button.addEventListener("click", () => act(), { once: true });
  return button;
}

function made(tag, text) {
  const e = document.createElement(tag);
  e.textContent = text;
  return e;
}
