// The page "/": every sale in a row.
import { useComputed, useSignal } from "@preact/signals";
import { First, making } from "../create";
import { Bar, Cell, Fig, Places, Spark, Table, Text } from "../figure";
import { dash, number, rate, share, span } from "../format";
import { look, mayAct, old, sales, since, until } from "../live";
import type { Num, Sale } from "../look";
import { A, saleHref } from "../route";
import { t } from "../settings";
import { useNear } from "../seen";
import { TroubleList } from "../strip";
import { ofSale } from "../trouble";

const filterFrom = 10; // fewer sales are seen at once

export function Sales() {
  const part = useSignal("");
  const all = sales.keys.value;
  const names = all.filter((name) => name.includes(part.value));
  const total = useComputed(() => look.value?.sales_total ?? 0);
  if (all.length === 0) return <None />;
  return (
    <>
      <div class="head">
        <h1 tabIndex={-1}>{t("sales")}</h1>
        {all.length >= filterFrom && (
          <label class="filter">
            {t("filter")} <input type="search" value={part} onInput={(e) => (part.value = e.currentTarget.value)} />
          </label>
        )}
        {mayAct.value && (
          <button type="button" class="main" data-action="create" onClick={() => (making.value = true)}>
            {t("new_sale")}
          </button>
        )}
      </div>
      {total.value > all.length && <p>{t("more_sales", number(all.length), number(total.value))}</p>}
      {names.length === 0 && <p>{t("none_match")}</p>}
      <Table id="sales" label={t("sales")} columns={["sale", "units", "#sold", "#won_s", "#answered_s", "minute", "outlook"]}>
        {names.map((name) => (
          <Row key={name} name={name} />
        ))}
      </Table>
    </>
  );
}

function None() {
  return (
    <section class="first">
      <h1 tabIndex={-1}>{t("sales")}</h1>
      <p>{t(mayAct.value ? "no_sales" : "no_sales_viewer")}</p>
      {mayAct.value && <First />}
    </section>
  );
}

function Row({ name }: { name: string }) {
  const [row, s] = useNear<Sale, HTMLTableRowElement>(sales.get(name)!);
  const aged = useComputed(() => (old(s.value.age_ms) ? "old" : ""));
  const revision = useComputed(() => s.value.revision);
  const of = () => s.value;
  return (
    <tr ref={row} role="row" class={aged} data-sale={name} data-revision={revision}>
      <th role="rowheader" scope="row" class="name">
        <A href={saleHref(name)}>{name}</A> <State of={of} />
        <Wrong of={of} />
      </th>
      <Cell word="units">
        <Bar of={of} />
        <Places of={of} sale={name} />
      </Cell>
      <Cell word="sold" num>
        <Sold of={of} />
      </Cell>
      <Cell word="won_s" num>
        <Fig id="sale.won_per_s" sale={name} of={() => s.value.won_per_s} as={rate} />
      </Cell>
      <Cell word="answered_s" num>
        <Fig id="sale.answered_per_s" sale={name} of={() => s.value.answered_per_s} as={rate} />
      </Cell>
      <Cell word="minute">
        <Spark of={() => s.value.spark} />
      </Cell>
      <Cell word="outlook">
        <Text id="sale.outlook" sale={name} of={() => outlook(s.value)} />
        <Aged of={of} />
      </Cell>
    </tr>
  );
}

type Of = { of: () => Sale };

export function State({ of }: Of) {
  const state = useComputed(() => of().state);
  return (
    <span class={`state ${state.value}`} data-figure="sale.state" data-state={state.value} data-sale={of().sale}>
      {state.value ? t(state.value) : dash}
    </span>
  );
}

export function Sold({ of }: Of) {
  return <Text id="sale.sold" sale={of().sale} of={() => share(sum(of().pending, of().confirmed), of().total)} />;
}

const sum = (a: Num, b: Num): Num => (a === null || b === null ? null : a + b);

/** Wrong says what is wrong with a sale. It is drawn again only when that changes. */
export function Wrong({ of }: Of) {
  const text = useComputed(() => JSON.stringify(ofSale(of())));
  const all = JSON.parse(text.value) as ReturnType<typeof ofSale>;
  return all.length ? <TroubleList all={all} /> : null;
}

/** Aged says how old the numbers are, once they are old. */
export function Aged({ of }: Of) {
  const text = useComputed(() => (old(of().age_ms) ? t("old", span((of().age_ms ?? 0) + since.value)) : ""));
  return (
    <small class="aged" data-figure="sale.age" data-sale={of().sale}>
      {text}
    </small>
  );
}

/** outlook is what will happen to a sale next. */
export function outlook(s: Sale): string {
  const all = [];
  const out = sum(s.leased, s.limbo);
  if (s.state === "not_open") all.push(t("opens_in", span(until(s.opens_ms))));
  if (s.state === "drawing") all.push(t("draws_in", span(until(s.draws_ms))));
  if ((s.state === "paused" || s.state === "closed") && out) all.push(t("still_out", number(out)));
  if (s.state === "open" && sum(s.free, out) === 0) all.push(t(s.final ? "sold_out" : "none_left"));
  else if (s.state === "open" && s.won_per_s && s.sold_out_in_ms !== null) all.push(t("sold_out_in", span(s.sold_out_in_ms)));
  if (s.state !== "closed" && s.closes_ms) all.push(t("closes_in", span(until(s.closes_ms))));
  return all.join(" · ");
}

