// The stage of the browser's tests: a shop that runs (SHOP_URL, and SHOP_DIR with its secrets), the operators' side of its Spike
// (SHOP_OPERATORS), an edge (SHOP_EDGE), and chromium. NODE_TOOLS is a directory whose node_modules has playwright-core.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after } from "node:test";

const { chromium } = createRequire(`${process.env.NODE_TOOLS}/`)("playwright-core");
export const url = process.env.SHOP_URL;
export const secret = (name) => readFileSync(`${process.env.SHOP_DIR}/${name}`, "utf8").trim();

// patience bounds every wait, in milliseconds. It is for a machine that does much else.
export const patience = 90_000;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic",
  "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
after(() => browser.close());

// operators asks the operators' side.
export async function operators(method, path, body) {
  const r = await fetch(`http://${process.env.SHOP_OPERATORS}/api/v1/${path}`, {
    method,
    headers: { Authorization: `Bearer ${secret("admin")}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  return { status: r.status, body: await r.json() };
}

export async function makeSale(sale, what) {
  const { status, body } = await operators("POST", "sales", { sale, ...what });
  assert.equal(status, 201, JSON.stringify(body));
}

export const soon = (seconds) => new Date(Date.now() + 1000 * seconds).toISOString();

// eventually polls until ok says so.
export async function eventually(what, ok) {
  for (const end = Date.now() + patience; Date.now() < end; await new Promise((done) => setTimeout(done, 200))) {
    if (await ok()) return;
  }
  assert.fail(`not within ${patience} ms: ${what}`);
}

// Buyer is a person at a browser of her own.
export class Buyer {
  buys = []; // the keys that were sent, in their order
  heard = []; // bodies of answers

  static async comes(name, { script, ...view } = {}) {
    const b = new Buyer();
    b.name = name;
    b.context = await browser.newContext({ viewport: { width: 320, height: 640 }, locale: "en", ...view });
    b.page = await b.context.newPage();
    b.page.setDefaultTimeout(patience);
    if (script) await b.context.addInitScript(script);
    b.page.on("pageerror", (e) => b.faults.push(e.message));
    b.page.on("request", (r) => b.sends(r));
    b.page.on("response", async (r) => b.heard.push(await r.text().catch(() => "")));
    return b;
  }

  faults = [];

  sends(r) {
    if (!r.url().startsWith(url)) this.faults.push(`foreign request: ${r.url()}`);
    if (r.headers()["x-buyer-id"]) this.faults.push("the browser names the buyer");
    if (r.method() === "POST" && r.url().endsWith("/reservations")) this.buys.push(r.headers()["idempotency-key"]);
  }

  async logsIn() {
    await this.page.goto(url);
    await this.at("login");
    await this.page.fill("#name", this.name);
    await this.page.keyboard.press("Enter");
    await this.at("list");
  }

  async opens(sale) {
    await this.page.goto(`${url}/?sale=${sale}`);
  }

  // at waits for one of the states.
  async at(...states) {
    await this.page.locator(states.map((s) => `main[data-state="${s}"]`).join(",")).waitFor();
    const [wide, title] = await this.page.evaluate(() => [document.documentElement.scrollWidth - innerWidth, document.querySelector("h1").textContent]);
    assert.ok(wide <= 0, `${states} scrolls sideways by ${wide} px`);
    assert.ok(title && title !== "undefined", `${states} has no words`);
    return this.page.locator("main").getAttribute("data-state");
  }

  async presses(label) {
    await this.page.locator("#actions").getByText(label, { exact: true }).click();
  }

  async fact(name) {
    return this.page.locator(`dt:text-is("${name}") + dd`).textContent();
  }

  async left() {
    const parts = (await this.page.locator("#clock").textContent()).split(":");
    return parts.reduce((sum, part) => sum * 60 + Number(part), 0);
  }

  // leaves checks what must hold for every page that a buyer has seen.
  async leaves() {
    await this.context.close();
    assert.deepEqual(this.faults, []);
    assert.ok(!this.heard.join("\n").includes(secret("payment")), "the browser has heard the payment token");
    assert.ok(this.buys.every((key) => key?.length >= 22), `keys: ${this.buys}`);
  }
}
