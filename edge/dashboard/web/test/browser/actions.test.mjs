// What an operator does from the page alone.
import assert from "node:assert/strict";
import test from "node:test";
import { api, becomes, open, pause, said, stage, until } from "./stage.mjs";

const state = (page, is) => page.locator(`article [data-figure="sale.state"][data-state="${is}"]`).waitFor();
const dialog = (page) => page.getByRole("dialog");
const buy = async (sale = "concert") => (await fetch(`${stage.front}/buy/${sale}`)).text();
const journal = async (did) => (await api("GET", "/api/v1/journal?n=500")).body.entries.filter((e) => e.did === did && e.sale === "concert");

let page;

test("the page without a sale has the form that makes one", async () => {
  page = await open("/");
  await page.locator('[name="sale"]').fill("concert");
  await page.locator('[name="total"]').fill("500");
  await page.getByRole("button", { name: "Create" }).click();
  await page.waitForURL("**/sales/concert");
  await becomes(page, "sale.total", { sale: "concert" }, 500);
  await state(page, "open");
});

test("pause asks, and names the sale; cancel does nothing", async () => {
  await page.locator('[data-action="pause"]').click();
  await dialog(page).waitFor();
  assert.match(await dialog(page).getByRole("heading").textContent(), /concert/);
  await dialog(page).getByRole("button", { name: "Cancel" }).click();
  await dialog(page).waitFor({ state: "detached" });
  await page.locator('[data-action="pause"]').click();
  await page.keyboard.press("Escape");
  await dialog(page).waitFor({ state: "detached" });
  await pause(1500);
  assert.equal((await api("GET", "/api/v1/sales/concert")).body.doors, "open");
  assert.deepEqual(await journal("paused"), []);
  await until("it sells", async () => (await buy()).includes("token"));
});

test("pause stops the edges, and resume lets them sell", async () => {
  await page.locator('[data-action="pause"]').click();
  await dialog(page).getByRole("button", { name: "Pause" }).click();
  await state(page, "paused");
  await until("edges say that it is paused", async () => (await buy()).includes("paused"));
  await becomes(page, "sale.leased", { sale: "concert" }, 0);
  for (let i = 0; i < 20; i++) assert.match(await buy(), /paused/);
  await page.locator('[data-action="resume"]').click();
  await dialog(page).getByRole("button", { name: "Resume" }).click();
  await state(page, "open");
  await until("it sells again", async () => (await buy()).includes("token"));
});

test("a double click on add adds once", async () => {
  await page.locator('[data-action="add"]').click();
  await dialog(page).locator('[name="n"]').fill("25");
  await dialog(page).locator('button[type="submit"]').dblclick();
  await dialog(page).waitFor({ state: "detached" });
  await becomes(page, "sale.total", { sale: "concert" }, 525);
  await pause(1500);
  assert.equal((await api("GET", "/api/v1/sales/concert")).body.total, 525);
  assert.equal((await journal("added")).length, 1);
});

test("a sale that is not open yet can be opened", async () => {
  await page.goto(`${stage.page}/`);
  await page.locator('[data-action="create"]').click();
  await dialog(page).locator('[name="sale"]').fill("later");
  await dialog(page).locator('[name="total"]').fill("9");
  const tomorrow = new Date(Date.now() + 864e5).toISOString().slice(0, 19);
  await dialog(page).locator('[name="opens"]').fill(tomorrow);
  await dialog(page).getByRole("button", { name: "Create" }).click();
  await page.waitForURL("**/sales/later");
  await state(page, "not_open");
  assert.doesNotMatch(await buy("later"), /token/);
  await page.locator('[data-action="open"]').click();
  assert.match(await dialog(page).getByRole("heading").textContent(), /later/);
  await dialog(page).locator('button[type="submit"]').click();
  await state(page, "open");
  await until("it sells", async () => (await buy("later")).includes("token"));
  assert.equal(await page.locator('[data-action="open"]').count(), 0);
  await page.goto(`${stage.page}/sales/concert`);
});

test("every unit is counted on demand", async () => {
  await page.locator('[data-action="audit"]').click();
  await page.locator('[data-figure="sale.audit"] .well').waitFor();
});

test("close wants the sale's name", async () => {
  await page.locator('[data-action="close"]').click();
  const yes = dialog(page).locator('button[type="submit"]');
  await dialog(page).locator('[name="name"]').fill("concer");
  assert.equal(await yes.getAttribute("aria-disabled"), "true");
  await yes.click({ force: true });
  await pause(500);
  assert.equal((await api("GET", "/api/v1/sales/concert")).body.doors, "open");
  await dialog(page).locator('[name="name"]').fill("concert");
  await yes.click();
  await state(page, "closed");
  await until("edges say that it is closed", async () => !(await buy()).includes("token"));
  await becomes(page, "sale.leased", { sale: "concert" }, 0);
});

test("the report is one file that can be sent", async () => {
  const link = page.getByRole("link", { name: "Report" });
  const href = await link.getAttribute("href");
  const res = await page.request.get(new URL(href, page.url()).href);
  const html = await res.text();
  assert.equal(res.status(), 200);
  assert.match(html, /concert/);
  assert.doesNotMatch(html, /(src|href)="(?!#)[^"]*\/\//, "it loads nothing");
  const report = await page.context().newPage();
  await report.setContent(html);
  assert.match(await report.locator("body").innerText(), /525/);
  await report.close();
});

test("what was done is in the journal, and a sale can be removed", async () => {
  await page.getByRole("link", { name: "Journal" }).click();
  for (const did of ["created", "paused", "resumed", "added", "closed"]) await page.locator(`tr[data-did="${did}"]`).first().waitFor();
  await page.goto(`${stage.page}/sales/concert`);
  await page.locator('[data-action="remove"]').click();
  await dialog(page).locator('[name="name"]').fill("concert");
  await dialog(page).locator('button[type="submit"]').click();
  await page.waitForURL(`${stage.page}/`);
  await until("it is gone", async () => (await api("GET", "/api/v1/sales/concert")).status === 404);
  await page.locator('tr[data-sale="concert"]').waitFor({ state: "detached" });
});

test("no page said an error, or asked anybody else", () => assert.deepEqual(said, []));
