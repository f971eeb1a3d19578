import assert from "node:assert/strict";
import test from "node:test";
import { checkRules } from "./check-rules.ts";

const protocol = `# Protocol

- **GAP-1** A gap is told.
- **GAP-2** Once.
  - **ACK-1** Nested.

\`\`\`
- **GAP-3** an example, not a rule
\`\`\`
`;

const cites = (...ids: string[]) => ids.map((id) => `test("${id} holds", () => {});`).join("\n");

function problems(files: Record<string, string>, text = protocol): string[] {
  return checkRules(new Map(Object.entries({ "PROTOCOL.md": text, ...files }))).problems;
}

test("all is well when every rule is cited and every citation is a rule", () => {
  assert.deepEqual(problems({ "packages/a/src/a.test.ts": cites("GAP-1", "GAP-2", "ACK-1") }), []);
});

test("a rule that no test cites", () => {
  assert.deepEqual(problems({ "tests/a.test.ts": cites("GAP-1", "ACK-1") }), [
    `PROTOCOL.md:4 GAP-2 is cited by no test title.`,
  ]);
});

test("a citation of no rule", () => {
  assert.deepEqual(problems({ "tests/a.test.ts": cites("GAP-1", "GAP-2", "ACK-1", "GAP-3") }), [
    `tests/a.test.ts:4 cites GAP-3, which PROTOCOL.md does not have.`,
  ]);
});

test("a rule id that repeats", () => {
  const text = `- **GAP-1** One.\n- **GAP-1** Two.\n`;
  assert.deepEqual(problems({ "tests/a.test.ts": cites("GAP-1") }, text), [
    `PROTOCOL.md:2 repeats GAP-1 of line 1.`,
  ]);
});

test("a rule that is written wrongly", () => {
  for (const line of [`- **GAP-2:** Text.`, `- **GAP-2a** Text.`, `- **GAP-2**`, "- **A-1** Text."]) {
    const text = `- **GAP-1** One.\n${line}\n`;
    assert.match(
      problems({ "tests/a.test.ts": cites("GAP-1") }, text).join(),
      /:2 .* is not written as/,
      line,
    );
  }
});

test("a protocol without rules", () => {
  assert.deepEqual(problems({}, "# Protocol\n"), ["PROTOCOL.md holds no rules."]);
});

test("what looks like an id but has an unknown prefix, and a promise alone, are no citations", () => {
  const all = cites("GAP-1", "GAP-2", "ACK-1");
  const others = cites("SHA-256", "RFC-9457", "UTF-8", "GAP", "DUP");
  assert.deepEqual(problems({ "tests/a.test.ts": `${all}\n${others}` }), []);
});

test("titles are found in every form of a test", () => {
  const id = "GAP-1";
  const forms = [
    `it("${id}", () => {});`,
    `describe("${id}", () => {});`,
    `suite("${id}", { timeout: 1 }, () => {});`,
    `test.only("${id}", () => {});`,
    `test("a", async (t) => { await t.test("${id}", () => {}); });`,
    `test(\`\${transport}: ${id} \${mode}\`, () => {});`,
    `test("a " + "${id}", () => {});`,
    `rule("${id}", { run() {} });`,
    `rule("${id}");`,
  ];
  for (const form of forms) {
    assert.deepEqual(problems({ "tests/a.test.ts": form }, `- **${id}** One.\n`), [], form);
    assert.deepEqual(problems({ "packages/testkit/src/suite.ts": form }, `- **${id}** One.\n`), [], form);
  }
});

test("what is not the title of a test that runs is no citation", () => {
  const id = "GAP-1";
  const forms = [
    `// test("${id}", () => {});`,
    `const name = "${id}";`,
    `pattern.test("${id}");`,
    `test.skip("${id}", () => {});`,
    `test.todo("${id}", () => {});`,
    `test("${id}");`,
    `test("a", () => assert.equal(a, "${id}"));`,
  ];
  for (const form of forms) {
    const files = { "tests/a.test.ts": form };
    assert.deepEqual(
      problems(files, `- **${id}** One.\n`),
      [`PROTOCOL.md:1 ${id} is cited by no test title.`],
      form,
    );
  }
  assert.equal(problems({ "packages/server/src/a.ts": cites(id) }, `- **${id}** One.\n`).length, 1);
});
