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
test("the parts of README.md that the page sends people to are there", () => {
  const readme = readFileSync("README.md", "utf8");
  const sent = [...readFileSync("edge/dashboard/web/src/trouble.ts", "utf8").matchAll(/see: "([^"]+)"/g)].map(([, part]) => part!);
  assert.ok(sent.length > 5, `${sent}`);
  for (const part of sent) assert.match(readme, new RegExp(`^(#+ |\\*\\*)${part}`, "m"));
  assert.match(readme, /^\| Redis does not answer \|/m);
});
