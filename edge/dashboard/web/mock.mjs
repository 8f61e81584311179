// A development tool, and nothing else: it serves dist with figures that it makes up, so that the page can be worked on without a
// server. Nothing here is measured, and no part of Spike uses it.
//
//   node mock.mjs [--port 8088] [--sales 6] [--token ADMIN] [--viewer VIEWER]
//
// POST /mock?silent=true|false: the store does not answer. ?still=…: no look comes. ?empty=…: there is no sale.
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { parseArgs } from "node:util";

const { values: flags } = parseArgs({
  options: { port: { type: "string", default: "8088" }, sales: { type: "string", default: "6" }, token: { type: "string", default: "" }, viewer: { type: "string", default: "" } },
});
const began = Date.now();
const world = { silent: 0, still: false, empty: false };
const sessions = new Map();
const places = ["confirmed", "pending", "limbo", "leased", "free"];
const outcomes = ["won", "sold_out", "none_now", "undecided", "over_limit"];

let seed = 7;
const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
const upTo = (n) => Math.floor(random() * n);

function makeSale(name, total, state = "open") {
  return {
    sale: name, state, total, free: total, leased: 0, limbo: 0, pending: 0, confirmed: 0, revision: "1", age_ms: 0, final: false,
    hold_seconds: 300, limit_per_buyer: 0, opens_ms: null, closes_ms: null, draws_ms: null, trouble: "", recovering_ms: null,
    replicas_missing: false, buys: {}, won_per_s: 0, answered_per_s: 0, spark: [], sold_out_in_ms: null,
    course: { t: [], ...Object.fromEntries(places.map((p) => [p, []])), outcomes: Object.fromEntries(outcomes.map((o) => [o, []])), won_ms: { p50: [], p99: [], p999: [] }, rest_ms: { p50: [], p99: [], p999: [] } },
    marks: [], added: new Set(),
  };
}

const sales = new Map();
const add = (s) => sales.set(s.sale, s);
const names = ["ticket", "concert-2027", "final_cup", "sneaker.drop", "vinyl", "very-long-name.of_a-sale-that-somebody-made-in-a-hurry_2026-12-01"];
for (let i = 0; i < Number(flags.sales); i++) add(makeSale(names[i] ?? `sale-${String(i).padStart(3, "0")}`, 2000 * (1 + (i % 7)), "open"));
const tune = (name, values) => sales.has(name) && Object.assign(sales.get(name), values);
tune("ticket", { total: 1_000_000, free: 1_000_000 });
tune("concert-2027", { state: "not_open", opens_ms: began + 754_000, closes_ms: began + 7_954_000, limit_per_buyer: 4 });
tune("final_cup", { state: "drawing", opens_ms: began, draws_ms: began + 65_000, draw: { entrants: 18_231, draws_ms: began + 65_000, seal: randomBytes(32).toString("hex") } });
tune("sneaker.drop", { state: "paused" });
tune("vinyl", { recovering_ms: 42_000, replicas_missing: true, hold_seconds: 0 });

const edge = (i) => ({
  kind: "edge", instance: randomBytes(13).toString("hex").toUpperCase(), node: `edge-${i}`, version: i === 4 ? "v1.3.9" : "v1.4.0", started_ms: began - 3_600_000 * i,
  ready: true, why: "", draining: false, age_ms: 300, gone: false, round_trip_us: 240, files: 812, files_most: 65_536, connections: 700, refused: 0, errors: {}, lost: 0,
  won_per_s: 0, answered_per_s: 0, stock: 300, unsettled: 20, oldest_us: 18_000, waiting: 0, leases: [{ sale: "ticket", units: 400, limbo: 0, deadline_in_ms: 4200, limbo_ends_in_ms: null }], silent_ms: 100,
});
const other = (kind, node, more) => ({ ...edge(1), kind, node, instance: randomBytes(8).toString("hex"), leases: [], won_per_s: null, answered_per_s: null, stock: null, unsettled: null, oldest_us: null, waiting: null, ...more });
const processes = [
  edge(1), edge(2), { ...edge(3), oldest_us: 1_400_000, errors: { timeout: 12, refused: 3 } }, edge(4),
  { ...edge(5), gone: true, ready: false, age_ms: 9000, won_per_s: null, answered_per_s: null, stock: null, unsettled: null, oldest_us: null, waiting: null, silent_ms: 9000, leases: [{ sale: "ticket", units: 0, limbo: 380, deadline_in_ms: 0, limbo_ends_in_ms: 290_000 }] },
  other("gate", "nginx-1", { front: { listening: true, flags: 3, none_now: 1, seen: true, requests: 0, accepted: 9000, active: 1200, waiting: 900, requests_per_s: 41_000, in_front_share: 0.931 } }),
  other("gate", "nginx-2", { front: { listening: false, flags: 0, none_now: 0, seen: false, requests: 0, accepted: 0, active: 0, waiting: 0, requests_per_s: null, in_front_share: null } }),
  other("orders", "worker-1", { orders: { sales: [{ sale: "ticket", unread: 120, unacked: 64, lag_us: 41_000 }, { sale: "vinyl", unread: 9000, unacked: 512, lag_us: 44_000_000 }], rows: 812_000, retries: 2, takeovers: 1, expired: 310, due: 40, parked: 3, paused: false, last_error: "POST https://shop.example/hook: 502 Bad Gateway", refused: 2, odd: 0, database: "postgres", rows_per_s: 8123 } }),
  other("dashboard", "desk", {}),
];

const journal = [];
function note(did, sale, who = "root", from = "api", what = "") {
  const s = sales.get(sale);
  journal.unshift({ id: `${Date.now()}-${journal.length}`, did, sale, who, from, what });
  if (s) s.marks.push({ t: Math.floor(Date.now() / 1000), what: did });
}
for (let i = 0; i < 230; i++) journal.unshift({ id: `${began - (231 - i) * 47_000}-0`, did: ["paused", "resumed", "added", "silent", "era", "trouble", "well"][i % 7], sale: i % 7 === 4 ? "" : "ticket", who: i % 7 > 2 ? "edge-3" : "anna", from: ["api", "cli", "page"][i % 3], what: i % 7 === 2 ? "500 units" : "" });

/** live moves the world on by a quarter of a second. */
function live(s, second) {
  const moves = (from, to, n) => ((n = Math.min(n, s[from])), (s[from] -= n), (s[to] += n), n);
  if (["paused", "closed"].includes(s.state)) moves("leased", "free", Math.ceil(s.leased / 4));
  const sells = s.state === "open" && !s.recovering_ms;
  if (sells) moves("free", "leased", upTo(s.total / 900));
  const won = sells ? moves("leased", "pending", upTo(s.total / 1000)) : 0;
  moves("pending", "confirmed", upTo(s.total / 1400));
  if (random() < 0.01) moves("pending", "free", upTo(20));
  s.limbo = s.sale === "ticket" && s.limbo === 0 ? moves("leased", "limbo", 380) : s.limbo;
  s.revision = String(Number(s.revision) + (won > 0 ? 1 : 0));
  const heard = { won, sold_out: s.free ? 0 : 900 + upTo(200), none_now: sells ? upTo(300) : 0, undecided: random() < 0.02 ? upTo(40) : 0, over_limit: sells ? upTo(30) : 0 };
  for (const [o, n] of Object.entries(heard)) s.buys[o] = (s.buys[o] ?? 0) + n;
  if (!second) return;
  s.won_per_s = won * 4;
  s.answered_per_s = Object.values(heard).reduce((a, b) => a + b) * 4;
  s.spark = [...s.spark, s.won_per_s].slice(-60);
  s.sold_out_in_ms = sells && won > 0 ? ((s.free + s.leased) / (won * 4)) * 1000 : null;
  const c = s.course;
  c.t.push(second);
  for (const p of places) c[p].push(s[p]);
  for (const o of outcomes) c.outcomes[o].push(heard[o] * 4);
  for (const who of ["won_ms", "rest_ms"]) [0.4, 3, 12].forEach((ms, i) => c[who][`p${["50", "99", "999"][i]}`].push(who === "won_ms" && !won ? null : ms * (0.7 + random())));
}

let ticks = 0;
function tick() {
  const second = ticks++ % 4 === 0 ? Math.floor(Date.now() / 1000) : 0;
  if (world.silent) return;
  for (const s of sales.values()) live(s, second);
  processes.filter((p) => p.kind === "edge" && !p.gone).forEach((p, i, all) => {
    const t = sales.get("ticket");
    Object.assign(p, { won_per_s: Math.floor((t?.won_per_s ?? 0) / all.length), answered_per_s: 4000 + upTo(900), stock: 200 + upTo(300), unsettled: upTo(60), round_trip_us: 180 + upTo(200), age_ms: upTo(1000), silent_ms: upTo(500) });
    p.leases = [{ ...p.leases[0], deadline_in_ms: 3600 + upTo(1400) }];
  });
}
for (let i = 0; i < 240; i++) {
  ticks = 1;
  for (const s of sales.values()) live(s, Math.floor(began / 1000) - 240 + i);
}
tune("ticket", { marks: [{ t: Math.floor(began / 1000) - 200, what: "opened" }, { t: Math.floor(began / 1000) - 120, what: "era" }, { t: Math.floor(began / 1000) - 40, what: "edge lost" }] });
setInterval(tick, 250);

function look(of) {
  const silent = world.silent ? Date.now() - world.silent : 0;
  const all = world.empty ? [] : [...sales.values()].sort((a, b) => (a.sale < b.sale ? -1 : 1));
  const s = sales.get(of);
  return {
    at: Date.now(), version: "v1.4.0",
    store: { kind: "redis", address: "127.0.0.1:6379", ok: !silent, silent_ms: silent, why: silent ? "i/o timeout" : "", era: "9f86d081884c", replicas: 1, wanted: 1, round_trip_us: 210, risks: ["appendfsync is everysec: a lone Redis that restarts may forget a second"] },
    sales: all.map(({ course, marks, added, draw, ...rest }) => ({ ...rest, age_ms: rest.age_ms + silent })),
    sales_total: all.length, processes: processes.map((p) => ({ ...p, age_ms: p.age_ms + silent })),
    ...(s && { detail: { sale: of, series: cut(s.course), marks: s.marks, holders: processes.filter((p) => p.leases.length).map((p) => ({ instance: p.instance, node: p.node, units: p.leases[0].units, limbo: p.leases[0].limbo, silent_ms: p.silent_ms })), draw: s.draw } }),
  };
}
const cut = (v) => (Array.isArray(v) ? v.slice(-600) : Object.fromEntries(Object.entries(v).map(([k, x]) => [k, cut(x)])));

const doors = { pause: "paused", resume: "open", close: "closed" };
const did = { pause: "paused", resume: "resumed", close: "closed", reopen: "reopened" };

function act(sale, verb, body) {
  const s = sales.get(sale);
  if (!s) return problem(404, "no_such_sale", `there is no sale ${sale}`);
  if (verb === "add" && !s.added.has(body.request_id)) {
    s.added.add(body.request_id);
    s.total += body.n;
    s.free += body.n;
    note("added", sale, "root", "page", `${body.n} units`);
  }
  if (doors[verb]) s.state = doors[verb];
  if (did[verb]) note(did[verb], sale, "root", "page");
  return [200, { ...s, course: undefined }];
}

const problem = (status, code, detail) => [status, { type: "about:blank", title: code, status, code, detail }];

function api(method, path, query, body) {
  const [, sale, verb] = /^\/api\/v1\/sales\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
  if (path === "/api/v1/journal") return [200, { entries: journal.slice(from(query.get("before")), from(query.get("before")) + 100) }];
  if (method === "POST" && path === "/api/v1/sales") {
    if (sales.has(body.sale)) return problem(409, "exists", `sale ${body.sale} exists`);
    add(makeSale(body.sale, body.total, body.opens ? "not_open" : "open"));
    tune(body.sale, { opens_ms: body.opens ? Date.parse(body.opens) : null });
    note("created", body.sale, "root", "page");
    world.empty = false;
    return [201, {}];
  }
  if (verb === "audit" && sales.has(sale)) return [200, { ...sales.get(sale), course: undefined, ok: true, census: false, violations: [] }];
  if (method === "DELETE") return sales.delete(sale) ? (note("removed", sale, "root", "page"), [200, {}]) : problem(404, "no_such_sale", "there is no such sale");
  return sale ? act(sale, verb, body) : problem(404, "not_found", "there is nothing here");
}
const from = (before) => (before ? journal.findIndex((e) => e.id === before) + 1 : 0);

const roleOf = (token) => (!flags.token ? "admin" : token && token === flags.token ? "admin" : token && token === flags.viewer ? "viewer" : "");
const signedIn = (req) => sessions.get(/spike_session=(\w+)/.exec(req.headers.cookie ?? "")?.[1]) ?? roleOf("");

function session(req, res, body) {
  if (req.method === "DELETE") sessions.clear();
  const role = req.method === "POST" ? roleOf(body.token) : signedIn(req);
  if (!role) return problem(401, "no_token", "show a token");
  if (req.method === "GET") return [200, { role, token_needed: !!flags.token }];
  const id = createHash("sha256").update(randomBytes(16)).digest("hex");
  if (req.method === "POST") sessions.set(id, role), res.setHeader("Set-Cookie", `spike_session=${id}; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200`);
  return [204];
}

function events(req, res, query) {
  res.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" }).write("retry: 1000\n\n");
  const timer = setInterval(() => world.still || res.write(`event: look\ndata: ${JSON.stringify(look(query.get("sale")))}\n\n`), 250);
  req.on("close", () => clearInterval(timer));
}

const types = { html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8", svg: "image/svg+xml" };
const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'";

async function page(path, res) {
  const file = path.startsWith("/assets/") ? path : "/index.html";
  const text = await readFile(new URL(`./dist${file}`, import.meta.url)).catch(() => null);
  res.writeHead(text ? 200 : 404, { "Content-Type": types[file.split(".").at(-1)] ?? "text/plain", "Content-Security-Policy": csp, "X-Content-Type-Options": "nosniff" }).end(text);
}

async function serve(req, res) {
  const { pathname: path, searchParams: query } = new URL(req.url, "http://mock");
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = JSON.parse(Buffer.concat(chunks).toString() || "{}");
  const answer = ([status, value]) => res.writeHead(status, { "Content-Type": "application/json" }).end(value && JSON.stringify(value));
  if (path === "/mock") {
    for (const [name, on] of query) world[name] = name === "silent" ? (on === "true" ? Date.now() : 0) : on === "true";
    return answer([200, world]);
  }
  if (path === "/session") return answer(session(req, res, body));
  if (!path.startsWith("/api/") && path !== "/events") return page(path, res);
  const role = signedIn(req);
  if (!role) return answer(problem(401, "no_token", "show a token"));
  if (path === "/events") return events(req, res, query);
  if (role === "viewer" && req.method !== "GET") return answer(problem(403, "viewer", "a viewer may only look"));
  return answer(api(req.method, path, query, body));
}

createServer(serve).listen(Number(flags.port), "127.0.0.1", function () {
  console.log(`made-up figures on http://127.0.0.1:${this.address().port}/`);
});
