// Who may do what: the page shows no button that is refused, and the server refuses it anyway.
import assert from "node:assert/strict";
import test from "node:test";
import { api, figure, makeSale, open, said, stage, until } from "./stage.mjs";

// The browser itself writes every 401 and 403 on the console, so these pages are not watched.
const send = (page, method, path) => page.evaluate(async ([method, path]) => (await fetch(path, { method })).status, [method, path]);

test("a viewer sees the sale and no button, and hears 403", async () => {
  await makeSale("ticket", 50);
  const page = await open("/sales/ticket", { token: stage.viewer });
  await figure(page, "sale.free", { sale: "ticket" }).waitFor();
  await page.getByText("viewer: looks only").waitFor();
  assert.equal(await page.locator(".actions button, [data-action]:not([data-action='audit'])").count(), 0);
  await page.goto(`${stage.page}/`);
  await page.locator('tr[data-sale="ticket"]').waitFor();
  assert.equal(await page.locator("[data-action]").count(), 0);
  assert.deepEqual(said, []);
  const refused = await open("/", { token: stage.viewer, quiet: true });
  for (const [method, path] of [["POST", "/api/v1/sales"], ...["add", "pause", "resume", "close", "reopen"].map((verb) => ["POST", `/api/v1/sales/ticket/${verb}`]), ["DELETE", "/api/v1/sales/ticket?yes=true"]])
    assert.equal(await send(refused, method, path), 403, `${method} ${path}`);
  assert.equal(await send(refused, "GET", "/api/v1/sales/ticket/audit"), 200);
  assert.equal((await api("GET", "/api/v1/sales/ticket")).body.doors, "open");
});

test("a stranger sees the form for a token, and nothing else", async () => {
  const page = await open("/sales/ticket", { token: "", quiet: true });
  await page.locator('[name="token"]').fill("wrong");
  await page.locator('button[type="submit"]').click();
  await page.getByText("This token is not accepted.").waitFor();
  assert.equal(await page.locator("[data-figure]").count(), 0);
  assert.equal(await send(page, "GET", "/api/v1/look"), 401);
  await page.locator('[name="token"]').fill(stage.admin);
  await page.locator('button[type="submit"]').click();
  await figure(page, "sale.free", { sale: "ticket" }).waitFor();
  await page.locator('[data-action="pause"]').waitFor();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator('[name="token"]').waitFor();
  assert.equal(await page.locator("[data-figure]").count(), 0);
  await until("the session is over", async () => (await send(page, "GET", "/api/v1/look")) === 401);
});
