// A witness in the page: with each look that the stream brings, what the page then shows.

/** witness runs in the page before the page's own script. */
export function witness() {
  const seen = (globalThis.seen = []);
  const shown = () =>
    [...document.querySelectorAll("[data-figure]")].map((e) => ({
      id: e.dataset.figure,
      sale: e.dataset.sale,
      node: e.dataset.node,
      state: e.dataset.state,
      text: e.textContent,
      revision: e.closest("[data-revision]")?.dataset.revision,
    }));
  const Native = globalThis.EventSource;
  globalThis.EventSource = class extends Native {
    addEventListener(kind, take) {
      super.addEventListener(kind, (e) => {
        take(e);
        const count = (this.looks = (this.looks ?? 0) + 1);
        requestAnimationFrame(() =>
          setTimeout(() => {
            if (count === this.looks) seen.push({ path: location.pathname, look: e.data, figures: shown(), lost: !!document.querySelector("[data-banner]") });
          }),
        );
      });
    }
  };
}

/** statement is what the witness has seen since it was asked last. */
export async function statement(page) {
  const all = await page.evaluate(() => globalThis.seen.splice(0));
  return all.map((s) => ({ ...s, look: JSON.parse(s.look) }));
}
