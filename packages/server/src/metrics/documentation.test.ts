import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MemoryBroker } from "@holdfast/core/broker";
import { parseExposition } from "@holdfast/testkit";
import { createHoldfast } from "../index.ts";
import { Node } from "../node.ts";
import { readOptions } from "../options.ts";
import { PrimaryTelling } from "../workers/primary-telling.ts";
import { type Families, formatWorkers } from "./exposition.ts";

const docs = new URL("../../../../docs/", import.meta.url);
const operations = readFileSync(new URL("operations.md", docs), "utf8");
const dashboard = readFileSync(new URL("grafana.json", docs), "utf8");

/** Every metric that some process tells, and its type. */
async function told(t: { after(run: () => void): void }): Promise<ReadonlyMap<string, string>> {
  const holdfast = createHoldfast({ logger: () => {} });
  const memory = new MemoryBroker({ clock: { now: () => 0 }, epochSeed: "docs00" });
  const primary = new PrimaryTelling({ slots: [], memory, followed: () => 0 });
  t.after(() => primary.stop());
  const families = (await primary.tell("metrics")) as Families;
  const texts = [await holdfast.metrics(), await formatWorkers([{ worker: "primary", told: families }])];
  await holdfast.close({ spreadMs: 0, noticeMs: 0 });
  return new Map(
    texts.flatMap((text) => Array.from(parseExposition(text), ([name, { type }]) => [name, type] as const)),
  );
}

function names(text: string): Set<string> {
  const found = text.match(/\b(?:holdfast|process|nodejs)_[a-z0-9_]+/g) ?? [];
  return new Set(found.map((name) => name.replace(/_(?:bucket|sum|count)$/, "")));
}

test("[SEE-1] the table of metrics has all there are, by their names and types, and no other", async (t) => {
  const rows = Array.from(
    operations.matchAll(/^\| `([a-z_]+)` \| (counter|gauge|histogram) \|/gm),
    ([, name = "", type = ""]) => [name, type] as const,
  );
  const documented = new Map(rows);
  assert.equal(documented.size, rows.length, "a metric has two rows");
  const real = await told(t);
  assert.deepEqual(Object.fromEntries([...documented].sort()), Object.fromEntries([...real].sort()));
});

test("[SEE-1] alerts, advice and the dashboard ask for metrics that there are", async (t) => {
  const real = await told(t);
  for (const [where, text] of [
    ["operations.md", operations],
    ["grafana.json", dashboard],
  ] as const) {
    const unknown = [...names(text)].filter((name) => !real.has(name));
    assert.deepEqual(unknown, [], where);
  }
  const { panels } = JSON.parse(dashboard) as {
    panels: { id: number; title: string; targets: { expr: string }[] }[];
  };
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const { title, targets } of panels) {
    assert.ok(targets.length > 0 && targets.every(({ expr }) => names(expr).size > 0), title);
  }
});

test("[SEE-1] the labels in the table are those that are told, and no label could grow without bound", async () => {
  const node = new Node(readOptions({ logger: () => {} }));
  await node.exposition.families();
  const labels = new Map(
    Array.from(
      operations.matchAll(/^\| `([a-z_]+)` \| (?:counter|gauge|histogram) \|([^|]*)\|/gm),
      ([, name = "", list = ""]) => [
        name,
        Array.from(list.matchAll(/`([a-z_]+)`/g), ([, label = ""]) => label),
      ],
    ),
  );
  for (const metric of node.meters.registry.getMetricsAsArray()) {
    const { name, labelNames = [] } = metric as unknown as { name: string; labelNames?: string[] };
    assert.deepEqual(labels.get(name), labelNames, name);
    for (const label of labelNames)
      assert.doesNotMatch(label, /channel|user|address|token|session|connection/);
  }
  await node.stop();
});
