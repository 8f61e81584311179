// The page of a payment provider, played. A real one is on another site.
import { call } from "./spike.js";
import { view } from "./view.js";
import { header, money, w } from "./words.js";

const asked = new URLSearchParams(location.search);
const id = encodeURIComponent(asked.get("payment") ?? "");
const back = `./?sale=${encodeURIComponent(asked.get("sale") ?? "")}&payment=${id}`;

async function decide(approve) {
  view("loading", { title: w.loading });
  const a = await call("POST", `/provider/${id}`, { body: { approve } });
  return a.code === "ok" ? location.replace(back) : start();
}

async function start() {
  header();
  const a = await call("GET", `/shop/payments/${id}`);
  if (a.code !== "ok") return view("noPayment", { title: w.noPayment, actions: [[w.back, back]] });
  if (a.body.state !== "started") return location.replace(back);
  const facts = [[w.amount, money(a.body.amount_cents)], [w.payment, a.body.payment]];
  view("provider", { title: w.provider, text: w.providerText, facts, actions: [[w.approve, () => decide(true)], [w.decline, () => decide(false)]] });
}

await start();
