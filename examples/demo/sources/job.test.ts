import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Broker } from "@holdfast/core/broker";
import { HoldfastError, payloadValue } from "@holdfast/protocol";
import type { Holdfast } from "@holdfast/server";
import { createLogs, createOwnNode } from "../nodes.ts";
import { Jobs, type Outcome, type Progress } from "./job.ts";

let folder: string;
let broker: Broker;
let holdfast: Holdfast;

const files: Readonly<Record<string, string>> = { "a.txt": "first", "deep/b.txt": "second", "z.txt": "" };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "holdfast-job-"));
  broker = createLogs();
  holdfast = createOwnNode(broker, {});
  await mkdir(join(folder, "deep"));
  for (const ignored of ["node_modules", ".git"]) {
    await mkdir(join(folder, ignored));
    await writeFile(join(folder, ignored, "never.txt"), "never");
  }
  for (const [path, text] of Object.entries(files)) await writeFile(join(folder, path), text);
});

after(async () => {
  await holdfast.close();
  await broker.stop();
  await rm(folder, { recursive: true });
});

/** What a job's channel holds once it is closed. */
async function logOf(id: string) {
  const channel = `job:${id}`;
  const { promise, resolve } = Promise.withResolvers<void>();
  const following = await broker.follow(channel, { appended() {}, closed: resolve, disturbed() {} });
  if (!following.range.closed) await promise;
  following.stop();
  const { events, range } = await broker.read(channel, "oldest", { eventsMax: 100, bytesMax: 100_000 });
  assert.ok(range.closed);
  return events.map(({ type, payload }) => ({ type, data: payloadValue(payload) }));
}

test("[SEE] a job's log tells its progress and then what came of it, and is closed", async () => {
  const jobs = new Jobs(holdfast, folder, 0);
  const log = await logOf(jobs.start());
  const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
  const lines = Object.entries(files).map(([path, text]) => `${sha256(text)} ${path}\n`);
  const last = log.pop();
  const { digest, files: count, bytes, unreadable } = last!.data as Outcome;
  assert.equal(last!.type, "done");
  assert.deepEqual([count, bytes, unreadable], [3, 11, 0]);
  assert.equal(digest, sha256(lines.join("")));
  assert.ok(log.every(({ type }) => type === "progress"));
  assert.deepEqual((({ files, total }: Progress) => [files, total])(log.at(-1)?.data as Progress), [3, 3]);
});

test("[BND] a third job at the same time is refused, and those that run end with the demo", async () => {
  const jobs = new Jobs(holdfast, folder, 60_000);
  jobs.start();
  jobs.start();
  assert.throws(
    () => jobs.start(),
    (error) => error instanceof HoldfastError && error.code === "overloaded",
  );
  await jobs.stop();
});

test("[SEE] a folder that cannot be read is told, and the channel closed", async (t) => {
  t.mock.method(console, "error", () => {});
  const jobs = new Jobs(holdfast, join(folder, "nowhere"), 0);
  const log = await logOf(jobs.start());
  assert.deepEqual(
    log.map(({ type }) => type),
    ["failed"],
  );
});
