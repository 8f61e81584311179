// The page "/edges": a row an instance, those too that are silent and still hold units; and every other process.
import { useComputed } from "@preact/signals";
import { Cell, Fig, Table, Text } from "../figure";
import { dash, micro, moment, number, rate, span } from "../format";
import { left, old, processes, since } from "../live";
import type { Lease, Num, Process } from "../look";
import { t } from "../settings";

const termMs = 5000; // the bar of a lease's end is full at a usual term

export function Edges() {
  const edges = ofKind("edge");
  const others = processes.keys.value.filter((k) => !edges.includes(k));
  return (
    <>
      <h1 tabIndex={-1}>{t("edges")}</h1>
      {edges.length === 0 && <p>{t("no_edges")}</p>}
      {edges.length > 0 && (
        <Table
          id="edges"
          label={t("edges")}
          columns={["node", "version", "since", "#won_s", "#answered_s", "#stock", "lease_end", "#silent", "#oldest", "#waiting", "#round_trip", "#lost", "#connections", "#files"]}
        >
          {edges.map((k) => (
            <Row key={k} of={() => processes.get(k)!.value} />
          ))}
        </Table>
      )}
      <h2>{t("others")}</h2>
      {others.length === 0 && <p>{t("no_others")}</p>}
      {others.length > 0 && (
        <Table id="others" label={t("others")} columns={["kind", "node", "version", "since", "#beat", "#round_trip", "#files"]}>
          {others.map((k) => (
            <Other key={k} of={() => processes.get(k)!.value} />
          ))}
        </Table>
      )}
    </>
  );
}

/** The keys of the processes of a kind. */
export const ofKind = (kind: Process["kind"]): string[] => processes.keys.value.filter((k) => k.startsWith(`${kind} `));

type Of = { of: () => Process };

/** Age of what a process says: of one that does not beat, nothing is new. */
export const stale = (p: Process): string => (p.gone || old(p.age_ms) ? "old" : "");

export function Condition({ of }: Of) {
  const is = useComputed(() => (of().gone ? "gone" : of().draining ? "draining" : of().ready ? "ready" : "not_ready"));
  return (
    <span class={`state ${is.value}`} data-figure="process.state" data-state={is} data-node={of().node}>
      {t(is.value)}
    </span>
  );
}

function Row({ of }: Of) {
  const row = useComputed(() => stale(of()));
  const node = of().node;
  const fig = (word: Parameters<typeof Cell>[0]["word"], id: string, n: (p: Process) => Num | undefined, as = number as (n: Num | undefined) => string) => (
    <Cell word={word} num>
      <Fig id={`edge.${id}`} node={node} of={() => n(of())} as={as} />
    </Cell>
  );
  return (
    <tr role="row" class={row} data-node={node} data-instance={of().instance}>
      <th role="rowheader" scope="row" class="name" title={of().instance}>
        {node || of().instance} <Condition of={of} />
        <Remarks of={of} />
      </th>
      <Cell word="version">{of().version}</Cell>
      <Cell word="since">{moment(of().started_ms)}</Cell>
      {fig("won_s", "won_per_s", (p) => p.won_per_s, rate)}
      {fig("answered_s", "answered_per_s", (p) => p.answered_per_s, rate)}
      {fig("stock", "stock", (p) => p.stock)}
      <Cell word="lease_end">
        <Ends of={of} />
      </Cell>
      {fig("silent", "silent_ms", (p) => (p.silent_ms === null ? null : p.silent_ms + since.value), span)}
      {fig("oldest", "oldest_us", (p) => p.oldest_us, micro)}
      {fig("waiting", "waiting", (p) => p.waiting)}
      {fig("round_trip", "round_trip_us", (p) => p.round_trip_us, micro)}
      {fig("lost", "lost", (p) => p.lost)}
      {fig("connections", "connections", (p) => p.connections)}
      {fig("files", "files", (p) => p.files)}
    </tr>
  );
}

/** Remarks say why an edge is not ready, what it holds of which sale, and which calls of the store failed. */
function Remarks({ of }: Of) {
  const all = useComputed(() => remarks(of()).join("\n"));
  return all.value === "" ? null : <small class="remarks">{all}</small>;
}

function remarks(p: Process): string[] {
  const errors = Object.entries(p.errors ?? {}).map(([cause, n]) => `${cause} ${number(n)}`);
  return [
    ...(p.why ? [p.why] : []),
    ...(p.leases ?? []).flatMap((l) => held(l, p.gone)),
    ...(errors.length ? [`${t("errors")}: ${errors.join(", ")}`] : []),
    ...(p.refused ? [`${t("connections")} ${t("refused")}: ${number(p.refused)}`] : []),
  ];
}

// What a living edge holds is its stock, and no remark.
function held(l: Lease, gone: boolean): string[] {
  return [
    ...(l.limbo > 0 ? [`${l.sale}: ${t("in_limbo", number(l.limbo), span(left(l.limbo_ends_in_ms)))}`] : []),
    ...(gone && l.units > 0 ? [`${l.sale}: ${t("holds_units", number(l.units))}`] : []),
  ];
}

/** Ends is how long the lease lasts that ends first: a bar that shrinks. */
function Ends({ of }: Of) {
  const soonest = () => {
    const all = (of().leases ?? []).map((l) => l.deadline_in_ms);
    return all.length ? left(Math.min(...all)) : null;
  };
  const width = useComputed(() => Math.min(100, ((soonest() ?? 0) / termMs) * 100).toFixed(0));
  return (
    <>
      <Fig id="edge.lease_ends" node={of().node} of={soonest} as={(n) => (n == null ? dash : `${number(n / 1000, 1)} s`)} />
      <svg class="ends" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
        <rect width={width} height="1" />
      </svg>
    </>
  );
}

function Other({ of }: Of) {
  const row = useComputed(() => stale(of()));
  const beat = () => (of().age_ms === null ? null : of().age_ms! + since.value);
  return (
    <tr role="row" class={row} data-node={of().node} data-kind={of().kind}>
      <th role="rowheader" scope="row">
        {of().kind} <Condition of={of} />
      </th>
      <Cell word="node">{of().node}</Cell>
      <Cell word="version">{of().version}</Cell>
      <Cell word="since">{moment(of().started_ms)}</Cell>
      <Cell word="beat" num>
        <Text id="process.age" node={of().node} of={() => span(beat())} />
      </Cell>
      <Cell word="round_trip" num>
        <Fig id="process.round_trip_us" node={of().node} of={() => of().round_trip_us} as={micro} />
      </Cell>
      <Cell word="files" num>
        <Fig id="process.files" node={of().node} of={() => of().files} />
      </Cell>
    </tr>
  );
}
