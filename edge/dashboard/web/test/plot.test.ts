import assert from "node:assert/strict";
import { test } from "node:test";
import { across, type Course, plot } from "../src/plot.ts";

const course = (...values: (number | null)[][]): Course => ({ t: [10, 11, 12], marks: [], lines: values.map((v, i) => ({ name: `${i}`, colour: "", values: v })) });

test("areas lie on top of each other, and the topmost fits", () => {
  const { paths, ticks } = plot(course([1, 2, 2], [1, 2, 0]), true, false);
  assert.deepEqual(ticks.map((t) => t.value), [0, 2, 4]);
  assert.equal(paths[0], "M0.0 75.00L500.0 50.00L1000.0 50.00L1000.0 100.00L500.0 100.00L0.0 100.00Z");
  assert.equal(paths[1], "M0.0 50.00L500.0 0.00L1000.0 50.00L1000.0 50.00L500.0 50.00L0.0 75.00Z");
});

test("what is not known is a gap, in every area above it, too", () => {
  const { paths } = plot(course([1, null, 1], [1, 1, 1]), true, false);
  for (const path of paths) assert.equal(path.match(/M/g)?.length, 2, path);
  assert.equal(plot(course([null, null, null]), false, false).paths[0], "");
});

test("a step of a logarithmic chart is ten times as much", () => {
  const { paths, ticks } = plot(course([0.5, 5, 50]), false, true);
  assert.deepEqual(ticks.map((t) => t.value), [0.1, 1, 10, 100]);
  const heights = paths[0]!.slice(1).split("L").map((p) => Number(p.split(" ")[1]));
  assert.ok(Math.abs(heights[0]! - 2 * heights[1]! + heights[2]!) < 0.05, `${heights}`);
});

test("the scale of a chart is round, and no value is outside of it", () => {
  for (const most of [0, 0.3, 1, 3, 7, 12, 999, 1_000_001, 4294967294]) {
    const top = plot(course([0, most, 0]), false, false).ticks.at(-1)!.value;
    assert.ok(top >= most && top <= Math.max(1, 2.5 * most), `${most}: ${top}`);
    assert.match(String(top), /^[1245]0*$/);
  }
});

test("a chart without points, or with one, can be drawn", () => {
  assert.deepEqual(plot({ t: [], marks: [], lines: [] }, true, false).paths, []);
  assert.equal(across([7], 7), 1);
  assert.equal(plot({ t: [7], marks: [], lines: [{ name: "", colour: "", values: [1] }] }, false, false).paths[0], "M1000.0 0.00");
});
