// The page of one sale: its headline, its course, who holds its units, and what an operator may do.
import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import { Actions } from "../actions";
import { call } from "../api";
import { Chart } from "../chart";
import { Bar, Cell, Fact, Fig, Places, Table, Text } from "../figure";
import { dash, moment, number, rate, span } from "../format";
import { look, old, sales, since, until } from "../live";
import type { Detail, Num, Percentiles, Sale as SaleOf, Series } from "../look";
import { places } from "../look";
import type { Course } from "../plot";
import { lang, named, t } from "../settings";
import { Aged, outlook, Sold, State, Wrong } from "./sales";

export function Sale({ name }: { name: string }) {
  const known = useComputed(() => sales.keys.value.includes(name));
  const s = known.value ? sales.get(name) : undefined;
  if (!s)
    return (
      <>
        <h1 tabIndex={-1}>{name}</h1>
        <p>{t("no_such_sale")}</p>
      </>
    );
  return <Known key={name} name={name} of={() => s.value} />;
}

interface Of {
  name: string;
  of: () => SaleOf;
}

function Known({ name, of }: Of) {
  const stale = useComputed(() => (old(of().age_ms) ? "old" : ""));
  const revision = useComputed(() => of().revision);
  const detail = useComputed(() => (look.value?.detail?.sale === name ? look.value.detail : undefined));
  return (
    <article class={stale} data-sale={name} data-revision={revision}>
      <div class="head">
        <h1 tabIndex={-1}>{name}</h1>
        <State of={of} />
        <Actions of={of} />
        <a href={`/sales/${encodeURIComponent(name)}/report.html?lang=${lang.value}`}>{t("report")}</a>
      </div>
      <Wrong of={of} />
      <div>
        <Headline name={name} of={of} />
        <Bar of={of} />
        <Places of={of} sale={name} />
      </div>
      <Courses detail={detail} />
      <div class="columns">
        <Outcomes name={name} of={of} />
        <Holders detail={detail} />
        <Marks detail={detail} />
        <Draw detail={detail} />
        <Audit name={name} />
      </div>
    </article>
  );
}

function Headline({ name, of }: Of) {
  return (
    <dl class="headline">
      <Fact word="won_s">
        <Fig id="sale.won_per_s" sale={name} of={() => of().won_per_s} as={rate} />
      </Fact>
      <Fact word="answered_s">
        <Fig id="sale.answered_per_s" sale={name} of={() => of().answered_per_s} as={rate} />
      </Fact>
      <Fact word="sold">
        <Sold of={of} />
      </Fact>
      <Fact word="total">
        <Fig id="sale.total" sale={name} of={() => of().total} />
      </Fact>
      <Fact word="outlook">
        <Text id="sale.outlook" sale={name} of={() => outlook(of()) || dash} /> <Aged of={of} />
      </Fact>
      <Settings name={name} of={of} />
    </dl>
  );
}

function Settings({ name, of }: Of) {
  const when = (word: "opens" | "closes" | "draws") => (
    <Fact word={word}>
      <Text id={`sale.${word}`} sale={name} of={() => moment(of()[`${word}_ms`] || null)} />
    </Fact>
  );
  return (
    <>
      <Fact word="hold">
        <Text id="sale.hold" sale={name} of={() => (of().hold_seconds ? span(of().hold_seconds! * 1000) : t("no_hold"))} />
      </Fact>
      <Fact word="limit">
        <Text id="sale.limit" sale={name} of={() => (of().limit_per_buyer ? number(of().limit_per_buyer) : t("no_limit"))} />
      </Fact>
      {when("opens")}
      {when("closes")}
      {of().draws_ms ? when("draws") : null}
      <Fact word="revision">
        <Text id="sale.revision" sale={name} of={() => of().revision} />
      </Fact>
    </>
  );
}

type DetailOf = { detail: ReadonlySignal<Detail | undefined> };

function Courses({ detail }: DetailOf) {
  const course = (lines: (s: Series) => Course["lines"]) => (): Course => {
    const s = detail.value?.series;
    return { t: s?.t ?? [], lines: s ? lines(s) : [], marks: detail.value?.marks ?? [] };
  };
  return (
    <div class="charts">
      <Chart id="places" title={t("course")} stacked of={course((s) => places.map((p) => ({ name: t(p), colour: `--${p}`, values: s[p] })))} />
      <Chart id="outcomes" title={t("buys")} stacked of={course((s) => outcomes(s.outcomes ?? {}))} />
      <Chart id="latency" title={t("latency")} log of={course((s) => [...percentiles("winners", s.won_ms), ...percentiles("rest", s.rest_ms)])} />
    </div>
  );
}

const colours = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7", "--c8"];
const own: Record<string, string> = { won: "--confirmed", undecided: "--bad", sold_out: "--dim" };

// Winners lie at the bottom, where their course is seen best. What never happened has no line.
function outcomes(of: Record<string, Num[]>): Course["lines"] {
  const names = Object.keys(of).filter((name) => of[name]!.some((v) => v));
  names.sort((a, b) => Number(b === "won") - Number(a === "won") || a.localeCompare(b));
  return names.map((name, i) => ({ name: named("o_", name), colour: own[name] ?? colours[i % colours.length]!, values: of[name]! }));
}

// A logarithmic scale has no place for 0.
function percentiles(who: "winners" | "rest", of: Percentiles | null): Course["lines"] {
  if (!of) return [];
  const line = (name: string, values: Num[], part: string) => ({ name: t(who, name), colour: part, values: values.map((v) => v || null), dashed: who === "rest" });
  return [line("p50", of.p50, "--c1"), line("p99", of.p99, "--c2"), line("p99.9", of.p999, "--c4")];
}

function Outcomes({ name, of }: Of) {
  const keys = useComputed(() => Object.keys(of().buys ?? {}).sort().join(" "));
  return (
    <section>
      <h2>{t("by_outcome")}</h2>
      {keys.value === "" && <p>{t("none_yet")}</p>}
      {keys.value !== "" && (
        <Table id="outcomes" label={t("by_outcome")} columns={["outcome", "#count"]}>
          {keys.value.split(" ").map((o) => (
            <tr role="row" key={o}>
              <th role="rowheader" scope="row">
                {named("o_", o)}
              </th>
              <Cell word="count" num>
                <Fig id={`sale.buys.${o}`} sale={name} of={() => of().buys?.[o]} />
              </Cell>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

function Holders({ detail }: DetailOf) {
  const all = (detail.value?.holders ?? []).filter((h) => h.units + h.limbo > 0);
  return (
    <section>
      <h2>{t("holders")}</h2>
      {all.length === 0 && <p>{t("no_holders")}</p>}
      {all.length > 0 && (
        <Table id="holders" label={t("holders")} columns={["node", "#units", "#limbo", "#silent"]}>
          {all.map((h) => (
            <tr role="row" key={h.instance} data-node={h.node}>
              <th role="rowheader" scope="row" title={h.instance}>
                {h.node || h.instance}
              </th>
              <Cell word="units" num>
                {number(h.units)}
              </Cell>
              <Cell word="limbo" num>
                {number(h.limbo)}
              </Cell>
              <Cell word="silent" num>
                {span(h.silent_ms === null ? null : h.silent_ms + since.value)}
              </Cell>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

function Marks({ detail }: DetailOf) {
  const text = useComputed(() => JSON.stringify(detail.value?.marks ?? []));
  const all = JSON.parse(text.value) as NonNullable<Detail["marks"]>;
  return (
    <section>
      <h2>{t("marks")}</h2>
      {all.length === 0 && <p>{t("no_marks")}</p>}
      <ol class="marks">
        {all.toReversed().map((m) => (
          <li key={`${m.t} ${m.what}`}>
            <time>{moment(m.t * 1000)}</time> {named("d_", m.what)} {m.more}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Draw({ detail }: DetailOf) {
  const d = detail.value?.draw;
  if (!d) return null;
  return (
    <section>
      <h2>{t("draw")}</h2>
      <dl class="facts">
        <Fact word="entrants">{number(d.entrants)}</Fact>
        <Fact word="draws">
          {moment(d.draws_ms)} {(until(d.draws_ms) ?? 0) > 0 && `(${span(until(d.draws_ms))})`}
        </Fact>
        <Fact word="seal">
          <code>{d.seal}</code>
        </Fact>
        {d.secret && (
          <Fact word="secret">
            <code>{d.secret}</code>
          </Fact>
        )}
      </dl>
    </section>
  );
}

interface Audited extends Record<(typeof places)[number], number> {
  total: number;
  ok: boolean;
  census: boolean;
  violations: string[];
}

function Audit({ name }: { name: string }) {
  const found = useSignal<Audited | Error | "busy" | null>(null);
  const count = async () => {
    if (found.value === "busy") return;
    found.value = "busy";
    found.value = await call<Audited>("GET", `/api/v1/sales/${encodeURIComponent(name)}/audit`).catch((e: Error) => e);
  };
  return (
    <section>
      <h2>{t("audit")}</h2>
      <p>{t("audit_why")}</p>
      <button type="button" data-action="audit" onClick={count} aria-disabled={found.value === "busy"}>
        {t("audit_now")}
      </button>
      <div role="status" data-figure="sale.audit">
        {found.value === "busy" ? t("auditing") : found.value instanceof Error ? <p class="wrong">{found.value.message}</p> : found.value && <Found {...found.value} />}
      </div>
    </section>
  );
}

function Found(a: Audited) {
  return (
    <>
      <p class={a.ok ? "well" : "wrong"}>
        {t(a.ok ? "audit_ok" : "audit_bad")} {!a.census && t("audit_booked")}
      </p>
      <ul>
        {a.violations.map((v) => (
          <li key={v}>{v}</li>
        ))}
      </ul>
      <p>
        {t("total")} {number(a.total)} = {places.map((p) => `${t(p)} ${number(a[p])}`).join(" + ")}
      </p>
    </>
  );
}
