import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBroker } from "@holdfast/core/broker";
import { createHoldfast, type Holdfast } from "@holdfast/server";
import { emptyUrl, folder, run, serveHere, start, until } from "../rig.test.ts";

const lines = (text: string) => text.split("\n").slice(0, -1);
const json = (text: string) => lines(text).map((line) => JSON.parse(line) as Record<string, unknown>);

async function publishNumbers(
  holdfast: Holdfast,
  channel: string,
  from: number,
  to: number,
): Promise<string[]> {
  const cursors: string[] = [];
  for (let number = from; number < to; number++)
    cursors.push((await holdfast.publish(channel, number)).cursor);
  return cursors;
}

for (const via of ["auto", "websocket", "sse", "long-poll", "poll"]) {
  test(`[ORD-1] [READ-3] over ${via} it prints what was there and what comes, in order`, async (t) => {
    const { holdfast, env } = await serveHere(t);
    await publishNumbers(holdfast, "a", 0, 1500);
    const args = ["subscribe", "a", "--after", "oldest", "--count", "1510", "--via", via];
    const subscriber = start(t, args, { env });
    await until(() => lines(subscriber.stdout).length === 1500);
    await publishNumbers(holdfast, "a", 1500, 1520);
    const { code, stdout, stderr } = await subscriber.exited;
    assert.deepEqual([code, stderr], [0, ""]);
    assert.deepEqual(
      lines(stdout),
      Array.from({ length: 1510 }, (_, index) => `${index}`),
    );
  });
}

test("[EVT-1] each kind of data has its way to be printed", async (t) => {
  const { holdfast, url, env } = await serveHere(t);
  await holdfast.publish("a", { b: [1, "two"] }, { type: "t", key: "k", id: "i", from: "ada" });
  await fetch(`${url}/channels/a`, {
    method: "POST",
    body: "two\nlines",
    headers: { "Content-Type": "text/plain" },
  });
  await holdfast.publish("a", "a JSON string");
  await holdfast.publish("a", Uint8Array.of(0, 255));
  const args = ["subscribe", "a", "--after", "oldest", "--count", "4"];
  const plain = await run(t, args, { env });
  assert.equal(plain.stdout, '{"b":[1,"two"]}\ntwo\nlines\n"a JSON string"\nAP8=\n');
  const whole = json((await run(t, [...args, "--json"], { env })).stdout);
  assert.deepEqual(Object.keys(whole[0] ?? {}).slice(0, 4), ["channel", "cursor", "at", "data"]);
  assert.deepEqual(
    whole.map(({ cursor: _, at, ...event }) => ({ ...event, at: typeof at })),
    [
      { channel: "a", at: "number", data: { b: [1, "two"] }, type: "t", key: "k", id: "i", from: "ada" },
      { channel: "a", at: "number", data: "two\nlines", encoding: "text" },
      { channel: "a", at: "number", data: "a JSON string" },
      { channel: "a", at: "number", data: "AP8=", encoding: "base64" },
    ],
  );
});

test("--raw prints bytes as bytes, and adds nothing", async (t) => {
  const { holdfast, url, env } = await serveHere(t);
  await fetch(`${url}/channels/a`, {
    method: "POST",
    body: "tëxt",
    headers: { "Content-Type": "text/plain" },
  });
  await holdfast.publish("a", Uint8Array.of(0xff, 0, 10));
  const subscriber = start(t, ["subscribe", "a", "--last", "2", "--count", "2", "--raw"], { env });
  const chunks: Buffer[] = [];
  const { stdout } = subscriber.process;
  stdout?.removeAllListeners("data").setEncoding("latin1");
  stdout?.on("data", (text: string) => chunks.push(Buffer.from(text, "latin1")));
  assert.equal((await subscriber.exited).code, 0);
  assert.deepEqual([...Buffer.concat(chunks)], [...Buffer.from("tëxt"), 0xff, 0, 10]);
});

test("where several channels are named, a line begins with its own", async (t) => {
  const { holdfast, env } = await serveHere(t);
  await holdfast.publish("a", 1);
  await holdfast.publish("b:c", 2);
  const { stdout } = await run(t, ["subscribe", "a", "b:c", "--last", "1", "--count", "2"], { env });
  assert.deepEqual(lines(stdout).sort(), ["a\t1", "b:c\t2"]);
});

test("a hundred channels are followed on one connection, without a word of complaint", async (t) => {
  const { holdfast, env } = await serveHere(t);
  const channels = Array.from({ length: 100 }, (_, index) => `c${index}`);
  for (const channel of channels) await holdfast.publish(channel, "x".repeat(2000));
  const { code, stdout, stderr } = await run(t, ["subscribe", ...channels, "--last", "1", "--count", "100"], {
    env,
  });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(new Set(lines(stdout).map((line) => line.split("\t")[0])), new Set(channels));
});

test("[READ-2] it starts where it is told to", async (t) => {
  const { holdfast, env } = await serveHere(t);
  const a = await publishNumbers(holdfast, "a", 0, 5);
  const b = await publishNumbers(holdfast, "b", 0, 5);
  const cases: readonly [args: string[], expected: string[]][] = [
    [
      ["a", "--after", "oldest", "--count", "2"],
      ["0", "1"],
    ],
    [
      ["a", "--last", "2", "--count", "2"],
      ["3", "4"],
    ],
    [
      ["a", "--after", `${a[1]}`, "--count", "2"],
      ["2", "3"],
    ],
    [
      ["a", "b", "--after", `a=${a[3]},b=${b[2]}`, "--count", "3"],
      ["a\t4", "b\t3", "b\t4"],
    ],
  ];
  for (const [args, expected] of cases) {
    const { code, stdout } = await run(t, ["subscribe", ...args], { env });
    assert.equal(code, 0);
    assert.deepEqual(lines(stdout).sort(), expected);
  }
});

test("[GAP-1] a gap is told on stderr, or with --json in its place; --strict makes it the end, with 7", async (t) => {
  const { holdfast, env } = await serveHere(t, { namespaces: { "": { retention: { eventsMax: 2 } } } });
  const [first, , , to] = await publishNumbers(holdfast, "a", 0, 6);
  const args = ["subscribe", "a", "--after", `${first}`, "--count", "2"];
  const plain = await run(t, args, { env });
  assert.deepEqual([plain.code, plain.stdout], [0, "4\n5\n"]);
  assert.match(
    plain.stderr,
    new RegExp(`^holdfast: events of a between ${first} and ${to} can no longer be had: .*\\n$`),
  );

  const whole = await run(t, [...args, "--json"], { env });
  assert.deepEqual([whole.code, whole.stderr], [0, ""]);
  const [gap = {}, ...events] = json(whole.stdout);
  const { reason, ...where } = gap.gap as Record<string, unknown>;
  assert.deepEqual(where, { channel: "a", from: first, to });
  assert.match(String(reason), /^(expired|limit)$/);
  assert.deepEqual(
    events.map(({ data }) => data),
    [4, 5],
  );

  const strict = await run(t, [...args, "--strict"], { env });
  assert.deepEqual([strict.code, strict.stdout], [7, ""]);
  assert.ok(
    strict.stderr.endsWith(
      `holdfast: ended because of --strict.\nholdfast: go on with: holdfast subscribe a --after ${to}\n`,
    ),
    strict.stderr,
  );
});

test("[GAP-3] a log that was made anew is told as a gap, and followed", async (t) => {
  const { holdfast, env } = await serveHere(t);
  await publishNumbers(holdfast, "a", 0, 2);
  const { code, stdout } = await run(t, ["subscribe", "a", "--after", "other1-5", "--count", "2", "--json"], {
    env,
  });
  assert.equal(code, 0);
  const [gap = {}, ...events] = json(stdout);
  assert.equal((gap.gap as { reason: string }).reason, "epoch");
  assert.deepEqual(
    events.map(({ data }) => data),
    [0, 1],
  );
});

test("[END-1] a closed channel ends it with 0, after its last event", async (t) => {
  const { holdfast, url, env } = await serveHere(t);
  await publishNumbers(holdfast, "a", 0, 3);
  await fetch(`${url}/channels/a/close`, { method: "POST" });
  const plain = await run(t, ["subscribe", "a", "--after", "oldest"], { env });
  assert.deepEqual([plain.code, plain.stdout], [0, "0\n1\n2\n"]);
  assert.equal(plain.stderr, "holdfast: a is closed, and was read to its end.\n");
  const whole = json((await run(t, ["subscribe", "a", "--after", "oldest", "--json"], { env })).stdout);
  assert.deepEqual(whole.at(-1), { end: { channel: "a", cursor: whole.at(-2)?.["cursor"] } });
});

test("a reader that leaves, as head does, ends it with 0 and without a word", async (t) => {
  const { holdfast, env } = await serveHere(t);
  await publishNumbers(holdfast, "a", 0, 1);
  const subscriber = start(t, ["subscribe", "a", "--last", "1"], { env });
  await subscriber.says("stdout", /0\n/);
  subscriber.process.stdout?.destroy();
  let isOver = false;
  const end = subscriber.exited.finally(() => {
    isOver = true;
  });
  await until(async () => {
    await holdfast.publish("a", 1);
    return isOver;
  });
  const { code, stderr } = await end;
  assert.deepEqual([code, stderr], [0, ""]);
});

for (const [signal, expected] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  test(`[CLI-3] ${signal} ends it with ${expected}, and with the command that goes on`, async (t) => {
    const { holdfast, env } = await serveHere(t);
    await publishNumbers(holdfast, "a", 0, 2);
    const subscriber = start(t, ["subscribe", "a", "--last", "1"], { env });
    await subscriber.says("stdout", /1\n/);
    subscriber.kill(signal);
    const { code, stderr } = await subscriber.exited;
    assert.equal(code, expected);
    const [, command = ""] =
      /^holdfast: go on with: holdfast (subscribe a --after \S+)\n$/.exec(stderr) ?? [];
    await publishNumbers(holdfast, "a", 2, 4);
    const next = await run(t, [...command.split(" "), "--count", "2"], { env });
    assert.equal(next.stdout, "2\n3\n");
  });
}

test("[READ-1] interrupted before any event, it goes on from where it began", async (t) => {
  const { holdfast, env } = await serveHere(t);
  await publishNumbers(holdfast, "a", 0, 2);
  const subscriber = start(t, ["subscribe", "a", "b"], { env });
  await until(() => holdfast.stats().readers === 2);
  // What was written to a socket has not yet been read from it: a publish that is printed proves that it was.
  await holdfast.publish("b", "here");
  await subscriber.says("stdout", /here/);
  subscriber.kill("SIGINT");
  const { stderr } = await subscriber.exited;
  const [, after = ""] = /go on with: holdfast subscribe a b --after (\S+)\n$/.exec(stderr) ?? [];
  await publishNumbers(holdfast, "a", 2, 4);
  const next = await run(t, ["subscribe", "a", "b", "--after", after, "--count", "2"], { env });
  assert.equal(next.stdout, "a\t2\na\t3\n");
});

test("[BND-1] while nobody takes what it prints the channel is left with the server, and then read on", async (t) => {
  const { holdfast, url, env } = await serveHere(t);
  const subscriber = start(t, ["subscribe", "a", "--after", "oldest", "--via", "websocket"], { env });
  const { stdout } = subscriber.process;
  stdout?.pause();
  await until(() => holdfast.stats().readers === 1);
  const filler = "x".repeat(10_000);
  let count = 0;
  await until(async () => {
    await holdfast.publish("a", { number: count++, filler });
    return holdfast.stats().readers === 0;
  });
  for (let more = 0; more < 500; more++) await holdfast.publish("a", { number: count++, filler });
  await fetch(`${url}/channels/a/close`, { method: "POST" });
  stdout?.resume();
  assert.equal((await subscriber.exited).code, 0);
  assert.deepEqual(
    lines(subscriber.stdout).map((line) => (JSON.parse(line) as { number: number }).number),
    Array.from({ length: count }, (_, index) => index),
  );
});

test("[MOVE-1] a server that goes away and comes back is followed on, without loss or repetition", async (t) => {
  const broker = new MemoryBroker({ clock: { now: () => Date.now() }, epochSeed: "abcdef" });
  const open = async (port: number) => {
    const holdfast = createHoldfast({ broker, logger: () => {} });
    const { url } = await holdfast.listen({ port });
    t.after(() => holdfast.close({ deadlineMs: 0 }));
    return { holdfast, url };
  };
  const first = await open(0);
  const env = { HOLDFAST_URL: first.url };
  const subscriber = start(t, ["subscribe", "a", "--after", "oldest", "--count", "30", "--json"], { env });
  await publishNumbers(first.holdfast, "a", 0, 10);
  await until(() => lines(subscriber.stdout).length === 10);
  await publishNumbers(first.holdfast, "a", 10, 15);
  await first.holdfast.close({ spreadMs: 0, deadlineMs: 0 });
  const second = await open(Number(new URL(first.url).port));
  await publishNumbers(second.holdfast, "a", 15, 30);
  const { code, stdout } = await subscriber.exited;
  assert.equal(code, 0);
  assert.deepEqual(
    json(stdout).map(({ data }) => data),
    Array.from({ length: 30 }, (_, index) => index),
  );
});

test("[AUTH-1] who may not read ends with 4", async (t) => {
  const { env } = await serveHere(t, {
    authenticate: (token) => (token === undefined ? null : { user: token }),
    authorize: (_, action, channel) => action === "read" && channel === "open",
  });
  for (const [args, expected] of [
    [["open"], /token/],
    [["closed", "--token", "ada"], /may not read/],
    [["open", "closed", "--token", "ada"], /may not read/],
  ] as const) {
    const { code, stdout, stderr } = await run(t, ["subscribe", ...args], { env });
    assert.deepEqual([code, stdout], [4, ""]);
    assert.match(stderr, expected);
  }
});

test("a server that is not there ends with 3 instead of being waited for", async (t) => {
  const { code, stderr } = await run(t, ["subscribe", "a", "--url", await emptyUrl()]);
  assert.equal(code, 3);
  assert.match(stderr, /^holdfast: No server answers at http:\/\/127\.0\.0\.1:\d+: nothing listens there\./);
});

test("every mistake is told at once, and ends with 2", async (t) => {
  const cwd = folder(t, { "holdfast.config.mjs": `export default { url: 5 };` });
  const args = [
    "a",
    "a",
    "b/c",
    "--after",
    "x",
    "--last",
    "y",
    "--count",
    "0",
    "--raw",
    "--json",
    "--via",
    "pigeon",
  ];
  const { code, stdout, stderr } = await run(t, ["subscribe", ...args], { cwd });
  assert.deepEqual([code, stdout], [2, ""]);
  const expected = [
    /a is named twice/,
    /A channel name is 1 to 128/,
    /--after and --last exclude each other/,
    /--last must be a whole number from 1 up, not "y"/,
    /"after" takes a cursor/,
    /--count must be a whole number from 1 up, not "0"/,
    /--raw and --json exclude each other/,
    /--raw is for one channel/,
    /"url" in holdfast\.config\.mjs must be/,
    /--via must be one of/,
  ];
  for (const sentence of expected) assert.match(stderr, sentence);
  assert.equal(lines(stderr).length, expected.length, stderr);
});

test("[GAP] that the connection is lost is told on stderr, and so is that it is back", async (t) => {
  const broker = new MemoryBroker({ clock: { now: () => Date.now() }, epochSeed: "abcdef" });
  const first = await serveHere(t, { broker });
  const subscriber = start(t, ["subscribe", "a", "--last", "1", "--count", "2"], { env: first.env });
  await first.holdfast.publish("a", 1);
  await subscriber.says("stdout", /1\n/);
  await first.holdfast.close({ spreadMs: 0, deadlineMs: 0 });
  await subscriber.says("stderr", /there is no connection to http:\S+ at the moment; trying again\.\n/);
  const second = createHoldfast({ broker, logger: () => {} });
  t.after(() => second.close({ deadlineMs: 0 }));
  await second.listen({ port: Number(new URL(first.url).port) });
  await subscriber.says("stderr", /connected again, over (sse|websocket|long-poll)\.\n/);
  await second.publish("a", 2);
  const { code, stdout } = await subscriber.exited;
  assert.deepEqual([code, stdout], [0, "1\n2\n"]);
});
