// The page "/front": each gate, its flags, and what the nginx beside it answers.
import { useComputed } from "@preact/signals";
import { Cell, Fig, Table, Text } from "../figure";
import { dash, number, rate, share } from "../format";
import { processes } from "../live";
import type { Front as FrontOf, Num, Process } from "../look";
import { t } from "../settings";
import type { Word } from "../words";
import { Condition, ofKind, stale } from "./edges";

// Of nginx' own counts nothing is known where they could not be read.
const seen = (n: (f: FrontOf) => Num) => (f: FrontOf) => (f.seen ? n(f) : null);

const figures: [Word, string, (f: FrontOf) => Num, ((n: Num | undefined) => string)?][] = [
  ["flags", "flags", (f) => f.flags],
  ["flags_none", "none_now", (f) => f.none_now],
  ["requests_s", "requests_per_s", (f) => f.requests_per_s, rate],
  ["in_front", "in_front_share", (f) => f.in_front_share, (n) => share(n)],
  ["active", "active", seen((f) => f.active)],
  ["idle", "waiting", seen((f) => f.waiting)],
  ["accepted", "accepted", seen((f) => f.accepted)],
];

export function Front() {
  const gates = ofKind("gate");
  return (
    <>
      <h1 tabIndex={-1}>{t("front")}</h1>
      {gates.length === 0 && <p>{t("no_gates")}</p>}
      {gates.length > 0 && (
        <Table id="gates" label={t("front")} columns={["gate", "listening", ...figures.map(([word]) => `#${word}` as const)]}>
          {gates.map((k) => (
            <Row key={k} of={() => processes.get(k)!.value} />
          ))}
        </Table>
      )}
    </>
  );
}

function Row({ of }: { of: () => Process }) {
  const row = useComputed(() => stale(of()));
  const blind = useComputed(() => of().front?.seen === false);
  const node = of().node;
  return (
    <tr role="row" class={row} data-node={node} data-kind="gate">
      <th role="rowheader" scope="row" class="name" title={of().instance}>
        {node} <Condition of={of} />
        {blind.value && <small class="remarks">{t("not_seen")}</small>}
      </th>
      <Cell word="listening">
        <Text id="front.listening" node={node} of={() => (of().front ? t(of().front!.listening ? "yes" : "no") : dash)} />
      </Cell>
      {figures.map(([word, id, n, as]) => (
        <Cell key={word} word={word} num>
          <Fig id={`front.${id}`} node={node} of={() => (of().front ? n(of().front!) : null)} as={as ?? number} />
        </Cell>
      ))}
    </tr>
  );
}
