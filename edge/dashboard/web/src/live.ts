// What the page knows: the session, the newest look, and how old it is. One stream and one clock, whatever the page shows.
import { batch, computed, signal, type Signal } from "@preact/signals";
import type { Look, Num, Process, Sale, Session } from "./look";

const tickMs = 500;
const oldMs = 2000; // a figure that is older is grey
const lostMs = 2500; // a look comes at least once a second
const againMs = 1000;
const deadMs = 8000; // a stream without a look for so long is opened anew

/** undefined: not known yet; null: somebody must sign in. */
export const session = signal<Session | null | undefined>(undefined);
export const mayAct = computed(() => session.value?.role === "admin");

export const look = signal<Look | null>(null);
const came = signal(performance.now()); // when the newest look came, or the first was asked for
export const now = signal(performance.now());

/** How long ago the newest look came. */
export const since = computed(() => Math.max(0, now.value - came.value));
export const lost = computed(() => since.value > lostMs);
export const silent = computed(() => look.value?.store.ok === false);
export const old = (ageMs: Num): boolean => (ageMs ?? 0) + since.value > oldMs;

/** left is how much of a time is left that was so long when the newest look came. */
export const left = (ms: Num): Num => (ms === null ? null : Math.max(0, ms - since.value));
/** until is how long it is until a moment of the server's clock. */
export const until = (ms: Num): Num => (ms === null || !look.value ? null : ms - look.value.at - since.value);

/** Keyed is a list of things with a signal for each: a new list redraws only what differs in it. */
class Keyed<T> {
  readonly keys = signal<string[]>([]);
  private readonly of = new Map<string, Signal<T>>();

  set(items: T[], key: (item: T) => string): void {
    const keys = items.map(key);
    items.forEach((item, i) => {
      const known = this.of.get(keys[i]!);
      if (known) known.value = item;
      else this.of.set(keys[i]!, signal(item));
    });
    if (keys.join("\n") === this.keys.peek().join("\n")) return;
    const present = new Set(keys);
    for (const k of this.of.keys()) if (!present.has(k)) this.of.delete(k);
    this.keys.value = keys;
  }

  get(key: string): Signal<T> | undefined {
    return this.of.get(key);
  }
}

export const sales = new Keyed<Sale>();
export const processes = new Keyed<Process>();

let source: EventSource | undefined;
let watched: string | undefined;
let opened = 0;
let again = 0;

/** watch opens the stream, with the details of a sale if there is one. It does nothing if that stream is open. */
export function watch(sale: string | undefined): void {
  if (!session.peek() || (source && sale === watched)) return;
  watched = sale;
  connect();
}

function connect(): void {
  hangUp();
  opened = performance.now();
  source = new EventSource(watched === undefined ? "/events" : `/events?sale=${encodeURIComponent(watched)}`);
  source.addEventListener("look", (e) => take(JSON.parse((e as MessageEvent<string>).data)));
  source.onerror = () => {
    if (source?.readyState !== EventSource.CLOSED) return; // the browser connects again by itself
    hangUp();
    again = window.setTimeout(() => void ask(), againMs);
  };
}

function hangUp(): void {
  clearTimeout(again);
  source?.close();
  source = undefined;
}

function take(next: Look): void {
  batch(() => {
    came.value = now.value = performance.now();
    look.value = next;
    sales.set(next.sales, (s) => s.sale);
    processes.set(next.processes, (p) => `${p.kind} ${p.instance}`);
  });
}

/** ask asks who is signed in, and opens the stream again. */
export async function ask(): Promise<void> {
  try {
    const res = await fetch("/session");
    if (res.ok) session.value = await res.json();
    else if (res.status === 401) leave();
  } catch {
    // the server is away: the stream tries again
  }
  if (session.peek() && !source) connect();
  else if (session.peek() === undefined) again = window.setTimeout(() => void ask(), againMs);
}

/** leave forgets all that was shown to who was signed in. */
export function leave(): void {
  hangUp();
  batch(() => {
    session.value = null;
    look.value = null;
    sales.set([], (s) => s.sale);
    processes.set([], (p) => p.instance);
  });
}

setInterval(() => {
  now.value = performance.now();
  if (source && since.value > deadMs && now.value - opened > deadMs) connect();
}, tickMs);

// A page that the browser puts aside must not hold one of the server's places for readers.
addEventListener("pagehide", hangUp);
addEventListener("pageshow", (e) => {
  if (e.persisted) void ask();
});
