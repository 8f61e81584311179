// Of hundreds of rows only those near the screen are redrawn. The others are brought up to date when they come near.
import { type ReadonlySignal, signal, type Signal, useComputed } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";

const near = "600px";

const watched = new WeakMap<Element, Signal<boolean>>();
const watcher = new IntersectionObserver(
  (changes) => {
    for (const c of changes) {
      const seen = watched.get(c.target);
      if (seen) seen.value = c.isIntersecting;
    }
  },
  { rootMargin: near },
);

/** useNear is a signal that stands still while the element is far from the screen. */
export function useNear<T, E extends Element>(live: ReadonlySignal<T>): [RefObject<E | null>, ReadonlySignal<T>] {
  const element = useRef<E>(null);
  const seen = useMemo(() => signal(true), []);
  const last = useRef(live.peek());
  useLayoutEffect(() => {
    const e = element.current!;
    watched.set(e, seen);
    watcher.observe(e);
    return () => watcher.unobserve(e);
  }, []);
  const value = useComputed(() => (seen.value ? (last.current = live.value) : last.current));
  return [element, value];
}
