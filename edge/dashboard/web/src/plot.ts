// From numbers to paths: a chart is 1000 wide and 100 high, whatever its size on the screen. Nothing here knows the page.
import type { Mark, Num } from "./look";

export interface Line {
  name: string;
  colour: string; // a variable of the style sheet
  values: Num[];
  dashed?: boolean;
}

/** Course is what a chart shows. Times are Unix seconds, oldest first, and each line has a value for each. */
export interface Course {
  t: number[];
  lines: Line[];
  marks: Mark[];
}

export interface Plot {
  paths: string[]; // a path a line
  ticks: { at: number; value: number }[]; // at: 0 is the bottom, 1 the top
}

interface Scale {
  place: (value: number) => number; // 0 is the bottom, 1 the top
  ticks: number[];
}

/** plot draws lines, or areas on top of each other. A value that is not known is a gap. */
export function plot({ t, lines }: Course, stacked: boolean, log: boolean): Plot {
  const tops = stacked ? sums(lines) : lines.map((l) => l.values);
  const scale = (log ? decades : fromZero)(tops.flat().filter((v) => v !== null));
  const points = tops.map((values) => values.map((v, i) => (v === null ? null : point(across(t, t[i]!), scale.place(v)))));
  const ground = t.map((s) => point(across(t, s), 0));
  return {
    paths: points.map((top, i) => (stacked ? area(top, points[i - 1] ?? ground) : stroke(top))),
    ticks: scale.ticks.map((value) => ({ value, at: scale.place(value) })),
  };
}

/** across is where a moment is between the first one and the last one, 0 to 1. */
export function across(t: number[], s: number): number {
  const [first, last] = [t[0] ?? 0, t.at(-1) ?? 0];
  return last > first ? (s - first) / (last - first) : 1;
}

const point = (x: number, y: number): string => `${(x * 1000).toFixed(1)} ${((1 - y) * 100).toFixed(2)}`;

function sums(lines: Line[]): Num[][] {
  let below: Num[] = lines[0]?.values.map(() => 0) ?? [];
  return lines.map((line) => {
    below = below.map((b, i) => (b === null || line.values[i] == null ? null : b + line.values[i]));
    return below;
  });
}

/** runs are the parts without a gap, each as first and last index. */
function runs(points: (string | null)[]): [number, number][] {
  const all: [number, number][] = [];
  points.forEach((p, i) => {
    if (p === null) return;
    const last = all.at(-1);
    if (last && last[1] === i - 1) last[1] = i;
    else all.push([i, i]);
  });
  return all;
}

const stroke = (points: (string | null)[]): string => runs(points).map(([a, z]) => `M${points.slice(a, z + 1).join("L")}`).join("");

function area(top: (string | null)[], below: (string | null)[]): string {
  return runs(top)
    .map(([a, z]) => `M${top.slice(a, z + 1).join("L")}L${below.slice(a, z + 1).reverse().join("L")}Z`)
    .join("");
}

function fromZero(values: number[]): Scale {
  const most = round(Math.max(1, ...extremes(values)));
  return { place: (v) => v / most, ticks: [0, most / 2, most] };
}

/** round is the next of 1, 2, 4, 5, 10, 20 … */
function round(n: number): number {
  const ten = 10 ** Math.floor(Math.log10(n));
  return ten * ([1, 2, 4, 5, 10].find((f) => f * ten >= n) ?? 10);
}

function decades(values: number[]): Scale {
  const [least, most] = extremes(values.filter((v) => v > 0));
  const low = Math.floor(Math.log10(least ?? 1));
  const high = Math.max(low + 1, Math.ceil(Math.log10(most ?? 10)));
  return { place: (v) => (Math.log10(v) - low) / (high - low), ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)) };
}

// Not by spreading: that many arguments may be too many.
const extremes = (values: number[]): number[] => (values.length ? [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))] : []);
