// What each figure of the page must show of a look. It shares no code with the page.

const sum = (all) => all.reduce((n, v) => n + v, 0);
const only = (all) => (all.length === 1 ? all[0] : undefined);

// A figure is right if it is the number, written with so many digits.
const whole = (n) => (n == null ? null : [n, 0]);
const rate = (n) => (n == null ? null : [n, n > 0 && n < 10 ? 0.0501 : 0.5001]);
const percent = (part, of) => (part == null || !of ? null : [(100 * part) / of, 0.1001]);
const duration = (us) => (us == null ? null : { us });

const ofSale = {
  ...Object.fromEntries(["free", "leased", "limbo", "pending", "confirmed", "total"].map((place) => [place, (s) => whole(s[place])])),
  won_per_s: (s) => rate(s.won_per_s),
  answered_per_s: (s) => rate(s.answered_per_s),
  sold: (s) => percent(s.pending === null ? null : s.pending + s.confirmed, s.total),
  revision: (s) => s.revision,
  limit: (s) => (s.limit_per_buyer ? whole(s.limit_per_buyer) : "none"),
};

const ofEdge = {
  ...Object.fromEntries(["stock", "waiting", "lost", "connections", "files"].map((id) => [id, (p) => whole(p[id])])),
  ...Object.fromEntries(["won_per_s", "answered_per_s"].map((id) => [id, (p) => rate(p[id])])),
  ...Object.fromEntries(["oldest_us", "round_trip_us"].map((id) => [id, (p) => duration(p[id])])),
};

const ofFront = {
  ...Object.fromEntries(["flags", "none_now", "active", "waiting", "accepted"].map((id) => [id, (f) => whole(f[id])])),
  requests_per_s: (f) => rate(f.requests_per_s),
  in_front_share: (f) => percent(f.in_front_share, 1),
};

const ofOrders = {
  ...Object.fromEntries(["rows", "retries", "takeovers", "expired"].map((id) => [id, (o) => whole(o[id])])),
  rows_s: (o) => rate(o.rows_per_s),
  hooks_due: (o) => whole(o.due),
  hooks_parked: (o) => whole(o.parked),
  events_parked: (o) => whole(o.refused),
};

const ready = (l, kind) => {
  const all = l.processes.filter((p) => p.kind === kind && !p.gone);
  return `${all.filter((p) => p.ready).length} / ${all.length}`;
};

const ofAll = {
  "store.address": (l) => `Redis ${l.store.address}`,
  "store.era": (l) => l.store.era,
  "store.replicas": (l) => `${l.store.replicas} / ${l.store.wanted}`,
  "store.round_trip": (l) => duration(l.store.round_trip_us),
  "edges.ready": (l) => ready(l, "edge"),
  "gates.ready": (l) => ready(l, "gate"),
  "orders.ready": (l) => ready(l, "orders"),
  "front.total": (l) => {
    const all = l.processes.filter((p) => p.kind === "gate" && !p.gone && p.front?.requests_per_s != null);
    return all.length ? rate(sum(all.map((p) => p.front.requests_per_s))) : null;
  },
};

const kinds = { edge: ofEdge, front: ofFront, orders: ofOrders };

/** expected is what a figure must show; undefined: it is not judged here, as a time is that runs by itself. */
function expected(look, { id, sale, node }) {
  if (ofAll[id]) return ofAll[id](look);
  const [kind, name, outcome] = id.split(".");
  const s = sale !== undefined && look.sales.find((s) => s.sale === sale);
  if (kind === "sale") return s ? (name === "buys" ? whole(s.buys[outcome]) : ofSale[name]?.(s)) : undefined;
  const rule = kinds[kind]?.[name];
  const p = only(look.processes.filter((p) => p.node === node && p.kind === (kind === "front" ? "gate" : kind)));
  return rule && p ? rule(kind === "edge" ? p : p[kind]) : undefined;
}

const micros = (text) => {
  const [, n, unit] = /^([\d.,]+)(?: (µs|ms|s))?/.exec(text) ?? [];
  const [factor, digit] = { undefined: [1, 1], "µs": [1, 1], ms: [1e3, text.includes(".") ? 0.1 : 1], s: [1e6, 0.1] }[unit] ?? [NaN, 1];
  return [Number(n?.replaceAll(",", "")) * factor, (digit * factor) / 2 + 0.5];
};

function shows(text, want) {
  if (want === null) return text.startsWith("–");
  if (typeof want === "string") return text === want;
  if (Array.isArray(want)) return !text.startsWith("–") && Math.abs(Number(text.replaceAll(",", "").match(/^[\d.]+/)?.[0]) - want[0]) <= want[1];
  const [n, half] = micros(text);
  return Math.abs(n - want.us) <= half;
}

/** judge says which figures do not show the look, and how many do. */
export function judge({ look, figures, path }) {
  let right = 0;
  const wrong = [];
  for (const f of figures) {
    const want = expected(look, f);
    if (want === undefined) continue;
    const sale = f.revision !== undefined && look.sales.find((s) => s.sale === f.sale);
    if (sale && sale.revision !== f.revision) wrong.push(`${path} ${f.sale}: revision ${f.revision}, not ${sale.revision}`);
    else if (shows(f.text, want)) right++;
    else wrong.push(`${path} ${f.id} ${f.sale ?? f.node ?? ""}: ${f.text}, not ${JSON.stringify(want)}`);
  }
  return { right, wrong };
}

const five = ["free", "leased", "limbo", "pending", "confirmed"];

/** places are the five places of a sale, and its total. */
export const places = (s) => [...five.map((p) => s[p]), s.total];

/** addsUp says what is wrong with a look by itself. */
export function addsUp(look) {
  const odd = [];
  for (const s of look.sales) {
    if (s.total === null) continue;
    const all = sum(five.map((p) => s[p]));
    if (all !== s.total) odd.push(`${s.sale}: ${all} of ${s.total}`);
    if (five.some((p) => !Number.isInteger(s[p]) || s[p] < 0)) odd.push(`${s.sale}: ${places(s)}`);
    if (s.answered_per_s !== null && s.won_per_s > s.answered_per_s + 0.1) odd.push(`${s.sale}: ${s.won_per_s} won/s of ${s.answered_per_s}`);
  }
  return odd;
}
