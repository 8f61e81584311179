// Every page, in both colours and at every width, while a sale sells.
import assert from "node:assert/strict";
import test from "node:test";
import { flaws, pages, views } from "../../browser.mjs";
import { crowd, makeSale, measured, open, said, stage } from "./stage.mjs";

test("axe finds nothing, nothing scrolls sideways, the console is silent, nobody else is asked", async () => {
  await makeSale("ticket", 3000);
  await makeSale("a-sale-whose-name-is-as-long-as-a-name-may-be".padEnd(64, "-x"), 4_000_000_000, { opens: new Date(Date.now() + 36e5).toISOString() });
  const selling = crowd("ticket", 2500, { rate: 50 });
  for (const view of views) {
    for (const [name, path] of Object.entries(pages("ticket"))) {
      const page = await open(path, { view });
      await page.locator("main h1").waitFor();
      await page.waitForTimeout(700);
      assert.deepEqual(await flaws(page), [], `${name} ${JSON.stringify(view)}`);
      await page.context().close();
    }
  }
  assert.deepEqual(said, []);
  await selling;
});

test("axe finds nothing in a dialog, a report and the form for a token, and none of them scrolls sideways", async () => {
  for (const view of views.filter((v) => v.width < 2000)) {
    const page = await open("/sales/ticket", { view });
    for (const verb of ["add", "pause", "close", "remove"]) {
      await page.locator(`[data-action="${verb}"]`).click();
      await page.getByRole("dialog").waitFor();
      assert.deepEqual(await flaws(page), [], `${verb} ${JSON.stringify(view)}`);
      await page.keyboard.press("Escape");
    }
    await page.goto(`${stage.page}/`);
    await page.locator('[data-action="create"]').click();
    assert.deepEqual(await flaws(page), [], `create ${JSON.stringify(view)}`);
    const strange = await open("/", { view, token: "", quiet: true });
    await strange.locator('[name="token"]').waitFor();
    assert.deepEqual(await flaws(strange), [], `token ${JSON.stringify(view)}`);
    const report = await page.request.get(`${stage.page}/sales/ticket/report.html?lang=${view.lang}`);
    const alone = await strange.context().newPage(); // under the report's own policy no script runs, nor axe
    await alone.setContent(await report.text());
    assert.deepEqual(await flaws(alone), [], `report ${JSON.stringify(view)}`);
    await page.context().close();
    await strange.context().close();
  }
  assert.deepEqual(said, []);
});

test("the page weighs less than 120 KB, and shows its first figures soon", async () => {
  const page = await open("/edges");
  let bytes = 0;
  page.on("response", async (r) => (bytes += (await r.body().catch(() => "")).length));
  const began = performance.now();
  const loaded = Promise.all(["/assets/app.js", "/assets/app.css"].map((path) => page.waitForResponse((r) => r.url().endsWith(path))));
  await page.goto(`${stage.page}/`, { waitUntil: "commit" });
  await page.locator('[data-figure="sale.free"][data-sale="ticket"]').waitFor();
  const took = performance.now() - began;
  await loaded;
  measured(`first figures after ${took.toFixed(0)} ms`);
  assert.ok(took < 10_000, `first figures after ${took} ms`);
  const files = await Promise.all(["/", "/assets/app.js", "/assets/app.css", "/assets/icon.svg"].map(async (path) => (await page.request.get(stage.page + path)).body()));
  const size = files.reduce((n, f) => n + f.length, 0);
  measured(`the page has ${size} bytes`);
  assert.ok(size > 10_000 && size < 120_000, `${size} bytes`);
});
