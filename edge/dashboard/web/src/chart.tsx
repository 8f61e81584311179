// A chart of the last minutes, and the same numbers as a table for who cannot see it.
import { type ReadonlySignal, type Signal, untracked, useComputed, useSignal } from "@preact/signals";
import { few, moment, number } from "./format";
import type { Mark } from "./look";
import { across, type Course, plot } from "./plot";
import { named, t } from "./settings";

interface Props {
  title: string;
  id: string;
  of: () => Course;
  stacked?: boolean; // areas on top of each other; else lines
  log?: boolean; // a step up is ten times as much
}

const rows = 12; // of the table

export function Chart({ title, id, of, stacked = false, log = false }: Props) {
  // Looks come more often than points: a chart is drawn again when it has new ones.
  const stamp = useComputed(() => shape(of()));
  const course = useComputed(() => (stamp.value, untracked(of)));
  const drawn = useComputed(() => plot(course.value, stacked, log));
  const at = useSignal<number | null>(null); // the point under the pointer
  return (
    <figure class="chart" data-chart={id}>
      <figcaption>{title}</figcaption>
      <div class="plot" aria-hidden="true">
        {drawn.value.ticks.map((tick) => (
          <small key={tick.value} class="y" style={{ bottom: percent(tick.at) }}>
            {few(tick.value)}
          </small>
        ))}
        <svg viewBox="0 0 1000 100" preserveAspectRatio="none" onPointerMove={(e) => (at.value = under(e, course.value))} onPointerLeave={() => (at.value = null)}>
          {drawn.value.ticks.map((tick) => (
            <line key={tick.value} class="grid" x2="1000" y1={100 - tick.at * 100} y2={100 - tick.at * 100} />
          ))}
          {course.value.lines.map((line, i) => (
            <path key={line.name} d={drawn.value.paths[i]} class={line.dashed ? "dashed" : ""} style={{ [stacked ? "fill" : "stroke"]: `var(${line.colour})` }} />
          ))}
          {inside(course.value).map(([x, m]) => (
            <line key={`${m.t} ${m.what}`} class="mark" x1={x * 1000} x2={x * 1000} y2="100" />
          ))}
          <Cursor course={course} at={at} />
        </svg>
        {apart(inside(course.value)).map(([x, m]) => (
          <span key={`${m.t} ${m.what}`} class="label" style={{ left: percent(x) }}>
            {named("d_", m.what)}
          </span>
        ))}
      </div>
      <div class="x" aria-hidden="true">
        {[0, 0.5, 1].map((part) => (
          <small key={part}>{moment(course.value.t.length ? course.value.t[Math.round(part * (course.value.t.length - 1))]! * 1000 : null)}</small>
        ))}
      </div>
      <Legend course={course} at={at} />
      <AsTable title={title} course={course} />
    </figure>
  );
}

const percent = (part: number): string => `${(part * 100).toFixed(2)}%`;
const shape = (c: Course): string => [c.t.length, c.t.at(-1), c.marks.length, ...c.lines.map((l) => l.name)].join();

function under(e: PointerEvent, { t: times }: Course): number | null {
  const { left, width } = (e.currentTarget as Element).getBoundingClientRect();
  return times.length ? Math.min(times.length - 1, Math.max(0, Math.round(((e.clientX - left) / width) * (times.length - 1)))) : null;
}

const gap = 0.04; // a label nearer than this to the one before it would cover it

function apart(marks: [number, Mark][]): [number, Mark][] {
  let last = -1;
  return marks.filter(([x]) => x - last > gap && ((last = x), true));
}

type CourseOf = { course: ReadonlySignal<Course> };
type Pointed = CourseOf & { at: Signal<number | null> };

function Cursor({ course, at }: Pointed) {
  const i = at.value;
  const times = course.value.t;
  if (i === null || times[i] === undefined) return null;
  const x = across(times, times[i]) * 1000;
  return <line class="cursor" x1={x} x2={x} y2="100" />;
}

/** inside are the marks within the chart's time, with where they are, 0 to 1. */
function inside({ t: times, marks }: Course): [number, Mark][] {
  return marks.filter((m) => m.t >= (times[0] ?? Infinity) && m.t <= times.at(-1)!).map((m) => [across(times, m.t), m]);
}

/** Legend has the newest value of each line, or the one under the pointer. */
function Legend({ course, at }: Pointed) {
  const { t: times, lines } = course.value;
  const i = at.value ?? times.length - 1;
  return (
    <ul class="places">
      <li>{moment(times[i] === undefined ? null : times[i] * 1000)}</li>
      {lines.map((line) => (
        <li key={line.name}>
          <i class={line.dashed ? "dot dashed" : "dot"} style={{ color: `var(${line.colour})` }} aria-hidden="true" />
          {line.name} <span class="fig">{decimal(line.values[i])}</span>
        </li>
      ))}
    </ul>
  );
}

const decimal = (v: number | null | undefined): string => number(v, (v ?? 0) % 1 ? 1 : 0);

function AsTable({ title, course }: CourseOf & { title: string }) {
  const open = useSignal(false);
  return (
    <details onToggle={(e) => (open.value = e.currentTarget.open)}>
      <summary>{t("as_table")}</summary>
      {open.value && <Newest title={title} {...course.value} />}
    </details>
  );
}

function Newest({ title, t: times, lines }: Course & { title: string }) {
  if (times.length === 0) return <p>{t("no_points")}</p>;
  const newest = [...times.keys()].slice(-rows).reverse();
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={title}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t("time")}</th>
            {lines.map((l) => (
              <th scope="col" class="num" key={l.name}>
                {l.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {newest.map((i) => (
            <tr key={times[i]}>
              <th scope="row">{moment(times[i]! * 1000)}</th>
              {lines.map((l) => (
                <td class="num" key={l.name}>
                  {decimal(l.values[i])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
