import assert from "node:assert/strict";
import { test } from "node:test";
import { clock } from "./clock.ts";
import { type TokenOption, tokenSource } from "./token.ts";

function source(option: TokenOption) {
  const errors: unknown[] = [];
  const ask = tokenSource(option, { timeoutMs: 30_000, onError: (error) => errors.push(error) });
  return { ask, errors };
}

test("[CLI-10] one answer serves all who ask while it is awaited", async () => {
  let asked = 0;
  const { ask } = source(async () => `token-${++asked}`);
  assert.deepEqual(await Promise.all([ask(), ask(), ask("older")]), ["token-1", "token-1", "token-1"]);
});

test("[CLI-10] who has an older token is given the newer one, and nobody is asked for it again", async () => {
  let asked = 0;
  const { ask } = source(() => `token-${++asked}`);
  assert.equal(await ask(), "token-1");
  assert.equal(await ask(), "token-1", "a second connection");
  assert.equal(await ask("token-1"), "token-2");
  assert.equal(await ask("token-1"), "token-2", "the second connection finds out as well");
  assert.equal(await ask("token-2"), "token-3");
  assert.equal(asked, 3);
});

test("a token that is none is an error, told once, and does not keep anybody from asking again", async () => {
  const answers = [undefined as never, "", "good"];
  const { ask, errors } = source(() => answers.shift() ?? "");
  for (let round = 1; round <= 2; round++) {
    const both = await Promise.allSettled([ask(), ask()]);
    assert.deepEqual(
      both.map(({ status }) => status),
      ["rejected", "rejected"],
    );
    assert.equal(errors.length, round);
  }
  assert.equal(await ask(), "good");
});

test("one that does not answer is given up, and asked anew; what it says later replaces nothing", async (t) => {
  let now = 0;
  t.mock.method(clock, "now", () => now);
  const answers: ((token: string) => void)[] = [];
  const { ask, errors } = source(() => new Promise((resolve) => answers.push(resolve)));
  const first = ask();
  now = 29_999;
  assert.equal(ask(), first);
  now = 30_000;
  const second = ask();
  assert.equal(answers.length, 2);
  assert.match(String(errors[0]), /has not answered within 30 s/);
  answers[1]?.("second");
  assert.equal(await second, "second");
  answers[0]?.("first");
  assert.equal(await first, "first");
  assert.equal(await ask(), "second");
});
