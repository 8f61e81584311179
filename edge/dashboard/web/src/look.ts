// What the server sends: one Look, at most four times a second. An unknown number is null. Times are Unix milliseconds by the
// server's clock; durations end in the unit.

export type Num = number | null;
export type Counts = Record<string, number>;

export interface Look {
  at: number;
  version: string;
  store: Store;
  sales: Sale[];
  sales_total: number;
  processes: Process[];
  detail?: Detail;
}

export interface Store {
  kind: "redis" | "embedded";
  address: string;
  ok: boolean;
  silent_ms: number;
  why: string;
  era: string;
  replicas: number;
  wanted: number;
  round_trip_us: Num;
  risks: string[] | null;
}

export type State = "open" | "paused" | "closed" | "not_open" | "drawing" | ""; // "": not known

/** The five places of a unit, in the order of its life. They add up to the total. */
export const places = ["confirmed", "pending", "limbo", "leased", "free"] as const;
export type Place = (typeof places)[number];

export interface Sale extends Record<Place, Num> {
  sale: string;
  state: State;
  total: Num;
  revision: string;
  age_ms: Num;
  final: boolean;
  hold_seconds: Num;
  limit_per_buyer: Num;
  opens_ms: Num;
  closes_ms: Num;
  draws_ms: Num;
  trouble: string;
  recovering_ms: Num;
  replicas_missing: boolean;
  buys: Counts | null;
  won_per_s: Num;
  answered_per_s: Num;
  spark: Num[] | null;
  sold_out_in_ms: Num;
}

export interface Lease {
  sale: string;
  units: number; // in leases that have not ended
  limbo: number; // in those that have
  deadline_in_ms: number;
  limbo_ends_in_ms: Num;
}

export interface Process {
  kind: "edge" | "gate" | "orders" | "dashboard";
  instance: string;
  node: string;
  version: string;
  started_ms: Num;
  ready: boolean;
  why: string;
  draining: boolean;
  age_ms: Num;
  gone: boolean;
  round_trip_us: Num;
  files: Num;
  files_most: Num;
  connections: Num;
  refused: Num;
  errors: Counts | null;
  lost: Num;
  won_per_s: Num;
  answered_per_s: Num;
  stock: Num;
  unsettled: Num;
  oldest_us: Num;
  waiting: Num;
  leases: Lease[] | null;
  silent_ms: Num;
  front?: Front;
  orders?: Orders;
}

export interface Front {
  listening: boolean;
  flags: number;
  none_now: number;
  seen: boolean;
  requests: number;
  accepted: number;
  active: number;
  waiting: number;
  requests_per_s: Num;
  in_front_share: Num;
}

export interface Orders {
  sales?: { sale: string; unread: number; unacked: number; lag_us: number }[] | null;
  rows: number;
  retries: number;
  takeovers: number;
  expired: number;
  due: number;
  parked: number;
  paused: boolean;
  last_error: string;
  refused: number;
  odd: number;
  database: string;
  rows_per_s: Num;
}

export interface Percentiles {
  p50: Num[];
  p99: Num[];
  p999: Num[];
}

/** The course of a sale, one point a second, newest last; t is Unix seconds. */
export interface Series extends Record<Place, Num[]> {
  t: number[];
  outcomes: Record<string, Num[]> | null;
  won_ms: Percentiles | null;
  rest_ms: Percentiles | null;
}

export interface Mark {
  t: number;
  what: string; // the journal's word, or "opened"
  more?: string;
}

export interface Detail {
  sale: string;
  series: Series | null;
  marks: Mark[] | null;
  holders: { instance: string; node: string; units: number; limbo: number; silent_ms: Num }[] | null;
  draw?: { entrants: Num; draws_ms: Num; seal: string; secret?: string } | null;
}

export interface Entry {
  id: string;
  did: string;
  sale?: string;
  who?: string;
  from?: string;
  what?: string;
}

export interface Session {
  role: "admin" | "viewer" | "payment";
  token_needed: boolean;
}
