// What an operator sees when a part dies: never a number that looks alive and is not.
import assert from "node:assert/strict";
import test from "node:test";
import { pages } from "../../browser.mjs";
import { ask, becomes, crowd, figure, makeSale, measured, newest, open, patience, shows, stage, until } from "./stage.mjs";

const port = (addr) => addr.split(":").at(-1);
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

test("a killed edge turns grey with the units that it holds, until limbo ends", async () => {
  await makeSale("ticket", 20_000, { hold: "5s" });
  const table = await open("/edges");
  const sale = await open("/sales/ticket");
  const selling = crowd("ticket", 3000, { rate: 300 });
  const dead = await until("the edge holds units", async () => {
    const p = (await newest()).processes.find((p) => p.kind === "edge" && p.instance && p.node.includes(port(stage.edges[1].addr)));
    return p?.stock > 0 && p.leases.some((l) => l.units > 0) && p;
  });
  const row = table.locator(`[data-table="edges"] tr[data-instance="${dead.instance}"]`);
  assert.equal(await row.locator('[data-figure="process.state"]').getAttribute("data-state"), "ready");
  await ask("kill", { edge: 1 });
  const killed = performance.now();
  await row.locator('[data-figure="process.state"][data-state="gone"]').waitFor({ timeout: patience });
  measured(`a killed edge's row is grey after ${seconds(killed)}`);
  assert.match(await row.getAttribute("class"), /old/);
  await row.getByText(/holds [\d,]+ units/).waitFor();
  for (const id of ["stock", "waiting", "won_per_s", "answered_per_s", "connections"]) assert.equal(await shows(table, `edge.${id}`, { node: dead.node }), null, id);
  assert.ok((await shows(sale, "sale.leased", { sale: "ticket" })) > 0);
  await becomes(sale, "sale.limbo", { sale: "ticket" }, (n) => n > 0);
  await row.getByText(/units in limbo, free again in/).waitFor();
  await sale.locator('[data-table="holders"] tr', { hasText: port(stage.edges[1].addr) }).waitFor();
  measured(`its units are in limbo after ${seconds(killed)}`);
  await becomes(sale, "sale.limbo", { sale: "ticket" }, 0);
  await row.waitFor({ state: "detached" });
  assert.equal(await sale.locator('[data-table="holders"] tr', { hasText: port(stage.edges[1].addr) }).count(), 0);
  measured(`its units are free after ${seconds(killed)}`);
  await selling;
  await becomes(sale, "sale.leased", { sale: "ticket" }, 0); // nobody buys: the other edge gives back
  await becomes(sale, "sale.free", { sale: "ticket" }, 20_000); // nobody pays
  await sale.getByText(/silent|no beat|does not beat/i).first().waitFor(); // the journal's mark
});

test("while Redis stands still a banner says so, and no figure looks alive", async () => {
  const all = await Promise.all(Object.values(pages("ticket")).map((path) => open(path)));
  for (const page of all) await page.locator("main h1").waitFor();
  await ask("redis", { do: "stop" });
  const stopped = performance.now();
  try {
    await Promise.all(all.map((page) => page.locator('[data-banner="store"]').waitFor()));
    measured(`six pages say that Redis stands still after ${seconds(stopped)}`);
    assert.match(await all[0].locator('[data-banner="store"]').textContent(), new RegExp(`Redis ${stage.redis} has not answered for`));
    const alive = (page) => page.evaluate(() => [...document.querySelectorAll("main [data-figure]")].filter((e) => !e.closest(".old")).map((e) => `${location.pathname} ${e.dataset.figure} ${e.textContent}`));
    await until("no figure looks alive", async () => {
      const odd = (await Promise.all(all.map(alive))).flat();
      return odd.length === 0 || (performance.now() - stopped > patience - 5000 && assert.deepEqual(odd, []));
    });
    measured(`no figure looks alive after ${seconds(stopped)}`);
  } finally {
    await ask("redis", { do: "continue" });
  }
  await Promise.all(all.map((page) => page.locator("[data-banner]").waitFor({ state: "detached" })));
  await until("figures live again", () => all[0].evaluate(() => !!document.querySelector("tr[data-sale]:not(.old)")));
});

test("after the server restarts the page reconnects and refills", async () => {
  const page = await open("/sales/ticket", { quiet: true }); // the browser itself writes on the console that the server is away
  await figure(page, "sale.free", { sale: "ticket" }).waitFor();
  await ask("end side");
  await page.locator('[data-banner="link"]').waitFor();
  await until("no figure looks alive", () => page.evaluate(() => [...document.querySelectorAll("main [data-figure]")].every((e) => e.closest(".old"))));
  await ask("begin side");
  const back = performance.now();
  await page.locator("[data-banner]").waitFor({ state: "detached" });
  await until("figures live again", () => page.evaluate(() => !!document.querySelector("article[data-sale]:not(.old)")));
  measured(`the page lives again ${seconds(back)} after its server`);
  const before = await shows(page, "sale.pending", { sale: "ticket" });
  await crowd("ticket", 20);
  await becomes(page, "sale.pending", { sale: "ticket" }, (n) => n > before);
});
