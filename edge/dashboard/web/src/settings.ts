// The reader's own choices: language and colours. They are kept in this browser; without a choice, the browser's are taken.
import { effect, signal, type Signal } from "@preact/signals";
import { type Word, words } from "./words";

/** keeps is a signal that outlives the page. Its value is one of the choices; the first stands for "as the browser has it". */
function keeps<T extends string>(name: string, choices: readonly T[]): Signal<T> {
  const kept = signal<T>(choices.find((c) => c === read(name)) ?? choices[0]!);
  effect(() => write(name, kept.value));
  return kept;
}

// A browser may refuse its storage. Then the choice lasts as long as the page.
function read(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // see read
  }
}

export const themes = ["auto", "light", "dark"] as const;
export const theme = keeps("spike.theme", themes);
effect(() => document.documentElement.setAttribute("data-theme", theme.value));

export const langs = { en: "English", zh: "中文" } as const;
export type Lang = keyof typeof langs;
export const lang = keeps<Lang>("spike.lang", navigator.language.startsWith("zh") ? ["zh", "en"] : ["en", "zh"]);
effect(() => {
  document.documentElement.lang = lang.value;
});

/** t is a word in the reader's language, with its arguments in place. */
export function t(word: Word, ...args: (string | number)[]): string {
  const text = words[word][lang.value === "zh" ? 1 : 0];
  return args.length ? text.replace(/\{(\d)\}/g, (_, i) => String(args[i])) : text;
}

/** named is the word for a server's term, such as an outcome, or the term itself where the page has no word for it. */
export function named(prefix: "o_" | "d_", term: string): string {
  return prefix + term in words ? t((prefix + term) as Word) : term;
}
