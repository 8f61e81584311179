// Which page is shown: the address says it.
import { computed, signal } from "@preact/signals";
import type { ComponentChildren } from "preact";

export const path = signal(location.pathname);
addEventListener("popstate", () => {
  path.value = location.pathname;
});

export const pages = { "/": "sales", "/edges": "edges", "/orders": "orders", "/front": "front", "/journal": "journal" } as const;

/** The name of the sale that is shown, if one is. No name needs an escape. */
export const shown = computed(() => /^\/sales\/([\w-][\w.-]{0,63})\/?$/.exec(path.value)?.[1]);

export const saleHref = (name: string): string => `/sales/${name}`;

export function go(to: string): void {
  if (to !== path.peek()) history.pushState(null, "", to);
  path.value = to;
  scrollTo(0, 0);
  requestAnimationFrame(() => document.querySelector<HTMLElement>("h1")?.focus());
}

/** A is a link within the page. With a modifier key it does what the browser does. */
export function A({ href, children, current = false }: { href: string; children: ComponentChildren; current?: boolean }) {
  const follow = (e: MouseEvent) => {
    if (e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
    e.preventDefault();
    go(href);
  };
  return (
    <a href={href} onClick={follow} {...(current ? { "aria-current": "page" as const } : {})}>
      {children}
    </a>
  );
}
