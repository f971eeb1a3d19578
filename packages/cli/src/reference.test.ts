import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { defaultMemoryLimits, defaultRetention } from "@holdfast/core/broker";
import { defaultNamespace } from "@holdfast/core/server";
import { defaultLimits, isErrorCode } from "@holdfast/protocol";
import { exitCodes } from "./exit-codes.ts";
import { readerSettings, serveSettings } from "./settings.ts";

const reference = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");

test("[BND-2] the reference has every limit with its default", () => {
  for (const [name, value] of Object.entries(defaultLimits)) {
    assert.ok(reference.includes(`| \`${name}\` | ${value} |`), name);
  }
});

/** By name, what the page on limits says of what is beyond it. */
function beyondLimits(): Map<string, string> {
  const page = readFileSync(new URL("../../../docs/limits.md", import.meta.url), "utf8");
  const [, table = ""] = page.split("| `limits.` | beyond it |");
  const rows = [...(table.split("\n\n", 1)[0]?.matchAll(/^\| `(\w+)` \| (.+) \|$/gm) ?? [])];
  return new Map(rows.map(([, name = "", beyond = ""]) => [name, beyond]));
}

/** The sources of what runs in a server. */
function serverSources(): string {
  const texts = ["core", "server"].flatMap((name) => {
    const folder = new URL(`../../${name}/src/`, import.meta.url);
    return readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => /(?<!\.test|\.test-support)\.ts$/.test(file))
      .map((file) => readFileSync(new URL(file, folder), "utf8"));
  });
  return texts.join("\n");
}

test("[BND-2] [LIM-3] the page on limits has every limit, and each whose refusal it promises is named by one", () => {
  const beyond = beyondLimits();
  assert.deepEqual([...beyond.keys()], Object.keys(defaultLimits));
  const sources = serverSources();
  // Those that are said by HTTP/2 and by the socket have no outcome of ours.
  const spoken = new Set(["http2StreamsMax", "expiryGraceMs"]);
  for (const [name, text] of beyond) {
    const codes = [...text.matchAll(/`(\w+)`/g)].map(([, code]) => code).filter(isErrorCode);
    if (codes.length > 0 && !spoken.has(name)) {
      assert.ok(
        sources.includes(`"${name}"`),
        `${name} is said to end in ${codes[0]}, and no refusal names it`,
      );
    } else {
      assert.ok(text.length > 10, `what happens beyond ${name} is not said`);
    }
  }
});

test("[BND-2] the reference has every bound of the memory broker with its default", () => {
  for (const [name, value] of Object.entries(defaultMemoryLimits)) {
    assert.ok(reference.includes(`\`memory.${name}\` (${value})`), name);
  }
});

test("the reference has every setting of a namespace with its default", () => {
  const { retention: _, ...others } = defaultNamespace;
  const retention = Object.entries(defaultRetention).map(
    ([name, value]) => [`retention.${name}`, value] as const,
  );
  for (const [name, value] of [...Object.entries(others), ...retention]) {
    const row = reference.split("\n").find((line) => line.startsWith("| ") && line.includes(`\`${name}\``));
    const [, names = "", defaults = ""] = row?.split("|").map((cell) => cell.trim()) ?? [];
    const index = names.split(", ").indexOf(`\`${name}\``);
    assert.equal(defaults.split(", ")[index], `${value}`, name);
  }
});

test("the reference has every setting of the command line with its flag and variable", () => {
  for (const { name, flags, env } of Object.values({ ...serveSettings, ...readerSettings })) {
    const row = reference.split("\n").find((line) => line.includes(`\`${env}\``));
    assert.ok(row?.includes(`\`${flags.split(" ")[0]}\``) && row.includes(`\`${name}\``), env);
  }
});

test("the reference has every exit code", () => {
  const [, table = ""] = reference.split("## Exit codes");
  const codes = [...table.matchAll(/^\| (\d+(?:, \d+)*) \|/gm)].flatMap(([, text = ""]) => text.split(", "));
  assert.deepEqual(codes.map(Number), Object.values(exitCodes));
});
