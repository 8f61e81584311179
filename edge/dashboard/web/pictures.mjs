// A development tool: it opens every page of a running server in chromium, light and dark, narrow and wide, in both languages. It
// says what axe finds, what scrolls sideways and what the console says, and keeps pictures for people to look at.
//
//   node pictures.mjs URL [--out DIR] [--sale NAME] [--token TOKEN]
import { mkdir, readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values: flags, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: "string", default: "" }, sale: { type: "string", default: "ticket" }, token: { type: "string" } } });
const url = positionals[0] ?? "http://127.0.0.1:8088";
const axe = await readFile(new URL("./node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const paths = { sales: "/", sale: `/sales/${flags.sale}`, edges: "/edges", orders: "/orders", front: "/front", journal: "/journal" };
const views = [
  { width: 1280, theme: "light", lang: "en" },
  { width: 1280, theme: "dark", lang: "zh" },
  { width: 320, theme: "light", lang: "zh" },
  { width: 320, theme: "dark", lang: "en" },
  { width: 2560, theme: "dark", lang: "en" },
];

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"] });
let wrong = 0;
const say = (...words) => (wrong++, console.log(...words));
if (flags.out) await mkdir(flags.out, { recursive: true });

for (const view of views) {
  const context = await browser.newContext({ viewport: { width: view.width, height: 900 }, colorScheme: view.theme, locale: view.lang });
  if (flags.token) await context.request.post(`${url}/session`, { data: { token: flags.token } });
  for (const [name, path] of Object.entries(paths)) {
    const page = await context.newPage();
    const where = `${name} ${view.width} ${view.theme} ${view.lang}:`;
    page.on("console", (m) => ["error", "warning"].includes(m.type()) && say(where, m.text()));
    page.on("pageerror", (e) => say(where, e.message));
    page.on("request", (r) => r.url().startsWith(url) || say(where, "foreign request", r.url()));
    await page.goto(url + path);
    await page.locator("main h1").waitFor();
    await page.waitForTimeout(700);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (wide > 0) say(where, `scrolls sideways by ${wide} px`);
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    for (const v of violations) say(where, v.id, v.help, v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary.replaceAll("\n", " ").slice(0, 200)}`));
    if (flags.out) await page.screenshot({ path: `${flags.out}/${name}-${view.width}-${view.theme}-${view.lang}.png`, fullPage: view.width < 1000 });
    await page.close();
  }
  await context.close();
}
await browser.close();
console.log(wrong ? `${wrong} findings` : "nothing found");
process.exitCode = wrong ? 1 : 0;
