import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { defaultMemoryLimits, defaultRetention } from "@holdfast/core/broker";
import { defaultNamespace } from "@holdfast/core/server";
import { defaultLimits } from "@holdfast/protocol";
import { exitCodes } from "./exit-codes.ts";
import { readerSettings, serveSettings } from "./settings.ts";

const reference = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8");

test("[BND-2] the reference has every limit with its default", () => {
  for (const [name, value] of Object.entries(defaultLimits)) {
    assert.ok(reference.includes(`| \`${name}\` | ${value} |`), name);
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
