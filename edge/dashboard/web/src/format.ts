// How values are written. A value that is not known is a dash, never a number.
import type { Num } from "./look";
import { lang, t } from "./settings";

export const dash = "–";

const formats = new Map<string, Intl.NumberFormat>();

function write(n: number, digits: number): string {
  const id = lang.value + digits;
  let format = formats.get(id);
  if (!format) {
    format = new Intl.NumberFormat(lang.value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
    formats.set(id, format);
  }
  return format.format(n);
}

type Maybe = Num | undefined;
const known = (n: Maybe): n is number => n != null && Number.isFinite(n);

export const number = (n: Maybe, digits = 0): string => (known(n) ? write(n, digits) : dash);

/** few is a round number in few letters, for a chart's axis. */
export const few = (n: number): string => new Intl.NumberFormat(lang.value, { notation: "compact", maximumFractionDigits: 1 }).format(n);

/** rate is a number a second. A slow one has a decimal. */
export const rate = (n: Maybe): string => number(n, known(n) && n > 0 && n < 10 ? 1 : 0);

/** share is a part of 1, in percent. It is 100 % only if nothing is missing, and 0 % only if there is nothing. */
export function share(part: Maybe, whole: Maybe = 1): string {
  if (!known(part) || !known(whole) || whole <= 0) return dash;
  const tenths = Math.floor((part / whole) * 1000);
  return `${write(part > 0 ? Math.max(tenths, 1) / 10 : 0, 1)} %`;
}

/** span is a duration for people, from milliseconds. */
export function span(ms: Maybe): string {
  if (!known(ms)) return dash;
  const s = Math.max(0, Math.round(ms / 1000));
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d > 0) return t("span_d", d, h);
  if (h > 0) return t("span_h", h, two(m));
  return m > 0 ? t("span_min", m, two(s % 60)) : t("span_s", s);
}

const two = (n: number): string => String(n).padStart(2, "0");

/** micro is a short duration, from microseconds. */
export function micro(us: Maybe): string {
  if (!known(us)) return dash;
  if (us === 0) return number(0);
  if (us < 1000) return `${number(us)} µs`;
  return us < 1e6 ? `${number(us / 1000, us < 1e4 ? 1 : 0)} ms` : `${number(us / 1e6, 1)} s`;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** moment is a time of day, with its date where it is not today. */
export function moment(ms: Maybe): string {
  if (!known(ms)) return dash;
  const today = new Date(ms).toDateString() === new Date().toDateString();
  const id = lang.value + today;
  let clock = clocks.get(id);
  if (!clock) {
    clock = new Intl.DateTimeFormat(lang.value, { ...(today ? {} : { dateStyle: "medium" }), timeStyle: "medium", hourCycle: "h23" });
    clocks.set(id, clock);
  }
  return clock.format(ms);
}
