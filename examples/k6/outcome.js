// What a buy came to, told from its answer. No k6 here: node tests this file.

// Every code that a keyed buy may be answered with, and whether the same key may be sent again.
export const outcomes = {
  won: false, entered: false, sold_out: false, closed: false, over_limit: false, n_over_limit: false, not_open: false,
  none_now: true, paused: true, too_many_requests: true, undecided: true,
};

const success = { 201: "won", 202: "entered" };

// outcome returns a code of outcomes, or "refused" where the request itself makes no sense: then this script is wrong. An answer
// without a code (a proxy's 502), or none (status 0), is undecided: it is never a "no".
export function outcome(status, text) {
  if (success[status]) return success[status];
  const code = parsed(text).code;
  if (code in outcomes) return code;
  if (status === 429) return "too_many_requests";
  return status >= 400 && status < 500 && status !== 408 ? "refused" : "undecided";
}

// pause returns after how many seconds a buyer comes again: what the server says, and up to half as much more.
export function pause(retryAfter, text, random = Math.random) {
  const told = (parsed(text).retry_after_ms ?? 1000 * (Number(retryAfter) || 1)) / 1000;
  return told * (1 + random() / 2);
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
