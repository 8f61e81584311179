// A dialog asks before anything is changed. It is the browser's own: Esc ends it, and the focus goes back to where it was.
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { said } from "./strip";
import { t } from "./settings";

interface Asked {
  title: string;
  yes: string; // the word on the button
  danger?: boolean;
  ready?: boolean; // the button may be pressed
  send: () => Promise<void>;
  close: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, close, children, ...asked }: Asked) {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current?.showModal();
    begin(box.current);
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  return (
    <dialog ref={box} aria-labelledby="asked" onClose={close}>
      <h2 id="asked">{title}</h2>
      <Form {...asked} cancel={() => box.current?.close()}>
        {children}
      </Form>
    </dialog>
  );
}

/** begin puts the focus into the first field, or else on the button that does nothing. */
function begin(form: HTMLElement | null): void {
  form?.querySelector<HTMLElement>("input, .buttons button")?.focus();
}

type FormOf = Omit<Asked, "title" | "close"> & { cancel?: () => void };

/** Form sends once at a time, and says what went wrong. */
export function Form({ yes, danger = false, ready = true, send, children, cancel }: FormOf) {
  const busy = useSignal(false);
  const wrong = useSignal("");
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => begin(form.current), []);
  const submit = async (e: Event) => {
    e.preventDefault();
    if (busy.value || !ready) return;
    busy.value = true;
    wrong.value = "";
    try {
      await send();
      cancel?.();
    } catch (err) {
      wrong.value = (err as Error).message;
    } finally {
      busy.value = false;
    }
  };
  return (
    <form ref={form} onSubmit={submit}>
      {children}
      <p class="wrong" role="alert">
        {wrong}
      </p>
      <div class="buttons">
        {cancel && (
          <button type="button" onClick={cancel}>
            {t("cancel")}
          </button>
        )}
        <button type="submit" class={danger ? "danger" : "main"} aria-disabled={busy.value || !ready}>
          {busy.value ? t("sending") : yes}
        </button>
      </div>
    </form>
  );
}

interface Input {
  label: string;
  hint?: string;
  name: string;
  set: (value: string) => void;
  [attribute: string]: unknown;
}

export function Field({ label, hint, name, set, ...rest }: Input) {
  return (
    <label class="field">
      {label}
      <input {...rest} name={name} autocomplete="off" onInput={(e) => set(e.currentTarget.value)} {...(hint ? { "aria-describedby": `${name}-hint` } : {})} />
      {hint && <small id={`${name}-hint`}>{hint}</small>}
    </label>
  );
}

/** Same shows how the same is done without the page. */
export function Same({ lines, open = false }: { lines: { label: string; text: string }[]; open?: boolean }) {
  return (
    <details class="same" open={open}>
      <summary>
        {t("command")} · curl
      </summary>
      {lines.map((line) => (
        <Line key={line.label} {...line} />
      ))}
    </details>
  );
}

export function Line({ label, text }: { label: string; text: string }) {
  const box = useRef<HTMLElement>(null);
  const copy = async () => {
    if (await copied(text, box.current!)) said.value = t("copied");
  };
  return (
    <div class="line">
      <pre tabIndex={0} role="region" aria-label={label}>
        <code ref={box}>{text}</code>
      </pre>
      <button type="button" onClick={copy} aria-label={`${t("copy")}: ${label}`}>
        {t("copy")}
      </button>
    </div>
  );
}

// Only a page that came over TLS or from this machine has a clipboard.
async function copied(text: string, box: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    getSelection()?.selectAllChildren(box);
    return document.execCommand("copy");
  }
}
