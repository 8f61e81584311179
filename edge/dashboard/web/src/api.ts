// Calls of the operators' API. What went wrong is an Error whose message is for people.
import { leave } from "./live";
import { t } from "./settings";

interface Problem {
  code: string;
  detail: string;
}

/** call sends a request and returns the JSON of its answer. */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let res: Response;
  try {
    res = await fetch(path, body === undefined ? { method } : { method, body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  } catch {
    throw new Error(t("no_answer"));
  }
  if (res.ok) return (res.status === 204 ? undefined : await res.json()) as T;
  if (res.status === 401 && path !== "/session") leave();
  const problem = (await res.json().catch(() => ({}))) as Partial<Problem>;
  throw new Error(problem.detail ? `${problem.detail} (${res.status} ${problem.code})` : `HTTP ${res.status}`);
}
