// What the browser's tests and the pictures share: how chromium is started, and what every page must not do.
import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

export const views = [
  { width: 1280, theme: "light", lang: "en" },
  { width: 1280, theme: "dark", lang: "zh" },
  { width: 320, theme: "light", lang: "zh" },
  { width: 320, theme: "dark", lang: "en" },
  { width: 2560, theme: "dark", lang: "en" },
];

export const pages = (sale) => ({ sales: "/", sale: `/sales/${sale}`, edges: "/edges", orders: "/orders", front: "/front", journal: "/journal" });

const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** launch starts chromium. It asks nobody for anything. */
export const launch = (...more) => chromium.launch({ executablePath: "/usr/bin/chromium", args: [...quiet, ...more], timeout: 120_000 });

/** room is a browser of its own, with a view's width, colours and language. */
export const room = (browser, { width = 1280, theme = "light", lang = "en" } = {}) =>
  browser.newContext({ viewport: { width, height: 900 }, colorScheme: theme, locale: lang });

/** watch says what the console says, what a page throws, and what it asks of anybody else. */
export function watch(page, origin, say) {
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && say(m.text()));
  page.on("pageerror", (e) => say(e.message));
  page.on("request", (r) => r.url().startsWith(`${origin}/`) || say(`foreign request ${r.url()}`));
}

const axe = await readFile(new URL("./node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** flaws are what axe finds on a page, and whether the page scrolls sideways. */
export async function flaws(page) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const found = violations.map((v) => `${v.id} ${v.help} ${JSON.stringify(v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary.replaceAll("\n", " ").slice(0, 200)}`))}`);
  return wide > 0 ? [`it scrolls sideways by ${wide} px`, ...found] : found;
}
