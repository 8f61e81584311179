// Times by the server's clock. An answer says how many milliseconds are left; from its arrival on this page counts by a clock that
// nobody sets. So a wrong clock of the buyer's machine matters nothing, and the page is late by the answer's way, never early.

// until returns a function that says how many milliseconds are left.
export function until(ms) {
  const end = performance.now() + ms;
  return () => Math.max(0, end - performance.now());
}

// words of a span: m:ss, or h:mm:ss. It is rounded up: 0:00 is the end itself.
export function span(ms) {
  const s = Math.ceil(ms / 1000);
  const two = (n) => String(n).padStart(2, "0");
  const [h, m] = [Math.floor(s / 3600), Math.floor(s / 60) % 60];
  return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
}
