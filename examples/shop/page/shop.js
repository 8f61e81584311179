// What a buyer sees, from the countdown to the receipt. Each state is one function; what a buy was answered chooses the next.
import { Attempt } from "./attempt.js";
import * as spike from "./spike.js";
import { view } from "./view.js";
import { header, money, w } from "./words.js";

const asked = new URLSearchParams(location.search);
const sale = asked.get("sale");
const mostTries = 20; // then the buyer says whether to go on
const mostLooks = 30; // for a webhook that is on its way
let attempt, session;

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const wrong = (a) => view("trouble", { title: w.trouble, text: `${w.troubleText} ${a.code}`, actions: [[w.again, start]] });
const said = (code) => ({ title: w[code], text: w[`${code}Text`] });

// known asks until somebody knows, and never quicker than the server says.
async function known(ask) {
  for (let tries = 0; ; tries++) {
    const a = await ask(tries);
    if (!["undecided", "too_many_requests"].includes(a.code)) return a;
    if (tries > 0) view("waiting", { ...said(a.code), clock: { ms: a.again } });
    await pause(a.again);
  }
}

async function start() {
  view("loading", { title: w.loading });
  ({ body: session } = await known((tries) => spike.call("GET", "/shop/session", { tries })));
  header(session.buyer);
  if (!session.buyer) return login();
  if (!sale) return list(session.sales);
  attempt = new Attempt(session.buyer, sale);
  await goOn();
}

// goOn finds where this buyer was, on this device or on another.
async function goOn() {
  const was = attempt.get();
  if (asked.get("payment") ?? was.payment) return receipt(asked.get("payment") ?? was.payment);
  const own = was.token ? await known((tries) => spike.show(was.token, tries)) : await mine();
  if (own.code === "ok" && own.body.state === "pending") return hold({ ...own.body, token: own.body.token ?? was.token });
  if (was.token) return ended(own);
  if (was.claim) return draw(was.claim);
  if (was.sent) return buy(); // the answer was lost: the same key has the same answer
  return doors();
}

// mine asks for the buyer's own reservation. Only a sale with a limit per buyer knows it.
async function mine() {
  const a = await known((tries) => spike.mine(sale, tries));
  return { ...a, body: a.body?.reservations?.[0] ?? {} };
}

function login(error = "") {
  const form = document.getElementById("form");
  document.getElementById("ask").textContent = w.name;
  form.onsubmit = async (event) => {
    event.preventDefault();
    const a = await spike.call("POST", "/shop/login", { body: { buyer: document.getElementById("name").value } });
    return a.code === "ok" ? start() : login(w.bad_buyer);
  };
  view("login", { title: w.login, text: error || w.loginText, form: true, actions: [[w.enter, () => form.requestSubmit()]] });
}

function list(sales) {
  const logout = async () => start(await spike.call("POST", "/shop/logout"));
  view("list", { title: w.sales, actions: [...sales.map((name) => [name, `?sale=${encodeURIComponent(name)}`]), [w.logout, logout]] });
}

// doors says what a sale is like now. When a countdown ends the page asks nothing: a crowd that asks at once would be the first crowd.
async function doors() {
  const a = await known((tries) => spike.stock(sale, tries));
  if (a.code !== "ok") return a.status === 404 ? view("no_such_sale", said("no_such_sale")) : wrong(a);
  const { state, opens_in_ms, lots } = a.body;
  if (state === "not_open") return soon(opens_in_ms, lots);
  if (state === "sold_out" || state === "closed") return over({ code: state });
  if (state === "paused") return view("waiting", { ...said("paused"), clock: { ms: 5000 * (1 + Math.random() / 2), ends: doors } });
  return open(state === "drawing" ? lots : undefined);
}

const soon = (ms, lots) => view("soon", { ...said("soon"), facts: [[w.sale, sale]], clock: { ms, ends: () => open(lots) } });
const open = (lots) => view("open", { title: w.open, text: lots ? w.lotsText : w.openText, facts: [[w.sale, sale]], actions: [[lots ? w.enterDraw : w.buy, () => buy()]] });

// buy sends one key until it is answered. The key is kept before the buy goes out.
async function buy(tries = 0) {
  const key = attempt.get().key ?? spike.newKey();
  attempt.note({ key, sent: true });
  if (tries === 0) view("buying", { title: w.buying, text: w.buyingText });
  const a = await spike.buy(sale, key, tries);
  return (answers[a.code] ?? wrong)(a, tries);
}

const answers = {
  won: (a) => won(a),
  entered: (a) => (attempt.note({ claim: a.body.claim }), draw(a.body.claim, a)),
  none_now: askAgain,
  paused: askAgain,
  undecided: askAgain,
  too_many_requests: askAgain,
  not_open: (a) => soon(a.body.opens_in_ms),
  sold_out: over,
  closed: over,
  n_over_limit: over,
  over_limit: (a) => (a.body.token ? won(a) : over(a)), // the answer tells the buyer's own reservation
  key_used: (a) => (attempt.forget(), over(a)),
  no_buyer: () => start(),
  bad_token: () => start(),
  no_such_sale: () => view("no_such_sale", said("no_such_sale")),
};

function askAgain(a, tries) {
  const stop = () => view("stopped", { ...said("stopped"), actions: [[w.again, () => buy()]] });
  if (tries >= mostTries) return stop();
  view("waiting", { ...said(a.code), clock: { ms: a.again, ends: () => buy(tries + 1) }, actions: [[w.stop, stop]] });
}

function over(a) {
  view(a.code, { ...said(a.code), actions: [[a.code === "key_used" ? w.next : w.again, start]] });
}

// won keeps the token: with it the buyer pays or gives back, on any device that has it.
function won(a) {
  attempt.note({ claim: undefined });
  return hold(a.body);
}

const facts = (r) => [[w.sale, r.sale], [w.serial, r.count ? `${r.serial}–${r.serial + r.count - 1}` : `${r.serial}`], [w.reservation, r.reservation]];

function hold(r) {
  attempt.note({ token: r.token });
  const shown = { facts: facts(r), actions: [[w.pay, () => pay(r)], [w.cancel, () => giveBack(r)]] };
  if (r.expires_in_ms === undefined) return view("held", { ...shown, title: w.heldForever });
  view("held", { ...shown, ...said("held"), clock: { ms: r.expires_in_ms, ends: () => checkEnd(r) } });
}

// checkEnd asks once: a payment that began in another tab has prolonged the hold. Else what the win said counts.
async function checkEnd(r) {
  view("ending", { title: w.loading, facts: facts(r) });
  const a = await known((tries) => spike.show(r.token, tries));
  if (a.code === "ok" && a.body.state === "pending" && new Date(a.body.expires_at) > new Date(r.expires_at)) return hold({ ...r, ...a.body });
  return ended(a);
}

async function giveBack(r) {
  view("ending", { title: w.loading, facts: facts(r) });
  const a = await known((tries) => spike.cancel(r.token, tries));
  return ended(a);
}

// ended is told whatever has ended a reservation; the next attempt has a new key.
function ended(a) {
  const how = a.body?.state === "cancelled" ? "cancelled" : a.code === "already_confirmed" || a.body?.state === "confirmed" ? "over_limit" : "ended";
  attempt.forget();
  view(how, { ...said(how), actions: [[w.next, goOn]] });
}

async function pay(r) {
  view("paying", { title: w.loading, facts: facts(r) });
  const a = await known((tries) => spike.call("POST", "/shop/payments", { body: { token: r.token }, tries }));
  if (a.status === 409) return ended(await known((tries) => spike.show(r.token, tries))); // paid or ended elsewhere: which?
  if (a.status !== 201) return wrong(a);
  attempt.note({ payment: a.body.payment });
  location.assign(`provider.html?payment=${a.body.payment}&sale=${encodeURIComponent(sale)}`);
}

// receipt follows a payment to its end. The shop's own backend has told Spike; this page only looks.
async function receipt(id, looks = 0) {
  const a = await known((tries) => spike.call("GET", `/shop/payments/${encodeURIComponent(id)}`, { tries }));
  history.replaceState(null, "", `?sale=${encodeURIComponent(sale)}`);
  asked.delete("payment");
  if (a.code !== "ok") return attempt.note({ payment: undefined }), goOn();
  attempt.note({ payment: id });
  return (payments[a.body.state] ?? wrong)(a.body, id, looks);
}

const paidFor = (p) => [...facts(p.for), [w.amount, money(p.amount_cents)], [w.payment, p.payment], ...(p.record ? [[w.record, w[p.record] ?? p.record]] : [])];
const follow = async (id, looks = 0) => (await pause(1000 * (1 + Math.random() / 2)), receipt(id, looks + 1));
const afresh = () => (attempt.forget(), goOn());

const payments = {
  started: (p, id) => {
    const giveUp = () => giveBack({ ...p.for, token: attempt.get().token });
    view("started", { ...said("started"), facts: paidFor(p), actions: [[w.goOn, `provider.html?payment=${id}&sale=${encodeURIComponent(sale)}`], [w.cancel, giveUp]] });
  },
  approved: (p, id) => (view("approved", { ...said("approved"), facts: paidFor(p) }), follow(id)),
  paid: (p, id, looks) => {
    view("paid", { ...said("paid"), facts: paidFor(p), actions: [[w.next, afresh]] });
    if (session.webhooks && p.record !== "confirmed" && looks < mostLooks) return follow(id, looks);
  },
  returned: (p) => view("returned", { ...said("returned"), facts: paidFor(p), actions: [[w.next, afresh]] }),
  refused: () => {
    attempt.note({ payment: undefined });
    view("refused", { ...said("refused"), actions: [[w.back, goOn]] });
  },
};

// draw waits for the lots, by the server's clock, and collects what has won.
async function draw(claim, told) {
  const a = told ?? (await known((tries) => spike.show(claim, tries)));
  if (a.code === "entered") {
    const left = new Date(a.body.draws_at) - new Date(a.body.server_time ?? Date.now());
    const ends = async () => (await pause(2000 * Math.random()), draw(claim)); // not all at once
    return view("entered", { ...said("entered"), facts: [[w.sale, sale]], clock: { ms: left > 0 ? left : a.again, ends } });
  }
  if (a.code === "ok" && a.body.state === "pending") return won(a);
  if (a.code === "ok" && !a.body.lot) return ended(a);
  attempt.forget();
  const how = a.body?.lot ?? "ended";
  view(how, { ...said(how), actions: [[w.next, goOn]] });
}

// A device that has slept, or a page that comes out of the browser's cache, knows no time: it asks.
addEventListener("pageshow", (event) => event.persisted && start());
document.addEventListener("visibilitychange", () => {
  const still = ["soon", "held", "entered"].includes(document.getElementById("page").dataset.state);
  if (document.visibilityState === "visible" && still) goOn();
});

await start();
