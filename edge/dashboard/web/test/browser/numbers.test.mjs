// Every number on every page is the one that the API tells.
import assert from "node:assert/strict";
import test from "node:test";
import { pages } from "../../browser.mjs";
import { judge, places } from "./figures.mjs";
import { api, crowd, ending, makeSale, measured, newest, open, pause, said, until } from "./stage.mjs";
import { statement, witness } from "./witness.mjs";

test("while a sale sells, each figure is the look's, and the API's at the same revision", async (t) => {
  const over = ending(t);
  await makeSale("ticket", 4000);
  await makeSale("other", 70);
  const page = await open("/", { init: witness });
  await page.locator('tr[data-sale="ticket"]').waitFor();
  const api_ = new Map(); // the five places, by revision, as the API told them
  const asking = (async () => {
    while (!over.aborted) {
      const s = (await newest()).sales.find((s) => s.sale === "ticket");
      if (s) api_.set(s.revision, places(s).join());
      await pause(300);
    }
  })();
  const selling = crowd("ticket", 6000, { rate: 150 });
  let right = 0;
  let met = 0;
  for (const [name, path] of Object.entries(pages("ticket"))) {
    await page.goto(new URL(path, page.url()).href);
    const looks = [];
    await until(`looks at ${name}`, async () => looks.push(...(await statement(page))) >= 12);
    for (const seen of looks.filter((s) => !s.lost)) {
      const { right: n, wrong } = judge(seen);
      assert.deepEqual(wrong, [], name);
      right += n;
      const own = seen.figures.filter((f) => f.sale === "ticket" && f.revision);
      const shown = ["free", "leased", "limbo", "pending", "confirmed"].map((p) => own.find((f) => f.id === `sale.${p}`)?.text.replaceAll(",", ""));
      const told = shown[0] && api_.get(own[0].revision);
      if (!told) continue;
      assert.equal(shown.join(), told.split(",").slice(0, 5).join(), `revision ${own[0].revision}`);
      met++;
    }
    if (name === "sale" || name === "sales") assert.ok(looks.some((s) => s.figures.length > 12), `${name} shows figures`);
  }
  assert.ok(right > 500, `${right} figures judged`);
  assert.ok(met >= 3, `${met} looks at a revision that the API told, too`);
  measured(`${right} figures of the page are right; ${met} looks at a revision that the API told, too`);
  await selling;
});

test("at rest, the page, the API and the audit say the same", async () => {
  const page = await open("/sales/ticket");
  await until("all agree", async () => {
    const { body: shown } = await api("GET", "/api/v1/sales/ticket");
    const { body: audit } = await api("GET", "/api/v1/sales/ticket/audit");
    const look = (await newest()).sales.find((s) => s.sale === "ticket");
    const want = places(shown).join();
    const page_ = await page.evaluate(() => ["free", "leased", "limbo", "pending", "confirmed", "total"].map((p) => document.querySelector(`[data-figure="sale.${p}"]`)?.textContent.replaceAll(",", "")).join());
    return audit.ok && places(audit).join() === want && places(look).join() === want && page_ === want;
  });
});

test("no page said an error, or asked anybody else", () => assert.deepEqual(said, []));
