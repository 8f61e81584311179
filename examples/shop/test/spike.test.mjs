// What the page makes of an answer, without a browser: node --test.
import assert from "node:assert/strict";
import test from "node:test";
import { span } from "../page/clock.js";
import { again, code } from "../page/spike.js";

const headers = (seconds) => new Headers(seconds === undefined ? {} : { "Retry-After": String(seconds) });

test("the server says how long to wait, and each buyer waits a little more", () => {
  assert.equal(again(headers(3), undefined, 0, () => 0), 3000);
  assert.equal(again(headers(3), undefined, 9, () => 1), 4500);
  assert.equal(again(headers(3), { retry_after_ms: 2500 }, 0, () => 0), 2500);
  const waits = new Set(Array.from({ length: 50 }, () => again(headers(2))));
  assert.ok(waits.size > 10 && Math.min(...waits) >= 2000 && Math.max(...waits) <= 3000);
});

test("without a word of the server each wait is twice the last, up to a bound", () => {
  const waits = [0, 1, 2, 3, 4, 5, 90].map((tries) => again(headers(), undefined, tries, () => 0));
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16000, 16000, 16000]);
  assert.equal(again(headers("soon"), undefined, 0, () => 0), 1000);
});

test("an answer that nobody understands is undecided, never sold out", () => {
  assert.equal(code("POST", 201, { token: "t" }), "won");
  assert.equal(code("POST", 202, { claim: "c" }), "entered");
  assert.equal(code("POST", 410, { code: "sold_out" }), "sold_out");
  assert.equal(code("POST", 429, { code: "over_limit" }), "over_limit");
  assert.equal(code("POST", 429, undefined), "too_many_requests");
  for (const status of [201, 200, 404, 410, 500, 502, 504]) assert.equal(code("POST", status, undefined), "undecided");
});

test("a span is rounded up", () => {
  assert.deepEqual([0, 1, 1000, 59_001, 60_000, 3_600_000, 3_661_000].map(span), ["0:00", "0:01", "0:01", "1:00", "1:00", "1:00:00", "1:01:01"]);
});
