// The page "/journal": what operators did and what happened to the parts, newest first.
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call } from "../api";
import { Cell, Table } from "../figure";
import { moment } from "../format";
import type { Entry } from "../look";
import { A, saleHref } from "../route";
import { named, t } from "../settings";

const some = 100;
const everyMs = 3000;

const read = async (before: string): Promise<Entry[]> =>
  (await call<{ entries: Entry[] | null }>("GET", `/api/v1/journal?n=${some}${before && `&before=${encodeURIComponent(before)}`}`)).entries ?? [];

export function Journal() {
  const all = useSignal<Entry[] | null>(null);
  const wrong = useSignal("");
  const end = useSignal(false); // nothing is older
  const tell = (e: Error) => (wrong.value = e.message);

  // What is new goes before what is shown. If more came than one answer has, what is shown begins anew.
  const news = async () => {
    const newest = await read("");
    const shown = all.value ?? [];
    const met = newest.findIndex((e) => e.id === shown[0]?.id);
    if (met < 0) end.value = newest.length < some;
    if (met !== 0 || shown.length === 0) all.value = met < 0 ? newest : [...newest.slice(0, met), ...shown];
    wrong.value = "";
  };
  useEffect(() => {
    let timer = 0;
    let ended = false;
    const next = () => news().catch(tell).finally(() => ended || (timer = window.setTimeout(next, everyMs)));
    void next();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, []);
  const older = async () => {
    const more = await read(all.value?.at(-1)?.id ?? "");
    end.value = more.length < some;
    all.value = [...(all.value ?? []), ...more];
  };
  return (
    <>
      <h1 tabIndex={-1}>{t("journal")}</h1>
      {wrong.value && <p class="wrong">{wrong}</p>}
      {all.value?.length === 0 && <p>{t("no_entries")}</p>}
      {!!all.value?.length && <Entries all={all.value} />}
      {!!all.value?.length && !end.value && (
        <button type="button" onClick={() => older().catch(tell)}>
          {t("older")}
        </button>
      )}
    </>
  );
}

function Entries({ all }: { all: Entry[] }) {
  return (
    <Table id="journal" label={t("journal")} columns={["time", "did", "sale", "who", "from", "details"]}>
      {all.map((e) => (
        <tr role="row" key={e.id} class={e.did === "trouble" || e.did === "silent" ? "alarm" : ""} data-did={e.did}>
          <Cell word="time">{moment(Number.parseInt(e.id, 10))}</Cell>
          <Cell word="did">{named("d_", e.did)}</Cell>
          <Cell word="sale">{e.sale && <A href={saleHref(e.sale)}>{e.sale}</A>}</Cell>
          <Cell word="who">{e.who}</Cell>
          <Cell word="from">{e.from}</Cell>
          <Cell word="details">{e.what}</Cell>
        </tr>
      ))}
    </Table>
  );
}
