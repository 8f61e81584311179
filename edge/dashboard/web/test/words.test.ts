import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { words } from "../src/words.ts";

const places = (text: string): string => [...text.matchAll(/\{\d\}/g)].map(([p]) => p).sort().join();

test("both languages say every word, with the same arguments", () => {
  for (const [word, [en, zh]] of Object.entries(words)) {
    assert.ok(en && zh, word);
    assert.equal(places(zh), places(en), word);
  }
});

// The test is started in the repository's root.
test("the parts of the documentation that the page sends people to are there", () => {
  const text = (file: string): string => readFileSync(file, "utf8");
  const sent = [...text("edge/dashboard/web/src/trouble.ts").matchAll(/see: \["([^"]+)", "([^"]+)"\]/g)].map(([, page, part]) => [page!, part!]);
  const said = [...JSON.stringify(words).matchAll(/See (docs[^,]+), “([^”{]+)”/g)].map(([, page, part]) => [page!, part!]);
  assert.ok(sent.length > 5 && said.length > 0, `${sent} ${said}`);
  for (const [page, part] of [...sent, ...said]) assert.ok(text(page!).split("\n").some((line) => /^#+ /.test(line) && line.endsWith(` ${part}`)), `${page}: ${part}`);
});
