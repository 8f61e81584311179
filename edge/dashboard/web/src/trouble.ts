// What is wrong, in words, and what to do: computed from the newest look.
import { computed } from "@preact/signals";
import { micro, number, span } from "./format";
import { look } from "./live";
import type { Look, Process, Sale } from "./look";
import { saleHref } from "./route";
import { t } from "./settings";

type Part = [page: string, heading: string]; // of the documentation

export interface Trouble {
  key: string; // the same trouble has the same key, whatever its numbers are
  text: string;
  see?: Part; // what says what to do
  href?: string; // the page that shows more
}

const filesShare = 0.8;
const oldestUs = 1e6;
const lagUs = 30e6;

const who = (p: Process): string => p.node || p.instance;

function ofStore({ store }: Look): Trouble[] {
  if (store.replicas >= store.wanted) return [];
  return [{ key: "replicas", text: t("t_replicas", store.replicas, store.wanted), see: ["docs/operating.md", "A replica is gone for good"] }];
}

/** What is wrong with a sale, without its name. */
export function ofSale(s: Sale): Trouble[] {
  const all: Trouble[] = [];
  if (s.recovering_ms !== null) all.push({ key: "recovering", text: t("recovering", span(s.recovering_ms)), see: ["docs/operating.md", "Redis restarts or fails over"] });
  if (s.replicas_missing) all.push({ key: "replicas", text: t("t_missing"), see: ["docs/operating.md", "A replica is gone for good"] });
  if (s.trouble) all.push({ key: s.trouble, text: s.trouble, see: ["docs/operating.md", "What can go wrong"] });
  return all;
}

function ofSales({ sales }: Look): Trouble[] {
  return sales.flatMap((s) => ofSale(s).map((w) => ({ ...w, key: `${s.sale} ${w.key}`, text: `${s.sale}: ${w.text}`, href: saleHref(s.sale) })));
}

type Rule = (p: Process) => string | false;

const always: Rule = (p) => !p.gone && !p.ready && !p.draining && t("t_not_ready", p.kind, who(p), p.why || dots);
const dots = "…";
const held = (p: Process): number => (p.leases ?? []).reduce((n, l) => n + l.units + l.limbo, 0);

// What can be wrong with a process, by its kind; its page; and what says what to do.
const rules: Record<Process["kind"], { href: string; see: Part; rules: Rule[] }> = {
  edge: {
    href: "/edges",
    see: ["docs/operating.md", "At 3 a.m."],
    rules: [
      always,
      (p) => p.gone && (held(p) > 0 ? t("t_gone", p.kind, who(p), number(held(p))) : t("t_silent", p.kind, who(p))),
      (p) => !p.gone && (p.oldest_us ?? 0) > oldestUs && t("t_oldest", who(p), micro(p.oldest_us)),
      (p) => (p.lost ?? 0) > 0 && t("t_lost", who(p), number(p.lost)),
      (p) => (p.files ?? 0) > filesShare * (p.files_most ?? Infinity) && t("t_files", who(p), number(p.files), number(p.files_most)),
    ],
  },
  gate: { href: "/front", see: ["docs/front.md", "The gate"], rules: [always, (p) => p.front?.listening === false && t("t_deaf", who(p))] },
  orders: {
    href: "/orders",
    see: ["docs/orders.md", "Run it"],
    rules: [
      always,
      (p) => {
        const late = p.orders?.sales?.find((s) => s.lag_us > lagUs);
        return late !== undefined && t("t_lag", who(p), span(late.lag_us / 1000), late.sale);
      },
      (p) => !!p.orders?.paused && t("t_hook", who(p)),
      (p) => !!p.orders?.parked && t("t_parked", who(p), number(p.orders.parked)),
      (p) => !!p.orders?.refused && t("t_refused", who(p), number(p.orders.refused)),
    ],
  },
  dashboard: { href: "/edges", see: ["docs/operating.md", "What can go wrong"], rules: [always] },
};

function ofProcess(p: Process): Trouble[] {
  const { href, see, rules: of } = rules[p.kind];
  return of.flatMap((rule, i) => {
    const text = rule(p);
    return text ? [{ key: `${p.instance} ${i}`, text, see, href }] : [];
  });
}

function ofAll({ processes }: Look): Trouble[] {
  const living = processes.filter((p) => !p.gone);
  const versions = [...new Set(living.map((p) => p.version))];
  const all: Trouble[] = [];
  if (!living.some((p) => p.kind === "edge" && p.ready)) all.push({ key: "no edge", text: t("t_no_edge"), see: ["docs/operating.md", "Put it up"], href: "/edges" });
  if (versions.length > 1) all.push({ key: "versions", text: t("t_versions", versions.join(", ")), see: ["docs/operating.md", "Restart and upgrade"], href: "/edges" });
  return all;
}

export const troubles = computed<Trouble[]>(() => {
  const l = look.value;
  return l ? [...ofAll(l), ...ofStore(l), ...ofSales(l), ...l.processes.flatMap(ofProcess)] : [];
});
