// The buyers' side of Spike, in six calls. Each returns {code, status, body, again}: code is what the page acts on, again the
// milliseconds after which it may come again. None throws: where no answer came, the code is "undecided", because the server may
// have done it.

// What a success is called; every other answer says its code itself.
const named = { "POST 201": "won", "POST 202": "entered", "GET 202": "entered", "GET 200": "ok", "POST 200": "ok" };

// patience is how long an answer may take, in milliseconds.
const patience = 15_000;

// again returns how long to wait before the next try: what the server says, and up to half as much more. So buyers who heard the
// same do not come back together. Without a word of the server each try waits twice as long as the one before, up to 16 s.
export function again(headers, body, tries = 0, random = Math.random) {
  const seconds = Number(headers.get("Retry-After"));
  const told = body?.retry_after_ms ?? (seconds > 0 ? seconds * 1000 : 0);
  return Math.round((told || 1000 * 2 ** Math.min(tries, 4)) * (1 + random() / 2));
}

// code returns the code of an answer. An answer of something between (a proxy's 502) has none that we know: nobody knows.
export function code(method, status, body) {
  const success = named[`${method} ${status}`];
  if (success && body) return success;
  if (typeof body?.code === "string") return body.code;
  return status === 429 ? "too_many_requests" : "undecided";
}

export async function call(method, path, { body, headers, tries } = {}) {
  try {
    const r = await fetch(path, {
      method,
      headers: { ...(body && { "Content-Type": "application/json" }), ...headers },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(patience),
    });
    const said = await r.json().catch(() => undefined);
    return { code: code(method, r.status, said), status: r.status, body: said, again: again(r.headers, said, tries) };
  } catch {
    return { code: "undecided", status: 0, again: again(new Headers(), undefined, tries) };
  }
}

const sales = (sale) => `/v1/sales/${encodeURIComponent(sale)}`;
const one = (token) => `/v1/reservations/${encodeURIComponent(token)}`;

export const stock = (sale, tries) => call("GET", sales(sale), { tries });
export const buy = (sale, key, tries) => call("POST", `${sales(sale)}/reservations`, { headers: { "Idempotency-Key": key }, tries });
export const mine = (sale, tries) => call("GET", `${sales(sale)}/reservations/mine`, { tries });
export const show = (token, tries) => call("GET", one(token), { tries });
export const cancel = (token, tries) => call("POST", `${one(token)}/cancel`, { tries });

// newKey makes an Idempotency-Key of 128 random bits.
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
