// The form that makes a sale.
import { signal, useSignal } from "@preact/signals";
import type { Request } from "./actions";
import { call } from "./api";
import { cli, curl } from "./command";
import { Dialog, Field, Form, Same } from "./dialog";
import { go, saleHref } from "./route";
import { t } from "./settings";
import { said } from "./strip";

const empty = { sale: "", total: "", hold: "5m", limit: "", opens: "", closes: "", shuffle: "" };
type Given = typeof empty;

export const making = signal(false);

/** Making is the form in a dialog, while it is open. */
export function Making() {
  const given = useSignal<Given>(empty);
  if (!making.value) return null;
  return (
    <Dialog title={t("new_sale")} yes={t("a_create")} send={() => make(given.value)} close={() => (making.value = false)}>
      <Fields given={given.value} set={(g) => (given.value = g)} />
    </Dialog>
  );
}

/** First is the same form on the page, where there is no sale yet. */
export function First() {
  const given = useSignal<Given>({ ...empty, sale: "ticket", total: "10000" });
  return (
    <Form yes={t("a_create")} send={() => make(given.value)}>
      <Fields given={given.value} set={(g) => (given.value = g)} open />
    </Form>
  );
}

async function make(g: Given): Promise<void> {
  const { method, path, body } = request(g);
  await call(method, path, body);
  said.value = t("done", t("a_create"), g.sale);
  go(saleHref(g.sale));
}

/** The browser gives a time without its zone. */
const moment = (local: string): string | undefined => (local ? new Date(local).toISOString().replace(".000", "") : undefined);

function request(g: Given): Request {
  const body = {
    sale: g.sale,
    total: Number(g.total),
    hold: g.hold || "0s",
    limit_per_buyer: Number(g.limit) || undefined,
    opens: moment(g.opens),
    closes: moment(g.closes),
    shuffle: g.shuffle || undefined,
  };
  return { method: "POST", path: "/api/v1/sales", body };
}

function args(g: Given): string[] {
  const flags = { total: g.total || "0", hold: g.hold || "0s", "limit-per-buyer": g.limit, opens: moment(g.opens), closes: moment(g.closes), shuffle: g.shuffle };
  return ["sale", "create", g.sale || "NAME", ...Object.entries(flags).flatMap(([flag, value]) => (value ? [`--${flag}`, value] : []))];
}

function Fields({ given, set, open = false }: { given: Given; set: (g: Given) => void; open?: boolean }) {
  const of = (name: keyof Given) => ({ name, value: given[name], set: (value: string) => set({ ...given, [name]: value }) });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const duration = { pattern: "([0-9.]+(h|m|s|ms))+|0", placeholder: "5m" };
  return (
    <>
      <div class="fields">
        <Field {...of("sale")} label={t("f_name")} hint={t("f_name_hint")} required pattern="[A-Za-z0-9_\-][A-Za-z0-9_.\-]{0,63}" />
        <Field {...of("total")} label={t("f_total")} type="number" min="1" max="4294967294" required />
        <Field {...of("hold")} label={t("hold")} hint={t("f_hold_hint")} {...duration} />
        <Field {...of("limit")} label={t("limit")} hint={t("f_limit_hint")} type="number" min="1" max="100" />
        <Field {...of("opens")} label={t("opens")} hint={t("f_time_hint", zone, t("f_at_once"))} type="datetime-local" step="1" />
        <Field {...of("closes")} label={t("closes")} hint={t("f_time_hint", zone, t("f_never"))} type="datetime-local" step="1" />
        <Field {...of("shuffle")} label={t("f_shuffle")} hint={t("f_shuffle_hint")} {...duration} placeholder="" />
      </div>
      <Same open={open} lines={[...cli(args(given)), curl(request(given))]} />
    </>
  );
}
