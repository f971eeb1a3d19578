import assert from "node:assert/strict";
import { test } from "node:test";
import { checkClientMessage, HoldfastError, toPayload } from "@holdfast/protocol";
import { msgpackCodec, readPackedMessage } from "@holdfast/protocol/msgpack";
import type { Posted } from "./effects.ts";
import type { ConnectionOptions } from "./options.ts";
import { Rig, welcomeMessage } from "./rig.test.ts";

const result = (offset: number, duplicate = false) => ({ cursor: `k-${offset}`, at: 7, duplicate });
const published = (ref: number, ...offsets: number[]) => ({
  type: "published",
  ref,
  results: offsets.map((one) => result(one)),
});

function speaking(options: Partial<ConnectionOptions> = {}): Rig {
  const rig = new Rig({ need: "duplex", ...options });
  rig.subscribe("a");
  rig.welcome();
  return rig;
}

/** The refs published on a link, in order. */
function refs(rig: Rig, link = rig.link): unknown[] {
  return rig.sent(link).flatMap((message) => (message.type === "publish" ? [message.ref] : []));
}

function posted(rig: Rig, outcome: Posted, index = -1): void {
  const post = rig.all("post").at(index);
  assert.ok(post);
  rig.turn((connection, now) => connection.posted(post.post, outcome, now));
}

/** Why the newest publish failed. */
function failure(rig: Rig): HoldfastError | undefined {
  const error = rig.news("unpublished").at(-1)?.error;
  return error instanceof HoldfastError ? error : undefined;
}

const answered = (...offsets: number[]): Posted => ({
  type: "answered",
  json: { cursor: "k-1", results: offsets.map((one) => result(one)) },
});

test("[ACK-1] a publish is answered with what the server acknowledged", () => {
  const rig = speaking();
  rig.publish(1, "a", "x", "y");
  const { events, ...rest } = rig.sent(rig.link)[0] ?? { type: "" };
  assert.deepEqual(rest, { type: "publish", ref: 1, channel: "a" });
  assert.deepEqual(events, [
    { data: "x", id: "id-1-0" },
    { data: "y", id: "id-1-1" },
  ]);
  rig.say(rig.link, published(1, 1, 2));
  assert.deepEqual(rig.news("published"), [{ type: "published", ref: 1, results: [result(1), result(2)] }]);
});

/** The ids of each message published on a link. */
function ids(rig: Rig, link = rig.link): unknown[][] {
  const published = rig.sent(link).filter(({ type }) => type === "publish");
  return published.map(({ events }) => (events as { id: string }[]).map(({ id }) => id));
}

test("[ACK-4] a channel has one message under way; what is published meanwhile goes together, in its order", () => {
  const rig = speaking();
  for (const ref of [1, 2, 3]) rig.publish(ref, "a", ref);
  rig.publish(4, "b", 4);
  rig.publish(5, "a", 5, 6);
  assert.deepEqual(ids(rig), [["id-1-0"], ["id-4-0"]]);
  rig.say(rig.link, published(1, 1));
  assert.deepEqual(ids(rig).at(-1), ["id-2-0", "id-3-0", "id-5-0", "id-5-1"]);
  rig.say(rig.link, published(2, 2, 3, 4, 5));
  assert.deepEqual(
    rig.news("published").map(({ ref }) => ref),
    [1, 2, 3, 5],
  );
  assert.deepEqual(rig.all("published").at(-1)?.results, [result(4), result(5)]);
});

test("[CLI-4] [ACK-4] what was not answered when the link was lost goes again: same ids, same order, before the rest", () => {
  const rig = speaking();
  for (const ref of [1, 2, 3]) rig.publish(ref, "a", ref);
  rig.say(rig.link, published(1, 1));
  assert.deepEqual(ids(rig), [["id-1-0"], ["id-2-0", "id-3-0"]]);
  rig.lose();
  rig.publish(4, "a", 4);
  rig.advance(1000);
  rig.welcome();
  assert.deepEqual(ids(rig), [["id-2-0", "id-3-0", "id-4-0"]]);
  rig.say(rig.link, { type: "published", ref: 2, results: [result(2, true), result(3, true), result(4)] });
  const answers = rig.news("published").slice(1);
  assert.deepEqual(
    answers.map(({ ref, results }) => [ref, results[0]?.duplicate]),
    [
      [2, true],
      [3, true],
      [4, false],
    ],
  );
});

test("[PUB-3] of those that went together and were refused, each is tried alone and fails for itself", () => {
  const rig = speaking();
  for (const ref of [1, 2, 3]) rig.publish(ref, "a", ref);
  rig.say(rig.link, published(1, 1));
  const refused = (ref: number) => ({ type: "error", ref, code: "bad_event", message: "no", retry: "never" });
  rig.say(rig.link, refused(2));
  assert.deepEqual(rig.news("unpublished"), []);
  assert.deepEqual(ids(rig).at(-1), ["id-2-0"]);
  rig.say(rig.link, refused(2));
  assert.equal(rig.news("unpublished")[0]?.ref, 2);
  assert.deepEqual(ids(rig).at(-1), ["id-3-0"]);
  rig.say(rig.link, published(3, 2));
  assert.equal(rig.news("published").at(-1)?.ref, 3);
});

test("[PUB-1] a publish with a condition goes alone", () => {
  const rig = speaking();
  const draft = (id: string) => [{ payload: { encoding: "json" as const, text: "1" }, id }];
  rig.turn((connection, now) => {
    connection.publish(1, "a", draft("one"), undefined, now);
    connection.publish(2, "a", draft("two"), "k-7", now);
    connection.publish(3, "a", draft("three"), undefined, now);
    connection.publish(4, "a", draft("four"), undefined, now);
  });
  for (const ref of [1, 2]) rig.say(rig.link, published(ref, ref));
  assert.deepEqual(ids(rig), [["one"], ["two"], ["three", "four"]]);
  assert.deepEqual(
    rig.sent(rig.link).map(({ ifMatch }) => ifMatch),
    [undefined, "k-7", undefined],
  );
});

test("[BND-2] no more go together than the server takes, nor more than a moment's worth of bytes", () => {
  const rig = speaking();
  rig.publish(1, "a", "first");
  rig.publish(2, "a", ...Array.from({ length: 990 }, () => 0));
  rig.publish(3, "a", ...Array.from({ length: 10 }, () => 0));
  rig.publish(4, "a", "x".repeat(40_000));
  rig.publish(5, "a", "x".repeat(40_000));
  const sizes: number[] = [];
  while (ids(rig).length > sizes.length) {
    const size = ids(rig).at(-1)?.length ?? 0;
    sizes.push(size);
    const ref = Number(rig.sent(rig.link).at(-1)?.ref);
    rig.say(rig.link, published(ref, ...Array.from({ length: size }, (_, index) => index)));
  }
  assert.deepEqual(sizes, [1, 1000, 1, 1]);
  assert.equal(rig.all("published").length, 5);
});

test("[CLI-4] so it does when one WebSocket replaces another", () => {
  const rig = speaking();
  rig.publish(1, "a", 1);
  const old = rig.link;
  rig.turn((connection, now) => connection.wake(true, now));
  assert.equal(rig.open.size, 2);
  rig.welcome();
  assert.ok(!rig.open.has(old));
  assert.deepEqual(refs(rig), [1]);
});

test("[CLI-9] what can never be published is refused at once, what may be later is tried again", () => {
  const rig = speaking();
  const refused = (ref: number, code: string, retry: string) => ({
    type: "error",
    ref,
    code,
    message: code,
    retry,
  });
  rig.publish(1, "a", 1);
  rig.say(rig.link, refused(1, "channel_closed", "never"));
  assert.equal(failure(rig)?.code, "channel_closed");
  rig.publish(2, "a", 2);
  rig.publish(3, "a", 3);
  rig.say(rig.link, refused(2, "broker_unavailable", "retry"));
  rig.publish(4, "b", 4);
  assert.deepEqual(refs(rig), [1, 2, 4], "what follows on that channel waits, other channels do not");
  rig.advance(500);
  assert.deepEqual(ids(rig).at(-1), ["id-2-0", "id-3-0"]);
});

test("[PUB-1] the head that a refusal names reaches the application", () => {
  const rig = speaking();
  rig.publish(1, "a", 1);
  const error = {
    type: "error",
    ref: 1,
    code: "precondition_failed",
    message: "m",
    retry: "never",
    cursor: "k-7",
  };
  rig.say(rig.link, error);
  assert.equal(failure(rig)?.cursor, "k-7");
});

test("a publish without an answer fails in time, and says what is known of it", () => {
  const rig = speaking();
  rig.publish(1, "a", 1);
  rig.lose();
  rig.publish(2, "a", 2);
  rig.advance(29_999);
  assert.deepEqual(rig.news("unpublished"), []);
  rig.advance(1);
  const messages = rig.news("unpublished").map(({ error }) => [(error as HoldfastError).code, error.message]);
  assert.deepEqual(
    messages.map(([code]) => code),
    ["timed_out", "timed_out"],
  );
  assert.match(messages[0]?.[1] ?? "", /may or may not have been published/);
  assert.match(messages[1]?.[1] ?? "", /was not sent/);
});

test("[ACK-1] [CLI-9] a refusal that comes after the publish was given up is not a second answer", () => {
  const rig = speaking({ timing: { publishTimeoutMs: 1000 } });
  rig.publish(1, "a", "x");
  rig.advance(1000);
  assert.equal(failure(rig)?.code, "timed_out");
  rig.say(rig.link, {
    type: "error",
    ref: 1,
    code: "channel_closed",
    message: "It is closed.",
    retry: "never",
  });
  assert.equal(rig.all("unpublished").length, 1);
});

test("what nobody awaits any more is not in the way of what follows", () => {
  const rig = speaking();
  rig.publish(1, "a", 1);
  rig.publish(2, "a", 2);
  rig.turn((connection, now) => connection.forgetPublish(1, now));
  assert.deepEqual(refs(rig), [1, 2]);
  rig.say(rig.link, published(1, 1), published(2, 2));
  assert.deepEqual(
    rig.news("published").map(({ ref }) => ref),
    [2],
  );
});

test("what was given up is not sent again with the rest of its message", () => {
  const rig = speaking();
  for (const ref of [1, 2, 3]) rig.publish(ref, "a", ref);
  rig.say(rig.link, published(1, 1));
  rig.turn((connection, now) => connection.forgetPublish(2, now));
  rig.lose();
  rig.advance(1000);
  rig.welcome();
  assert.deepEqual(ids(rig), [["id-3-0"]]);
});

test("[BND-2] there is a limit on what awaits its answer", () => {
  const rig = new Rig({ need: "duplex", pendingPublishesMax: 2 });
  rig.publish(1, "a", 1);
  rig.publish(2, "a", 2);
  assert.throws(() => rig.publish(3, "a", 3), { code: "overloaded" });
  rig.turn((connection, now) => connection.forgetPublish(1, now));
  rig.publish(4, "a", 4);
  rig.welcome();
  assert.deepEqual(ids(rig), [["id-2-0", "id-4-0"]]);
});

test("[BND-2] a publish that exceeds the server's limit fails by itself, not with its connection", () => {
  const rig = speaking();
  rig.publish(1, "a", "é".repeat(600_000));
  rig.publish(2, "a", "é".repeat(500_000));
  assert.equal(failure(rig)?.code, "too_large");
  assert.deepEqual(refs(rig), [2]);
});

test("[EVT-2] a publish with an illegal label is refused as it is made, and stands in nobody's way", () => {
  const rig = speaking();
  const payload = toPayload(1);
  for (const label of [{ type: "gap" }, { key: "a b" }, { id: "" }]) {
    const publish = () =>
      rig.turn((connection, now) => connection.publish(1, "a", [{ payload, ...label }], undefined, now));
    assert.throws(publish, { code: "bad_event" });
  }
  rig.publish(2, "a", 2);
  assert.deepEqual(refs(rig), [2]);
});

test("[BND-2] [PACK-1] in MessagePack a publish counts as the bytes that it is", () => {
  const rig = new Rig({ need: "duplex", transports: ["websocket"] });
  rig.subscribe("a");
  const { link } = rig;
  rig.turn((connection, now) => connection.linkOpened(link, now, msgpackCodec));
  rig.say(link, welcomeMessage());
  // In base64 the second would not fit.
  rig.publish(1, "a", new Uint8Array(1_100_000));
  rig.publish(2, "a", new Uint8Array(1_000_000));
  assert.equal(failure(rig)?.code, "too_large");
  const [message] = rig.all("send").filter((effect) => effect.link === link);
  assert.ok(message?.message instanceof Uint8Array && message.message.length < 1_000_100);
  const published = checkClientMessage(readPackedMessage(message.message));
  assert.ok(published.type === "publish" && published.ref === 2);
});

test("[SES-3] where the transport only listens, publishing is a POST, and needs no link", () => {
  const rig = new Rig({ need: "receive" });
  rig.publish(1, "a", "x", "y");
  assert.equal(rig.open.size, 0);
  const [post] = rig.news("post");
  assert.equal(post?.path, "/channels/a");
  assert.equal(post?.contentType, "application/x-ndjson");
  assert.equal(post?.body, '{"data":"x","id":"id-1-0"}\n{"data":"y","id":"id-1-1"}\n');
  posted(rig, answered(1, 2));
  assert.deepEqual(rig.news("published")[0]?.results, [result(1), result(2)]);
  assert.equal(rig.connection.deadline, Infinity);
});

test("[ACK-4] over HTTP a channel has one POST under way, so that order holds", () => {
  const rig = new Rig({ need: "receive" });
  rig.publish(1, "a", 1);
  rig.publish(2, "a", 2);
  rig.publish(3, "b", 3);
  const bodies = () => rig.news("post").map(({ path, body }) => `${path} ${JSON.parse(body).data}`);
  assert.deepEqual(bodies(), ["/channels/a 1", "/channels/b 3"]);
  posted(rig, answered(1), 0);
  assert.deepEqual(bodies(), ["/channels/a 2"]);
});

test("[CLI-4] a POST that was lost is sent again with the same ids, before the next one", () => {
  const rig = new Rig({ need: "receive" });
  rig.publish(1, "a", 1);
  rig.publish(2, "a", 2);
  const first = rig.news("post")[0];
  posted(rig, { type: "failed", reason: "cut" });
  assert.deepEqual(rig.news("post"), []);
  rig.advance(1000);
  assert.equal(rig.news("post")[0]?.body, `${first?.body}{"data":2,"id":"id-2-0"}\n`);
});

test("[CLI-9] a POST that was refused waits as long as the server says, and tries again", () => {
  const rig = new Rig({ need: "receive" });
  rig.publish(1, "a", 1);
  posted(rig, { type: "refused", error: new HoldfastError("overloaded", undefined, { retryAfterMs: 4000 }) });
  rig.advance(3999);
  assert.equal(rig.all("post").length, 1);
  rig.advance(1);
  assert.equal(rig.all("post").length, 2);
  posted(rig, { type: "refused", error: new HoldfastError("forbidden") });
  assert.equal(failure(rig)?.code, "forbidden");
});

test("[LIM-1] [ACK-4] what is beyond the rate waits as told, with what comes after it in its channel, and other channels go on", () => {
  const rig = new Rig({ need: "duplex", transports: ["websocket"] });
  rig.publish(1, "a", 1);
  rig.welcome();
  rig.publish(2, "a", 2);
  rig.say(rig.link, {
    type: "error",
    code: "rate_limited",
    message: "m",
    retry: "retry",
    ref: 1,
    retryAfterMs: 700,
  });
  rig.publish(3, "a", 3);
  rig.publish(4, "b", 4);
  const sent = () =>
    rig
      .sent(rig.link)
      .filter(({ type }) => type === "publish")
      .map(({ channel, events }) => [channel, (events as { data: number }[]).map(({ data }) => data)]);
  assert.deepEqual(sent(), [
    ["a", [1]],
    ["b", [4]],
  ]);
  rig.advance(699);
  assert.equal(sent().length, 2);
  rig.advance(1);
  assert.deepEqual(sent().at(-1), ["a", [1, 2, 3]]);
  assert.deepEqual(rig.all("unpublished"), []);
});

test("[LIM-1] signals over HTTP wait as told as well, and only the newest goes on", () => {
  const rig = new Rig({ need: "receive" });
  const signal = (data: number) => rig.turn((connection, now) => connection.signal("a", "x", data, now));
  signal(1);
  posted(rig, {
    type: "refused",
    error: new HoldfastError("rate_limited", undefined, { retryAfterMs: 700 }),
  });
  signal(2);
  signal(3);
  rig.advance(699);
  assert.equal(rig.all("post").length, 1);
  rig.advance(1);
  assert.deepEqual(
    rig.all("post").map(({ body }) => JSON.parse(body).data),
    [1, 3],
  );
});

test("an answer that is none is no acknowledgement", () => {
  const rig = new Rig({ need: "receive" });
  rig.publish(1, "a", 1);
  posted(rig, { type: "answered", json: "<html>" });
  posted(rig, answered());
  assert.deepEqual(rig.news("published", "unpublished"), []);
  rig.advance(2000);
  assert.equal(rig.all("post").length, 2);
});

test("[ACK-4] a channel's publishes go by one road at a time", () => {
  const rig = new Rig({ need: "duplex", transports: ["websocket", "sse"] });
  rig.subscribe("a");
  rig.swallow();
  assert.equal(rig.transport, "sse");
  rig.welcome();
  rig.publish(1, "a", 1);
  rig.publish(2, "a", 2);
  rig.advance(20_000);
  rig.turn((connection, now) => connection.online(now));
  rig.welcome();
  rig.welcome();
  assert.deepEqual(rig.connection.state, { type: "live", transport: "websocket" });
  assert.deepEqual(refs(rig), [], "the POST of the first is still under way");
  posted(rig, answered(1));
  assert.deepEqual(refs(rig), [2]);
});

test("[CLI-4] `ifMatch` goes with the publish, on every road", () => {
  const drafts = [{ payload: { encoding: "json" as const, text: "1" }, id: "i" }];
  const socket = speaking();
  socket.turn((connection, now) => connection.publish(1, "a", drafts, "k-7", now));
  assert.equal(socket.sent(socket.link).at(-1)?.ifMatch, "k-7");
  const http = new Rig();
  http.turn((connection, now) => connection.publish(1, "a", drafts, "k-7", now));
  assert.deepEqual(http.news("post")[0]?.headers, { "If-Match": '"k-7"' });
});

test("[SIG-2] over HTTP a channel has one signal under way, and of each key the newest follows", () => {
  const rig = new Rig();
  const signal = (key: string, data: unknown) =>
    rig.turn((connection, now) => connection.signal("a", key, data, now));
  signal("x", 1);
  signal("x", 2);
  signal("y", 3);
  signal("x", 4);
  const bodies = () => rig.news("post").map(({ path, body }) => [path, JSON.parse(body)]);
  assert.deepEqual(bodies(), [["/channels/a/signals", { key: "x", data: 1, instance: "instance-1" }]]);
  posted(rig, { type: "failed", reason: "cut" });
  assert.deepEqual(bodies()[0]?.[1], { key: "y", data: 3, instance: "instance-1" });
  posted(rig, { type: "answered", json: null });
  assert.deepEqual(bodies()[0]?.[1], { key: "x", data: 4, instance: "instance-1" });
});

test("[SIG-1] a WebSocket that reads the channel carries its signals", () => {
  const rig = speaking();
  rig.turn((connection, now) => connection.signal("a", "k", { x: 1 }, now));
  assert.deepEqual(rig.sent(rig.link), [{ type: "signal", channel: "a", key: "k", data: { x: 1 } }]);
  rig.turn((connection, now) => connection.signal("b", "k", 1, now));
  assert.equal(rig.all("post").length, 1);
});

test("closing fails what was not answered, and says whether it had left", () => {
  const rig = speaking();
  rig.publish(1, "a", 1);
  rig.lose();
  rig.publish(2, "a", 2);
  rig.turn((connection, now) => connection.close(now));
  assert.deepEqual(
    rig.news("unpublished").map(({ ref, error }) => [ref, error.name, (error as { sent?: boolean }).sent]),
    [
      [1, "ClosedError", true],
      [2, "ClosedError", false],
    ],
  );
  assert.throws(() => rig.publish(3, "a", 3), { name: "ClosedError" });
});
