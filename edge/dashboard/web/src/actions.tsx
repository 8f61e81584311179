// What an operator may do to a sale. Each action is a line of a table: one request, which the page, curl and the command line share.
import { signal, useComputed, useSignal } from "@preact/signals";
import { call } from "./api";
import { curl, cli } from "./command";
import { Dialog, Field, Same } from "./dialog";
import { look, mayAct } from "./live";
import type { Sale, State } from "./look";
import { go } from "./route";
import { t } from "./settings";
import { said } from "./strip";
import type { Word } from "./words";

export interface Request {
  method: string;
  path: string;
  body?: unknown;
}

interface Given {
  id: string; // of the request: made when the dialog opens
  at: string; // when the dialog opened, by the server's clock
  n: number;
  grants: boolean;
}

interface Act {
  in: State[]; // where it makes sense
  if?: (sale: Sale) => boolean; // and when
  named: boolean; // its dialog wants the sale's name
  request: (sale: string, g: Given) => Request;
  args: (sale: string, g: Given) => string[];
}

const selling: State[] = ["open", "not_open", "drawing"];
const notClosed: State[] = [...selling, "paused"];
const any: State[] = [...notClosed, "closed", ""];
const base = (sale: string): string => `/api/v1/sales/${encodeURIComponent(sale)}`;

const acts = {
  open: {
    in: ["not_open"],
    named: false,
    request: (s, g) => ({ method: "PATCH", path: base(s), body: { opens: g.at } }),
    args: (s, g) => ["edit", s, "--opens", g.at],
  },
  add: {
    in: notClosed,
    named: false,
    request: (s, g) => ({ method: "POST", path: `${base(s)}/add`, body: { n: g.n, request_id: g.id } }),
    args: (s, g) => ["add", s, String(g.n), "--request-id", g.id],
  },
  pause: { in: selling, named: false, request: (s) => ({ method: "POST", path: `${base(s)}/pause?wait=0s` }), args: (s) => ["pause", s] },
  resume: { in: ["paused"], named: false, request: (s) => ({ method: "POST", path: `${base(s)}/resume` }), args: (s) => ["resume", s] },
  close: { in: notClosed, named: true, request: (s) => ({ method: "POST", path: `${base(s)}/close?wait=0s` }), args: (s) => ["close", s] },
  reopen: {
    in: any,
    if: (s) => s.replicas_missing || s.recovering_ms !== null,
    named: true,
    request: (s, g) => ({ method: "POST", path: `${base(s)}/reopen?yes=true`, body: { grants: g.grants } }),
    args: (s, g) => ["reopen", s, ...(g.grants ? ["--grants"] : []), "--yes"],
  },
  remove: { in: any, named: true, request: (s) => ({ method: "DELETE", path: `${base(s)}?yes=true` }), args: (s) => ["remove", s, "--yes"] },
} satisfies Record<string, Act>;

type Verb = keyof typeof acts;
const verbs = Object.keys(acts) as Verb[];

const asked = signal<{ verb: Verb; sale: string } | null>(null);

/** Actions are the buttons of a sale. Who may only look sees none. They are drawn again only when others make sense. */
export function Actions({ of }: { of: () => Sale }) {
  const fit = useComputed(() => verbs.filter((verb) => fits(acts[verb], of())).join(" "));
  if (!mayAct.value) return null;
  return (
    <div class="buttons actions">
      {(fit.value.split(" ") as Verb[]).map((verb) => (
        <button key={verb} type="button" class={acts[verb].named ? "danger" : ""} data-action={verb} onClick={() => (asked.value = { verb, sale: of().sale })}>
          {t(`a_${verb}`)}
        </button>
      ))}
    </div>
  );
}

const fits = (act: Act, s: Sale): boolean => act.in.includes(s.state) && (act.if?.(s) ?? true);

/** Asking is the dialog that is open, if one is. */
export function Asking() {
  const a = asked.value;
  return a && <Ask key={`${a.verb} ${a.sale}`} {...a} />;
}

function Ask({ verb, sale }: { verb: Verb; sale: string }) {
  const act: Act = acts[verb];
  const given = useSignal<Given>({ id: requestID(), at: new Date(look.peek()!.at).toISOString(), n: 0, grants: false });
  const typed = useSignal("");
  const ready = (!act.named || typed.value === sale) && (verb !== "add" || given.value.n >= 1);
  const request = act.request(sale, given.value);
  const send = async () => {
    await call(request.method, request.path, request.body);
    said.value = t("done", t(`a_${verb}`), sale);
    if (verb === "remove") go("/");
  };
  return (
    <Dialog title={`${t(`a_${verb}`)}: ${sale}`} yes={t(`a_${verb}`)} danger={act.named} ready={ready} send={send} close={() => (asked.value = null)}>
      <p>{t(`w_${verb}` as Word, sale)}</p>
      {verb === "add" && <Field name="n" label={t("f_n")} type="number" min="1" max="4294967294" required set={(v) => (given.value = { ...given.value, n: Number(v) })} />}
      {verb === "reopen" && <Grants set={(grants) => (given.value = { ...given.value, grants })} />}
      {act.named && <Field name="name" label={t("type_name", sale)} required set={(v) => (typed.value = v)} />}
      <Same lines={[...cli(["sale", ...act.args(sale, given.value)]), curl(request)]} />
    </Dialog>
  );
}

function Grants({ set }: { set: (on: boolean) => void }) {
  return (
    <label class="check">
      <input type="checkbox" name="grants" onChange={(e) => set(e.currentTarget.checked)} /> {t("reopen_grants")}
    </label>
  );
}

/** An id that nobody else makes. (randomUUID is missing where the page came without TLS from another machine.) */
function requestID(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}
