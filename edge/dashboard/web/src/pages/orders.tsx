// The page "/orders": what each order worker has stored, how far it is behind, and its webhooks.
import { useComputed } from "@preact/signals";
import { cli } from "../command";
import { Line } from "../dialog";
import { Cell, Fact, Fig, Table } from "../figure";
import { dash, micro, number, rate } from "../format";
import { look, processes } from "../live";
import type { Num, Orders as OrdersOf, Process } from "../look";
import { t } from "../settings";
import type { Word } from "../words";
import { Condition, ofKind, stale } from "./edges";

export function Orders() {
  const workers = ofKind("orders");
  return (
    <>
      <h1 tabIndex={-1}>{t("orders")}</h1>
      {workers.length === 0 && <p>{t("no_workers")}</p>}
      {workers.map((k) => (
        <Worker key={k} of={() => processes.get(k)!.value} />
      ))}
    </>
  );
}

type Of = { of: () => Process };

const figures: [Word, (o: OrdersOf) => Num, ((n: Num | undefined) => string)?][] = [
  ["rows_s", (o) => o.rows_per_s, rate],
  ["rows", (o) => o.rows],
  ["retries", (o) => o.retries],
  ["takeovers", (o) => o.takeovers],
  ["expired", (o) => o.expired],
  ["hooks_due", (o) => o.due],
  ["hooks_parked", (o) => o.parked],
  ["events_parked", (o) => o.refused],
  ["odd", (o) => o.odd],
];

function Worker({ of }: Of) {
  const row = useComputed(() => stale(of()));
  const error = useComputed(() => of().orders?.last_error ?? "");
  const parked = useComputed(() => (of().orders?.refused ?? 0) > 0);
  const node = of().node;
  return (
    <section class={row} data-node={node} data-kind="orders">
      <h2>
        {node} <Condition of={of} /> <small>{of().version}</small>
      </h2>
      <dl class="facts">
        <Fact word="database">{of().orders?.database ?? dash}</Fact>
        {figures.map(([word, n, as]) => (
          <Fact key={word} word={word}>
            <Fig id={`orders.${word}`} node={node} of={() => (of().orders ? n(of().orders!) : null)} as={as ?? number} />
          </Fact>
        ))}
      </dl>
      {error.value && (
        <p class="wrong">
          {t("last_error")}: {error}
        </p>
      )}
      {parked.value && <Again />}
      <Behind of={of} />
    </section>
  );
}

function Again() {
  const database = "DATABASE";
  const store = look.value?.store.kind;
  return (
    <>
      <p>{t("try_again")}</p>
      {store && cli(["orders", "--db", database, "--retry-parked"]).map((l) => <Line key={l.label} {...l} />)}
    </>
  );
}

function Behind({ of }: Of) {
  const names = useComputed(() => (of().orders?.sales ?? []).map((s) => s.sale).join(" "));
  const find = (name: string) => of().orders?.sales?.find((s) => s.sale === name);
  const all = names.value.split(" ").filter(Boolean);
  if (all.length === 0) return <p>{t("no_lag")}</p>;
  return (
    <Table id="behind" label={t("lag")} columns={["sale", "#unread", "#unacked", "#lag"]}>
      {all.map((name) => (
        <tr role="row" key={name} data-sale={name}>
          <th role="rowheader" scope="row">
            {name}
          </th>
          <Cell word="unread" num>
            <Fig id="orders.unread" sale={name} of={() => find(name)?.unread} />
          </Cell>
          <Cell word="unacked" num>
            <Fig id="orders.unacked" sale={name} of={() => find(name)?.unacked} />
          </Cell>
          <Cell word="lag" num>
            <Fig id="orders.lag_us" sale={name} of={() => find(name)?.lag_us} as={micro} />
          </Cell>
        </tr>
      ))}
    </Table>
  );
}
