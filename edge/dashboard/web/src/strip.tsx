// What stands above every page: whether the numbers live, the store, how many processes are well, and what is wrong.
import { effect, signal, useComputed } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { dash, micro, number, rate, share, span } from "./format";
import { Fact, Text } from "./figure";
import { look, lost, old, sales, silent, since } from "./live";
import type { Process } from "./look";
import { A, shown } from "./route";
import { t } from "./settings";
import { type Trouble, troubles } from "./trouble";

/** Banner replaces the headline while the numbers do not live. */
export function Banner() {
  if (lost.value) return <Gone what={t("link_lost", span(since.value))} advice={t("link_lost_do")} kind="link" />;
  const store = look.value?.store;
  if (!silent.value || !store) return null;
  const name = store.kind === "redis" ? `Redis ${store.address}` : t("store");
  return <Gone what={t("store_silent", name, span(store.silent_ms + since.value))} advice={t("store_silent_do")} kind="store" why={store.why} />;
}

function Gone({ what, advice, kind, why = "" }: { what: string; advice: string; kind: string; why?: string }) {
  return (
    <div class="banner" data-banner={kind}>
      <strong>{what}</strong> {why && `(${why}) `}
      {advice}
    </div>
  );
}

export function Strip() {
  const stale = useComputed(() => old(0) || silent.value);
  const gates = useComputed(() => of("gate").length > 0);
  const redis = useComputed(() => look.value?.store.kind === "redis");
  if (lost.value || silent.value || !look.value) return null;
  return (
    <dl class={`strip ${stale.value ? "old" : ""}`} aria-label={t("store")}>
      <Fact word="store">
        <Text id="store.address" of={() => (look.value?.store.kind === "redis" ? `Redis ${look.value.store.address}` : t("embedded"))} />
      </Fact>
      {redis.value && <Redis />}
      <Fact word="edges">
        <Text id="edges.ready" of={() => ready("edge")} /> {t("ready")}
      </Fact>
      <Fact word="gates">
        <Text id="gates.ready" of={() => ready("gate")} />
      </Fact>
      {gates.value && (
        <Fact word="requests_front">
          <Text id="front.total" of={requests} />
        </Fact>
      )}
      <Fact word="workers">
        <Text id="orders.ready" of={() => ready("orders")} />
      </Fact>
      <Fact word="version">
        <Text id="versions" of={versions} />
      </Fact>
    </dl>
  );
}

function Redis() {
  return (
    <>
      <Fact word="era">
        <Text id="store.era" of={() => look.value?.store.era || dash} />
      </Fact>
      <Fact word="replicas">
        <Text id="store.replicas" of={() => `${look.value?.store.replicas} / ${look.value?.store.wanted}`} />
      </Fact>
      <Fact word="round_trip">
        <Text id="store.round_trip" of={() => micro(look.value?.store.round_trip_us)} />
      </Fact>
    </>
  );
}

const of = (kind: Process["kind"]): Process[] => look.value?.processes.filter((p) => p.kind === kind && !p.gone) ?? [];

function ready(kind: Process["kind"]): string {
  return `${number(of(kind).filter((p) => p.ready).length)} / ${number(of(kind).length)}`;
}

/** What buyers ask of nginx: an edge hears only a part of it. */
function requests(): string {
  const fronts = of("gate").flatMap((p) => (p.front?.requests_per_s == null ? [] : [p.front]));
  if (fronts.length === 0) return dash;
  const all = fronts.reduce((sum, f) => sum + (f.requests_per_s ?? 0), 0);
  return `${rate(all)} (${t("in_front").toLowerCase()}: ${share(fronts[0]!.in_front_share)})`;
}

function versions(): string {
  const all = new Set(look.value?.processes.filter((p) => !p.gone).map((p) => p.version));
  return [...all].join(", ") || (look.value?.version ?? "");
}

/** Troubles lists what is wrong, and what to do. */
export function Troubles() {
  if (lost.value || silent.value || !look.value) return null;
  const all = troubles.value;
  const risks = look.value.store.risks ?? [];
  return (
    <section class="troubles" aria-label={t("troubles")} data-count={all.length}>
      {all.length === 0 && <p class="well">{t("all_well")}</p>}
      {all.length > 0 && <TroubleList all={all.slice(0, few)} />}
      {all.length > few && (
        <details>
          <summary>{t("more_troubles", all.length - few)}</summary>
          <TroubleList all={all.slice(few, many)} />
        </details>
      )}
      {risks.map((risk) => (
        <p key={risk} class="see">
          {t("risk")}: {risk}
        </p>
      ))}
    </section>
  );
}

const few = 4; // troubles that are seen at once
const many = 100; // that are shown at all

export function TroubleList({ all }: { all: Trouble[] }) {
  return (
    <ul class="trouble">
      {all.map((w) => (
        <li key={w.key}>
          {w.href ? <A href={w.href}>{w.text}</A> : w.text} {w.see && <span class="see">{t("see", ...w.see)}</span>}
        </li>
      ))}
    </ul>
  );
}

export const said = signal("");

/** Said tells a screen reader what matters: not each figure, but trouble that begins, and what was done. */
export function Said() {
  useEffect(() => tell(), []);
  return (
    <p class="hidden" role="status" aria-live="polite">
      {said}
    </p>
  );
}

function tell(): () => void {
  let known = new Set<string>();
  let gone = "";
  let doors = "";
  return effect(() => {
    const is = lost.value ? "link" : silent.value ? "store" : "";
    const fresh = troubles.value.filter((w) => !known.has(w.key));
    known = new Set(troubles.value.map((w) => w.key));
    if (is !== gone) said.value = is === "link" ? t("link_lost_do") : is === "store" ? t("store_silent_do") : t(gone === "link" ? "link_back" : "store_back");
    else if (fresh.length && !is) said.value = fresh.map((w) => w.text).join(" ");
    gone = is;
    const sale = sales.get(shown.value ?? "")?.value;
    const state = sale?.state ? `${sale.sale}: ${t(sale.state)}` : "";
    if (doors && state && state !== doors) said.value = state;
    doors = state;
  });
}
