// The stage that cmd/spike/e2e_browser_test.go has set up, and what the tests do on it.
import assert from "node:assert/strict";
import { after } from "node:test";
import { launch, room, watch } from "../../browser.mjs";

export const stage = JSON.parse(process.env.SPIKE_STAGE ?? "{}");
export const patience = 90_000; // bounds a wait that normally takes a moment, on a busy machine

/** ask has the other side do what only it can do. */
export async function ask(what, q = {}) {
  const res = await fetch(`${stage.control}/${encodeURIComponent(what)}?${new URLSearchParams(q)}`);
  assert.ok(res.ok, `${what}: ${res.status} ${res.ok || (await res.text())}`);
  return res.json();
}

/** crowd sends so many buys of a sale through nginx. rate is in requests a second; 0: as fast as answers come. */
export const crowd = (sale, requests, { rate = 0, connections = 8 } = {}) => ask("crowd", { sale, requests, rate, connections });

/** api calls the operators' API, without the page. */
export async function api(method, path, body, token = stage.admin) {
  const res = await fetch(stage.page + path, { method, headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }, ...(body && { body: JSON.stringify(body) }) });
  const text = await res.text();
  return { status: res.status, body: text && JSON.parse(text) };
}

export async function makeSale(sale, total, more = {}) {
  const { status, body } = await api("POST", "/api/v1/sales", { sale, total, hold: "5m", ...more });
  assert.ok(status < 300, `${status} ${JSON.stringify(body)}`);
}

export const newest = async (sale) => (await api("GET", `/api/v1/look${sale ? `?sale=${sale}` : ""}`)).body;

/** ending is a signal that ends with a test, however that ends; or by its end(). */
export function ending(t) {
  const control = new AbortController();
  t.after(() => control.abort());
  return Object.assign(control.signal, { end: () => control.abort() });
}

/** until waits until f gives something, and returns that. */
export async function until(what, f, ms = patience) {
  for (const end = Date.now() + ms; ; await pause(100)) {
    const is = await f();
    if (is) return is;
    assert.ok(Date.now() < end, `not within ${ms} ms: ${what}`);
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

let browser;
after(() => browser?.close());

/** said is what no page may say: errors of the console, what was thrown, requests to others. */
export const said = [];

/** open opens a page of the dashboard for who has signed in with a token. */
export async function open(path, { token = stage.admin, view = {}, init, quiet = false } = {}) {
  browser ??= await launch("--js-flags=--expose-gc");
  const context = await room(browser, view);
  context.setDefaultTimeout(patience);
  if (token) assert.equal((await context.request.post(`${stage.page}/session`, { data: { token } })).status(), 204);
  if (init) await context.addInitScript(init);
  const page = await context.newPage();
  if (!quiet) watch(page, stage.page, (what) => said.push(`${path}: ${what}`));
  await page.goto(stage.page + path);
  return page;
}

export const figure = (page, id, of = {}) =>
  page.locator(`[data-figure="${id}"]${Object.entries(of).map(([k, v]) => `[data-${k}="${v}"]`).join("")}`).first();

/** value is a number as the page writes it; null: nobody knows it. */
export function value(text) {
  if (text.startsWith("–")) return null;
  const n = Number(text.replaceAll(",", "").match(/^-?[\d.]+/)?.[0]);
  assert.ok(Number.isFinite(n), `no number: ${text}`);
  return n;
}

export const shows = async (page, id, of) => value(await figure(page, id, of).textContent());

/** text waits until a figure shows what it should. */
export const becomes = (page, id, of, is) =>
  until(`${id} ${JSON.stringify(of)} is ${is}`, async () => {
    const n = await shows(page, id, of);
    return typeof is === "function" ? is(n) : n === is;
  });

/** measured tells a figure that is reported and never judged. */
export const measured = (what) => console.log(`measured: ${what}`);
