// What `make run` shows: one edge with a store of its own, no token.
import assert from "node:assert/strict";
import test from "node:test";
import { becomes, figure, measured, open, said, stage, until } from "../stage.mjs";

test("a lone edge shows its sale, live", async () => {
  const began = performance.now();
  const page = await open("/", { token: "" });
  await figure(page, "sale.free", { sale: "ticket" }).waitFor();
  measured(`first figures of a lone edge after ${(performance.now() - began).toFixed(0)} ms, the browser's start among them`);
  await until("the edge is there", async () => (await figure(page, "edges.ready").textContent()) === "1 / 1");
  assert.equal(await figure(page, "store.address").textContent(), "embedded");
  await page.locator('[data-action="create"]').waitFor(); // who may reach it may act
  for (let i = 0; i < 30; i++) await (await fetch(`http://${stage.edges[0].addr}/buy/ticket`)).text();
  await becomes(page, "sale.pending", { sale: "ticket" }, 30);
  for (const path of ["/edges", "/orders", "/front", "/journal", "/sales/ticket"]) {
    await page.goto(stage.page + path);
    await page.locator("main h1").waitFor();
  }
  assert.deepEqual(said, []);
});
