// A crowd that nginx answers alone stays in sight.
import assert from "node:assert/strict";
import test from "node:test";
import { judge } from "./figures.mjs";
import { crowd, figure, makeSale, measured, open, pause, said, stage, until, value } from "./stage.mjs";
import { statement, witness } from "./witness.mjs";

const requests = 1_000_000;
const differs = 0.05;

const shown = (id, figures) => value(figures.find((f) => f.id === id)?.text ?? "–");
const total = (figures) => shown("front.total", figures);
const figures = { "front.total": "of nginx", "sale.answered_per_s": "of the only sale" };
/** beatOf is when the gate told what a look shows of it. */
function beatOf(look) {
  return look.at - look.processes.find((p) => p.kind === "gate" && p.front).age_ms;
}

/** counted is how many requests a figure has shown: each rate, for as long as the gate's beat stood for. */
function counted(id, seen) {
  let all = 0;
  let before;
  for (const s of seen) {
    const beat = beatOf(s.look);
    if (before === undefined || beat - before < 100) {
      before ??= beat;
      continue;
    }
    all += ((shown(id, s.figures) ?? 0) * (beat - before)) / 1000;
    before = beat;
  }
  return all;
}

test("answered/s on the page is what the load generator counts, and never 0", async () => {
  await makeSale("ticket", 20, { hold: "0s" });
  const page = await open("/", { init: witness });
  await crowd("ticket", 500);
  await until("nginx answers alone", async () => /[1-9]/.test((await front(page, "flags")) ?? ""));
  await pause(4000); // what was asked until now is shown, and over
  await statement(page);
  const seen = [];
  let over = false;
  const began = Date.now();
  const flood = crowd("ticket", requests, { connections: 16 }).finally(() => (over = true));
  while (!over) {
    seen.push(...(await statement(page)));
    await pause(500);
  }
  const result = await flood;
  const ended = Date.now();
  const during = seen.length;
  await until("the flood is over on the page, too", async () => {
    seen.push(...(await statement(page)));
    return seen.slice(during).some((s) => s.look.at > seen[during - 1].look.at + 3000 && (total(s.figures) ?? 1e9) < 100);
  });
  assert.equal(result.errors, 0, JSON.stringify(result.error_kinds));
  assert.equal(result.answered, requests);
  for (const s of seen) assert.deepEqual(judge(s).wrong, []);
  for (const [id, whose] of Object.entries(figures)) {
    const inside = seen.filter((s) => began + 2000 < beatOf(s.look) && beatOf(s.look) < ended).map((s) => shown(id, s.figures)); // a whole beat of the flood
    assert.ok(inside.length > 5 && inside.every((n) => n === null || n > 0), `${id}: ${inside}`);
    assert.ok(inside.filter((n) => n === null).length < inside.length / 5, `${id} is not known: ${inside}`);
    const share = counted(id, seen) / requests;
    measured(`answered/s ${whose} came to ${(100 * share).toFixed(1)} % of ${requests} requests, at ${Math.round(result.answered / (result.elapsed_ns / 1e9))} requests/s, in ${seen.length} looks`);
    assert.ok(Math.abs(share - 1) <= differs, `${id} came to ${share} of what was answered`);
  }
});

async function front(page, id) {
  const other = await page.context().newPage();
  await other.goto(`${stage.page}/front`);
  const text = await figure(other, `front.${id}`).textContent();
  await other.close();
  return text;
}

test("no page said an error, or asked anybody else", () => assert.deepEqual(said, []));
