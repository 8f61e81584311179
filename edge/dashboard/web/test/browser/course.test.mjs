// A full sale, from its opening to its end, an edge killed in its middle: every look adds up, and the page does not grow.
import assert from "node:assert/strict";
import test from "node:test";
import { addsUp } from "./figures.mjs";
import { ask, crowd, ending, makeSale, measured, open, patience, pause, said, stage, until } from "./stage.mjs";

const looksLeast = 2000;
const heapMost = 1_500_000; // bytes that a page may grow by
const nodesMost = 300;
const watched = stage.long ? 600_000 : 60_000; // ms, after the page has warmed up

/** record takes every look of a stream until it is told to stop. */
async function record(side, take, signal) {
  try {
    const res = await fetch(`http://${side}/events`, { headers: { Authorization: `Bearer ${stage.admin}` }, signal });
    let rest = "";
    for await (const part of res.body.pipeThrough(new TextDecoderStream())) {
      const events = (rest + part).split("\n\n");
      rest = events.pop();
      for (const e of events) if (e.startsWith("event: look")) take(JSON.parse(e.slice(e.indexOf("data: ") + 6)));
    }
  } catch (e) {
    if (!signal.aborted) throw e;
  }
}

/** size is what the page uses once everything is thrown away that it can do without. */
async function size(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("HeapProfiler.enable");
  for (let i = 0; i < 3; i++) await cdp.send("HeapProfiler.collectGarbage");
  const { usedSize } = await cdp.send("Runtime.getHeapUsage");
  await cdp.send("Performance.enable");
  const { metrics } = await cdp.send("Performance.getMetrics");
  await cdp.detach();
  return { heap: usedSize, nodes: metrics.find((m) => m.name === "Nodes").value };
}

test("2,000 looks of a full sale add up, and the page does not grow", async (t) => {
  await makeSale("ticket", 12_000, { hold: "5s" });
  const over = ending(t);
  const looks = [];
  const sides = [stage.page.slice("http://".length), ...(await ask("more sides", { n: 4 }))];
  const recorded = sides.map((side, i) => record(side, (look) => looks.push({ ...look, side: i }), over));
  const page = await open("/");
  const selling = (async () => {
    while (!over.aborted) await crowd("ticket", 2000, { rate: 200, connections: 4 });
  })();
  await until("a third of the looks", () => looks.length > looksLeast / 3, 4 * patience);
  await pause(20_000); // the page has been everywhere
  await ask("kill", { edge: 1 });
  const first = await size(page);
  await pause(watched);
  const last = await size(page);
  await until("all looks", () => looks.length >= looksLeast, 6 * patience);
  over.end();
  await selling;
  await Promise.all(recorded);

  assert.deepEqual(looks.flatMap(addsUp).slice(0, 5), []);
  judgeCourse(looks);
  measured(`${looks.length} looks add up; in ${watched / 1000} s the page grew by ${last.heap - first.heap} bytes of ${first.heap}, and by ${last.nodes - first.nodes} nodes of ${first.nodes}`);
  assert.ok(last.heap - first.heap < heapMost, `the page grew from ${first.heap} to ${last.heap} bytes`);
  assert.ok(last.nodes - first.nodes < nodesMost, `the page grew from ${first.nodes} to ${last.nodes} nodes`);
});

/** judgeCourse judges the looks of each server one after the other: what never falls, and what was seen. */
function judgeCourse(looks) {
  const places = new Set();
  for (let side = 0; side <= 4; side++) {
    const own = looks.filter((l) => l.side === side);
    let before;
    for (const l of own) {
      const s = l.sales.find((s) => s.sale === "ticket");
      if (!s || s.total === null) continue;
      for (const p of ["free", "leased", "limbo", "pending"]) if (s[p] > 0) places.add(p);
      if (before) {
        assert.ok(BigInt(s.revision) >= BigInt(before.revision), `revision ${s.revision} after ${before.revision}`);
        assert.ok(l.at >= before.at, "looks come in their order");
      }
      before = { ...s, at: l.at };
    }
    assert.ok(own.length > looksLeast / 20, `${own.length} looks of server ${side}`);
  }
  assert.deepEqual([...places].sort(), ["free", "leased", "limbo", "pending"]);
  const rates = looks.map((l) => l.sales[0]?.answered_per_s).filter((n) => n !== null && n !== undefined);
  assert.ok(rates.length > looks.length / 2, `${rates.length} rates of ${looks.length} looks`);
  assert.ok(Math.max(...rates) < 5000, `${Math.max(...rates)} answers/s, and 200 were asked for`);
}

test("no page said an error, or asked anybody else", () => assert.deepEqual(said, []));
