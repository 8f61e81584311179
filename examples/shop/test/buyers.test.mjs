// Buyers are played in a real browser, on a real shop and a real Spike: TestShop of cmd/spike starts them.
import assert from "node:assert/strict";
import test from "node:test";
import { Buyer, eventually, makeSale, operators, soon, url } from "./stage.mjs";

const unit = async (sale, serial) => (await operators("GET", `sales/${sale}/units/${serial}`)).body;
const counts = async (sale) => (await operators("GET", `sales/${sale}`)).body;

test("from the countdown to the receipt, with a clock that is an hour ahead", async () => {
  const ann = await Buyer.comes("ann", { script: "Date.now = ((now) => () => now() + 3600_000)(Date.now)" });
  await ann.logsIn();
  await makeSale("receipt", { total: 5, hold: "5m", limit_per_buyer: 1, opens: soon(20) });
  await ann.opens("receipt");
  await ann.at("soon");
  await ann.at("open");
  assert.notEqual((await counts("receipt")).doors, "not_open", "the page opened before the sale");
  await ann.page.locator("#actions .main").focus();
  await ann.page.keyboard.press("Enter");
  await ann.at("held");
  assert.equal(await ann.page.evaluate(() => document.activeElement.id), "title", "the focus is lost");
  const [serial, id, left] = [await ann.fact("Ticket"), await ann.fact("Reservation"), await ann.left()];
  assert.ok(left > 60 && left <= 300, `${left} s are left`);
  assert.match(id, /^rsv_[0-9a-f]{42}$/);
  await eventually("the ledger has it", async () => (await unit("receipt", serial)).reservation === id);
  const before = new Date((await unit("receipt", serial)).expires_at);

  await ann.presses("Pay");
  await ann.at("provider");
  const prolonged = new Date((await unit("receipt", serial)).expires_at) - before; // two times in whole seconds
  assert.ok(Math.abs(prolonged - 120_000) <= 1000, `the hold is prolonged by ${prolonged} ms, not by the payment's time`);
  await ann.page.reload(); // who starts twice has one payment
  await ann.at("provider");
  await ann.presses("Pay now");
  await ann.at("paid");
  assert.equal(await ann.fact("Reservation"), id);
  assert.equal((await unit("receipt", serial)).state, "confirmed");
  await ann.page.locator('dt:text-is("In our books") + dd:text-is("confirmed")').waitFor(); // a webhook has told it
  await ann.page.reload();
  await ann.at("paid");

  await ann.presses("Buy again");
  await ann.at("open");
  await ann.presses("Buy");
  await ann.at("over_limit");
  assert.equal((await counts("receipt")).confirmed, 1);
  await ann.leaves();
});

test("the hold ends, and the next attempt has another key", async () => {
  await makeSale("ends", { total: 1, hold: "10s" });
  const bob = await Buyer.comes("bob");
  await bob.logsIn();
  await bob.opens("ends");
  await bob.at("open");
  await bob.presses("Buy");
  await bob.at("held");
  const id = await bob.fact("Reservation");
  await bob.at("ended");
  await bob.presses("Buy again");
  await bob.at("open");
  await bob.presses("Buy");
  await bob.at("held"); // by itself, when the unit has come back
  assert.notEqual(await bob.fact("Reservation"), id);
  assert.ok(new Set(bob.buys).size === 2 && bob.buys[0] !== bob.buys.at(-1), `keys: ${bob.buys}`);
  await bob.leaves();
});

test("a payment that comes too late goes back", async () => {
  await makeSale("late", { total: 1, hold: "12s" });
  const cem = await Buyer.comes("cem");
  await cem.logsIn();
  await cem.opens("late");
  await cem.at("open");
  await cem.presses("Buy");
  await cem.at("held");
  await cem.presses("Pay");
  await cem.at("provider");
  await eventually("the prolonged hold ends", async () => (await counts("late")).pending === 0);
  await cem.presses("Pay now");
  await cem.at("returned");
  assert.equal((await counts("late")).confirmed, 0);
  await cem.leaves();
});

test("a refused payment may be tried again; a buyer gives back", async () => {
  await makeSale("back", { total: 1, hold: "5m" });
  const dee = await Buyer.comes("dee");
  await dee.logsIn();
  await dee.opens("back");
  await dee.at("open");
  await dee.presses("Buy");
  await dee.at("held");
  await dee.presses("Pay");
  await dee.at("provider");
  await dee.presses("Refuse");
  await dee.at("refused");
  await dee.presses("Back");
  await dee.at("held");
  await dee.presses("Give it back");
  await dee.at("cancelled");
  await eventually("the unit is nobody's", async () => (await counts("back")).pending === 0);
  await dee.leaves();
});

test("a draw: both wait, one wins, one has lost", async () => {
  const all = await Promise.all(["eva", "fin"].map((name) => Buyer.comes(name)));
  await Promise.all(all.map((b) => b.logsIn()));
  await makeSale("lots", { total: 1, hold: "5m", opens: soon(1), shuffle: "30s" });
  await Promise.all(all.map(async (b) => {
    await b.opens("lots");
    await b.at("open");
    await b.presses("Enter the draw");
    await b.at("entered");
  }));
  await all[0].page.reload(); // a lot is not lost with its page
  await all[0].at("entered");
  const states = await Promise.all(all.map((b) => b.at("held", "lost")));
  assert.deepEqual(states.toSorted(), ["held", "lost"]);
  const winner = all[states.indexOf("held")];
  await winner.presses("Pay");
  await winner.at("provider");
  await winner.presses("Pay now");
  await winner.at("paid");
  for (const b of all) await b.leaves();
});

test("an answer is lost: the same key, and one unit; another device finds it", async () => {
  await makeSale("lost", { total: 5, hold: "5m", limit_per_buyer: 2 });
  const gus = await Buyer.comes("gus");
  await gus.logsIn();
  await gus.opens("lost");
  await gus.at("open");
  let lost = 0;
  await gus.page.route("**/v1/sales/lost/reservations", async (route) => {
    if (lost++ > 0) return route.continue();
    await route.fetch(); // the edge has sold; the browser never hears of it
    return route.abort();
  });
  await gus.presses("Buy");
  await gus.at("held");
  assert.ok(gus.buys.length >= 2 && new Set(gus.buys).size === 1, `keys: ${gus.buys}`);
  assert.equal((await counts("lost")).pending, 1);

  const phone = await Buyer.comes("gus");
  await phone.logsIn();
  await phone.opens("lost");
  await phone.at("held");
  assert.equal(await phone.fact("Reservation"), await gus.fact("Reservation"));
  assert.equal(phone.buys.length, 0);
  for (const b of [gus, phone]) await b.leaves();
});

test("every no in words", async () => {
  await makeSale("noes", { total: 1, hold: "5m" });
  const [hal, ida] = await Promise.all(["hal", "ida"].map((name) => Buyer.comes(name)));
  for (const b of [hal, ida]) await b.logsIn();
  const title = (words) => ida.page.locator(`h1:text-is("${words}")`).waitFor();
  await ida.opens("noes");
  await ida.at("open");
  await operators("POST", "sales/noes/pause");
  await ida.presses("Buy");
  await title("The sale is paused");
  await eventually("a look shows it", async () => (await (await fetch(`${url}/v1/sales/noes`)).json()).state === "paused");
  await hal.opens("noes");
  await hal.at("waiting"); // it looks again by itself
  await operators("POST", "sales/noes/resume");
  await ida.at("held"); // its buy went on under the same key
  assert.equal(new Set(ida.buys).size, 1);
  await ida.presses("Give it back");
  await ida.at("cancelled");

  await hal.at("open");
  await hal.presses("Buy");
  await hal.at("held");
  await ida.presses("Buy again");
  await ida.at("open");
  await ida.presses("Buy");
  await title("None just now");
  await ida.presses("Stop asking");
  await ida.at("stopped");
  await ida.page.route("**/v1/sales/noes/reservations", (route) => route.fulfill({ status: 429, headers: { "Retry-After": "1" }, body: "" }), { times: 1 });
  await ida.presses("Ask again");
  await title("Very many people");
  await title("None just now");
  await hal.presses("Pay");
  await hal.at("provider");
  await hal.presses("Pay now");
  await hal.at("paid");
  await ida.at("sold_out");

  await makeSale("shut", { total: 1, hold: "5m" });
  await ida.opens("shut");
  await ida.at("open");
  await operators("POST", "sales/shut/close");
  await ida.presses("Buy");
  await ida.at("closed");
  await ida.opens("none");
  await ida.at("no_such_sale");
  for (const b of [hal, ida]) await b.leaves();
});

test("the login's cookie is a JWT that an edge believes, so a crowd need not meet the shop", async () => {
  await makeSale("crowd", { total: 5, hold: "5m", limit_per_buyer: 1 });
  const jon = await Buyer.comes("jon");
  await jon.logsIn();
  const login = (await jon.context.cookies()).find((c) => c.name === "login");
  assert.ok(login.httpOnly && login.sameSite === "Lax");
  const buy = (token) => fetch(`http://${process.env.SHOP_EDGE}/v1/sales/crowd/reservations`, { method: "POST", headers: { Authorization: `Bearer ${token}` } });
  assert.equal((await buy(login.value)).status, 201);
  assert.equal((await buy(login.value)).status, 429);
  assert.equal((await buy(`${login.value}x`)).status, 401);
  await jon.opens("crowd"); // the shop's own way names the same buyer
  await jon.at("held");
  await jon.leaves();
});

test("both languages have the same words", async () => {
  const kim = await Buyer.comes("kim", { locale: "zh-CN", colorScheme: "dark" });
  await kim.page.goto(url);
  await kim.at("login");
  assert.equal(await kim.page.locator("html").getAttribute("lang"), "zh-CN");
  const { en, zh } = await kim.page.evaluate(async () => (await import("/words.js")).languages);
  assert.deepEqual(Object.keys(zh), Object.keys(en));
  await kim.page.click("#lang");
  await kim.page.locator('html[lang="en"]').waitFor();
  await kim.leaves();
});
