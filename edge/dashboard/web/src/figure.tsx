// Small things that every page is made of. A signal a figure: what changes redraws one text node.
import { useComputed } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { number } from "./format";
import { type Num, type Place, places, type Sale } from "./look";
import { t } from "./settings";
import type { Word } from "./words";

interface Named {
  id: string; // "sale.free": what a test finds the figure by
  sale?: string | undefined;
  node?: string | undefined;
}

/** Text is a text that changes. */
export function Text({ id, sale, node, of }: Named & { of: () => string }) {
  const text = useComputed(of);
  return (
    <span class="fig" data-figure={id} data-sale={sale} data-node={node}>
      {text}
    </span>
  );
}

/** Fig is a number that changes, or a dash while nobody knows it. */
export function Fig({ of, as = number, ...name }: Named & { of: () => Num | undefined; as?: (n: Num | undefined) => string }) {
  return <Text {...name} of={() => as(of())} />;
}

/** Fact is a figure with its name above it. */
export function Fact({ word, children }: { word: Word; children: ComponentChildren }) {
  return (
    <div class="fact">
      <dt>{t(word)}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Cell is a cell of a table that can become a card: there it shows its column's name. */
export function Cell({ word, children, num = false }: { word: Word; children: ComponentChildren; num?: boolean }) {
  return (
    <td role="cell" class={num ? "num" : ""} data-label={t(word)}>
      {children}
    </td>
  );
}

/** Table is a table that becomes cards where there is no room. Names of columns are words; a "#" before one is for numbers. */
export function Table({ label, columns, children, id }: { label: string; columns: (Word | `#${Word}`)[]; children: ComponentChildren; id: string }) {
  return (
    <table role="table" class={`cards ${id}`} aria-label={label} data-table={id}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((c) => (
            <th role="columnheader" scope="col" key={c} class={c[0] === "#" ? "num" : ""}>
              {t((c[0] === "#" ? c.slice(1) : c) as Word)}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">{children}</tbody>
    </table>
  );
}

/** Dot is the colour of a place or a line, beside its name. */
export const Dot = ({ of }: { of: string }) => <i class={`dot ${of}`} aria-hidden="true" />;

/** Bar shows where the units of a sale are. The numbers beside it say the same to who cannot see it. */
export function Bar({ of }: { of: () => Sale }) {
  return (
    <svg class="bar" viewBox="0 0 1000 1" preserveAspectRatio="none" aria-hidden="true">
      {places.map((p) => (
        <Part key={p} of={of} place={p} />
      ))}
    </svg>
  );
}

function Part({ of, place }: { of: () => Sale; place: Place }) {
  const begin = useComputed(() => scale(of(), places.slice(0, places.indexOf(place))));
  const width = useComputed(() => scale(of(), [place]));
  return <rect class={place} x={begin} width={width} y="0" height="1" />;
}

function scale(s: Sale, of: readonly Place[]): string {
  return ((of.reduce((sum, p) => sum + (s[p] ?? 0), 0) / Math.max(1, s.total ?? 0)) * 1000).toFixed(1);
}

/** Places are the numbers of the five places, with their colours. */
export function Places({ of, sale }: { of: () => Sale; sale: string }) {
  return (
    <ul class="places">
      {places.map((p) => (
        <li key={p}>
          <Dot of={p} />
          {t(p)} <Fig id={`sale.${p}`} sale={sale} of={() => of()[p]} />
        </li>
      ))}
    </ul>
  );
}

/** Spark is the course of the last minute, newest at the right. */
export function Spark({ of }: { of: () => Num[] | null }) {
  const points = useComputed(() => line(of() ?? []));
  return (
    <svg class="spark" viewBox="0 0 60 20" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points} />
    </svg>
  );
}

function line(values: Num[]): string {
  const most = Math.max(1, ...values.map((v) => v ?? 0));
  return values.map((v, i) => `${60 - values.length + i + 1},${(19 - ((v ?? 0) / most) * 18).toFixed(1)}`).join(" ");
}
