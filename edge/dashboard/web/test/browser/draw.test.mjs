// A sale whose first units go by lot, from the page alone: made, entered by a crowd, drawn, collected.
import assert from "node:assert/strict";
import test from "node:test";
import { flaws } from "../../browser.mjs";
import { api, becomes, makeSale, open, said, stage, until } from "./stage.mjs";

const units = 40;
const entrants = 100;
const state = (page, is) => page.locator(`article [data-figure="sale.state"][data-state="${is}"]`).waitFor();
const section = (page) => page.locator("section").filter({ has: page.getByRole("heading", { name: "The draw" }) });
const fact = (page, word) => section(page).locator("div", { has: page.locator("dt", { hasText: word }) }).locator("dd");

async function buy(buyer) {
  const res = await fetch(`http://${stage.edges[buyer % stage.edges.length].addr}/buy/concert`, { method: "POST", headers: { "X-Buyer-Id": `buyer-${buyer}` } });
  return res.json();
}

const lot = async (claim) => (await fetch(`http://${stage.edges[0].addr}/v1/reservations/${claim}`)).json();

const claims = [];
let page;

test("a sale with a draw is made on the page", async () => {
  await makeSale("other", 1);
  page = await open("/");
  await page.locator('[data-action="create"]').click();
  const dialog = page.getByRole("dialog");
  await dialog.locator('[name="sale"]').fill("concert");
  await dialog.locator('[name="total"]').fill(String(units));
  await dialog.locator('[name="limit"]').fill("1");
  await dialog.locator('[name="shuffle"]').fill("45s");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.waitForURL("**/sales/concert");
  await state(page, "drawing");
});

test("who enters is counted, and the seal is shown before the secret", async () => {
  const enter = (buyer) => until(`buyer ${buyer} is in the draw`, async () => ((is) => is.code === -6 && is.data.claim)(await buy(buyer)));
  claims.push(...(await Promise.all(Array.from({ length: entrants }, (_, buyer) => enter(buyer)))));
  assert.equal((await buy(3)).data.claim, claims[3]); // once only
  await until("all are counted", async () => (await fact(page, "Entrants").textContent()) === String(entrants));
  assert.match(await fact(page, "Seal").textContent(), /^[0-9a-f]{64}$/);
  assert.equal(await fact(page, "Secret").count(), 0);
  assert.deepEqual(await flaws(page), []);
  assert.equal((await api("GET", "/api/v1/sales/concert")).body.sold ?? 0, 0);
});

test("when the draw is over, as many have won as there are units, and the page shows them", async () => {
  const ends = await until("every claim is decided", async () => {
    const all = await Promise.all(claims.map(lot));
    return all.every((one) => !["entered", "waiting", "drawing"].includes(one.state)) && all;
  });
  const won = ends.filter((one) => one.token);
  assert.equal(won.length, units, JSON.stringify(ends.slice(0, 3)));
  assert.equal(new Set(won.map((one) => one.serial)).size, units);
  await becomes(page, "sale.pending", { sale: "concert" }, units);
  await becomes(page, "sale.free", { sale: "concert" }, 0);
  await state(page, "open");
  await until("the secret is told", async () => (await fact(page, "Secret").count()) === 1);
});

test("nothing was said in the console", () => assert.deepEqual(said, []));
