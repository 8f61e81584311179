// A development tool: it opens every page of a running server in chromium, light and dark, narrow and wide, in both languages. It
// says what axe finds, what scrolls sideways and what the console says, and keeps pictures for people to look at.
//
//   node pictures.mjs URL [--out DIR] [--sale NAME] [--token TOKEN]
import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { flaws, launch, pages, room, views, watch } from "./browser.mjs";

const { values: flags, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: "string", default: "" }, sale: { type: "string", default: "ticket" }, token: { type: "string" } } });
const url = positionals[0] ?? "http://127.0.0.1:8088";

const browser = await launch();
let wrong = 0;
if (flags.out) await mkdir(flags.out, { recursive: true });

for (const view of views) {
  const context = await room(browser, view);
  if (flags.token) await context.request.post(`${url}/session`, { data: { token: flags.token } });
  for (const [name, path] of Object.entries(pages(flags.sale))) {
    const page = await context.newPage();
    const say = (what) => (wrong++, console.log(`${name} ${view.width} ${view.theme} ${view.lang}:`, what));
    watch(page, url, say);
    await page.goto(url + path);
    await page.locator("main h1").waitFor();
    await page.waitForTimeout(700);
    for (const flaw of await flaws(page)) say(flaw);
    if (flags.out) await page.screenshot({ path: `${flags.out}/${name}-${view.width}-${view.theme}-${view.lang}.png`, fullPage: view.width < 1000 });
    await page.close();
  }
  await context.close();
}
await browser.close();
console.log(wrong ? `${wrong} findings` : "nothing found");
process.exitCode = wrong ? 1 : 0;
