// How what the page does is done from a shell.
import type { Request } from "./actions";
import { look, session } from "./live";
import { t } from "./settings";

const plain = /^[\w@%+=:,./-]+$/;
const quote = (arg: string): string => (plain.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`);

export interface Line {
  label: string;
  text: string;
}

/** cli is the command line. The embedded store has none: it lives in the process that serves the page. */
export function cli(args: string[]): Line[] {
  const store = look.value?.store;
  if (store?.kind !== "redis") return [{ label: t("command"), text: `# ${t("cli_embedded")}` }];
  return [{ label: t("command"), text: ["spike", ...args, "--redis", store.address].map(quote).join(" ") }];
}

export function curl({ method, path, body }: Request): Line {
  const token = session.value?.token_needed ? ` -H "Authorization: Bearer $SPIKE_ADMIN_TOKEN"` : "";
  const data = body === undefined ? "" : ` -H 'Content-Type: application/json' -d ${quote(JSON.stringify(body))}`;
  return { label: "curl", text: `curl -X ${method}${token}${data} ${quote(location.origin + path)}` };
}
