// What the page knows: the session, the newest look, and how old it is. One stream and one clock, whatever the page shows.
import { batch, computed, effect, signal, type Signal } from "@preact/signals";
import type { Look, Num, Process, Sale, Session } from "./look";
import { shown } from "./route";

const tickMs = 500;
const oldMs = 2000; // a figure that is older is grey
const lostMs = 2500; // a look comes at least once a second
const againMs = 1000;
const restMs = 30_000; // a page that nobody sees for so long gives its place back
const deadMs = 8000; // a stream without a look for so long is opened anew

/** undefined: not known yet; null: somebody must sign in. */
export const session = signal<Session | null | undefined>(undefined);
export const mayAct = computed(() => session.value?.role === "admin");
const mayLook = computed(() => mayAct.value || session.value?.role === "viewer");

export const look = signal<Look | null>(null);
const came = signal(performance.now()); // when the newest look came, or the first was asked for
export const now = signal(performance.now());

/** How long ago the newest look came. */
export const since = computed(() => Math.max(0, now.value - came.value));
const resting = signal(false);
export const lost = computed(() => !resting.value && since.value > lostMs);
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

// Who may look has a stream, with the details of the sale that is shown.
effect(() => {
  if (mayLook.value && (shown.value !== watched || !source)) connect();
});

function connect(): void {
  hangUp();
  watched = shown.peek();
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
  if (mayLook.peek() && !source) connect();
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

// A page that the browser puts aside, or that nobody sees, must not hold one of the server's places for readers, nor one of the
// six connections that a browser has for a server.
let rest = 0;
document.addEventListener("visibilitychange", () => {
  clearTimeout(rest);
  if (document.hidden) {
    rest = window.setTimeout(() => {
      resting.value = true;
      hangUp();
    }, restMs);
  } else if (resting.value) {
    resting.value = false;
    void ask();
  }
});
addEventListener("pagehide", hangUp);
addEventListener("pageshow", (e) => {
  if (e.persisted) void ask();
});
