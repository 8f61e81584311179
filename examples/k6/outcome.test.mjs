// node --test. k6 itself is not run here: this is the part of the script that decides.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { outcome, outcomes, pause } from "./outcome.js";

const problem = (code) => JSON.stringify({ code });

test("an answer is what its code says", () => {
  assert.equal(outcome(201, '{"token":"t"}'), "won");
  assert.equal(outcome(202, '{"claim":"c"}'), "entered");
  for (const code of Object.keys(outcomes)) assert.equal(outcome(410, problem(code)), code);
  assert.equal(outcome(429, problem("over_limit")), "over_limit");
  assert.equal(outcome(429, "<html>"), "too_many_requests");
  for (const [status, text] of [[404, problem("no_such_sale")], [401, problem("no_buyer")], [400, ""], [422, problem("key_used")]]) assert.equal(outcome(status, text), "refused");
  for (const [status, text] of [[0, null], [502, "<html>"], [503, problem("undecided")], [504, ""], [408, ""], [200, "null"]]) assert.equal(outcome(status, text), "undecided");
});

test("a buyer comes again when it was told, and a little later", () => {
  assert.equal(pause("3", "", () => 0), 3);
  assert.equal(pause("3", "", () => 1), 4.5);
  assert.equal(pause("3", '{"retry_after_ms":500}', () => 0), 0.5);
  assert.equal(pause(undefined, "", () => 0), 1);
});

test("every code of a buy is one that the API has", () => {
  const api = readFileSync(new URL("../../edge/openapi.yaml", import.meta.url), "utf8");
  for (const code of Object.keys(outcomes).filter((c) => !["won", "entered"].includes(c))) assert.match(api, new RegExp(`\\b${code}\\b`), code);
});
