import assert from "node:assert/strict";
import { test } from "node:test";
import type { Broker, LogBatch } from "../port.ts";
import { draft, nobody, page, refusal, setting } from "../rig.test.ts";
import { BrokerHost } from "./broker-host.ts";
import type { Reply, Request } from "./messages.ts";
import { RemoteBroker } from "./remote-broker.ts";

/** A host whose ticks the test ends, and remote brokers on lines that carry at once. */
function hosted(broker: Broker = setting().broker) {
  let scheduled = 0;
  const faults: unknown[] = [];
  const host = new BrokerHost({
    broker,
    schedule: () => scheduled++,
    onError: (fault) => faults.push(fault),
  });
  return {
    host,
    faults,
    get scheduled() {
      return scheduled;
    },
    connect() {
      const replies: Reply[] = [];
      const line = {
        isFull: false,
        send(reply: Reply) {
          replies.push(reply);
          remote.receive(reply);
        },
      };
      const guest = host.welcome(line);
      const send = (request: Request) => guest.receive(request);
      const remote: RemoteBroker = new RemoteBroker({ ...host.description, send });
      const notices = () => replies.filter(({ is }) => is !== "answer" && is !== "refusal");
      return { remote, guest, line, notices };
    },
  };
}

function listener() {
  const heard: string[] = [];
  return {
    heard,
    appended: ({ from, to, events }: LogBatch) => heard.push(`${from} to ${to}: ${events.length}`),
    closed: () => heard.push("closed"),
    disturbed: () => heard.push("disturbed"),
  };
}

test("[ORD] the appends of one tick are told as one notice, which is the same for all who follow", async () => {
  const tick = hosted();
  const one = tick.connect();
  const other = tick.connect();
  const ears = [listener(), listener(), listener()] as const;
  await one.remote.follow("a", ears[0]);
  await one.remote.follow("a", ears[1]);
  await other.remote.follow("a", ears[2]);
  for (const text of ["1", "2", "3"]) await one.remote.append("a", [draft(text)]);
  await other.remote.append("a", [draft("4"), draft("5")]);
  assert.deepEqual(ears[0].heard, []);
  assert.equal(tick.scheduled, 1);
  tick.host.flush();
  for (const { heard } of ears) assert.deepEqual(heard, ["0 to 5: 5"]);
  assert.equal(one.notices().length, 1);
  assert.equal(one.notices()[0], other.notices()[0]);

  await one.remote.append("a", [draft("6")]);
  await one.remote.close("a");
  tick.host.flush();
  assert.deepEqual(ears[2].heard, ["0 to 5: 5", "5 to 6: 1", "closed"]);
});

test("[BND] a burst is told in notices of a bounded size", async () => {
  const tick = hosted();
  const { remote, notices } = tick.connect();
  await remote.follow("a", nobody);
  const drafts = Array.from({ length: 400 }, (_, index) => draft(`${index}`));
  for (let count = 0; count < 5; count++) await remote.append("a", drafts);
  tick.host.flush();
  assert.deepEqual(
    notices().map(
      (notice) => "batch" in notice && [notice.batch.from, notice.batch.to, notice.batch.events.length],
    ),
    [
      [0, 800, 800],
      [800, 1600, 800],
      [1600, 2000, 400],
    ],
  );
});

test("[BND] nothing is kept for one whose line is full; once it has drained it is told to read, and others are not held up", async () => {
  const tick = hosted();
  const slow = tick.connect();
  const fast = tick.connect();
  const [slowEar, fastEar] = [listener(), listener()];
  await slow.remote.follow("a", slowEar);
  await fast.remote.follow("a", fastEar);
  slow.line.isFull = true;
  await fast.remote.append("a", [draft("1")]);
  tick.host.flush();
  slow.line.isFull = false;
  // What comes after a hole would only show the hole.
  await fast.remote.append("a", [draft("2")]);
  tick.host.flush();
  assert.deepEqual(slowEar.heard, []);
  slow.guest.drained();
  assert.deepEqual(slowEar.heard, ["disturbed"]);
  assert.deepEqual(fastEar.heard, ["0 to 1: 1", "1 to 2: 1"]);
  await fast.remote.append("a", [draft("3")]);
  tick.host.flush();
  assert.deepEqual(slowEar.heard, ["disturbed", "2 to 3: 1"]);
});

test("[BND] a log is followed once, and not any more when the last one has left, on whatever way", async () => {
  const { broker } = setting();
  const { host, connect } = hosted(broker);
  const one = connect();
  const other = connect();
  const followings = [await one.remote.follow("a", nobody), await one.remote.follow("a", nobody)];
  await other.remote.follow("a", nobody);
  await other.remote.follow("b", nobody);
  assert.deepEqual([host.followed, broker.stats().followers], [2, 2]);
  for (const following of followings) following.stop();
  for (const following of followings) following.stop();
  assert.deepEqual([host.followed, broker.stats().followers], [2, 2]);
  other.guest.gone();
  await Promise.resolve();
  assert.deepEqual([host.followed, broker.stats().followers], [0, 0]);
  // The line may bring what was on its way.
  other.guest.receive({ ask: "follow", id: 77, channel: "a" });
  assert.equal(host.followed, 0);

  await one.remote.follow("c", nobody);
  await one.remote.stop();
  await Promise.resolve();
  assert.deepEqual([host.followed, broker.stats().followers], [0, 0]);
});

test("[BND] one that leaves while its log is being opened leaves nothing behind", async () => {
  const { broker } = setting();
  const { host, connect } = hosted(broker);
  const { remote, guest } = connect();
  const following = remote.follow("a", nobody);
  guest.gone();
  remote.lost();
  await refusal(following, "broker_unavailable");
  await new Promise(setImmediate);
  assert.deepEqual([host.followed, broker.stats().followers], [0, 0]);
});

test("a log that could not be followed can be followed later", async () => {
  const { broker } = setting();
  let fails = true;
  const shaky: Broker = new Proxy(broker, {
    get(target, name) {
      if (name === "follow" && fails) return async () => Promise.reject(new Error("no secret"));
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const { host, faults, connect } = hosted(shaky);
  const { remote } = connect();
  const said = await refusal(remote.follow("a", nobody), "internal");
  assert.doesNotMatch(said, /secret/);
  assert.match(String(faults[0]), /no secret/);
  assert.equal(host.followed, 0);
  fails = false;
  const ear = listener();
  await remote.follow("a", ear);
  await remote.append("a", [draft("1")]);
  host.flush();
  assert.deepEqual(ear.heard, ["0 to 1: 1"]);
});

test("[ACK] when the line is lost, calls that wait and calls to come are refused so that a retry can help", async () => {
  const sent: Request[] = [];
  const capabilities = { conditionalAppend: true, durable: false, state: true, shared: true };
  const remote = new RemoteBroker({ name: "far", capabilities, send: (request) => sent.push(request) });
  const waiting = [remote.append("a", [draft("1")]), remote.follow("a", nobody), remote.probe()];
  remote.lost();
  for (const call of [...waiting, remote.range("a")]) {
    assert.match(await refusal(call, "broker_unavailable"), /far cannot be reached any more/);
  }
  // An answer that comes after all, or twice, is nobody's.
  remote.receive({ is: "answer", id: 0, value: { results: [] } });
  remote.receive({ is: "refusal", id: 0, code: "internal", message: "" });
  assert.equal(sent.length, 3);
  await remote.stop();
  assert.equal(sent.length, 3);
});

test("[BND-2] calls that await their answers are bounded, and the refusal names the limit", async () => {
  const capabilities = { conditionalAppend: true, durable: false, state: true, shared: true };
  const remote = new RemoteBroker({ name: "far", capabilities, send: () => {}, callsMax: 2 });
  const waiting = [remote.range("a"), remote.range("a")];
  assert.match(await refusal(remote.range("a"), "overloaded"), /2 calls .* \(callsMax\)/);
  remote.receive({ is: "answer", id: 0, value: { epoch: "e", floor: 0, head: 0, closed: false } });
  await waiting[0];
  const next = remote.range("a");
  remote.lost();
  await Promise.all(
    [waiting[1], next].map((call) => refusal(call as Promise<unknown>, "broker_unavailable")),
  );
});

test("[PUB-1] a refusal keeps its code, its words and the head", async () => {
  const { remote } = hosted().connect();
  const [first] = (await remote.append("a", [draft("1")])).results;
  await remote.append("a", [draft("2")]);
  const conditional = remote.append("a", [draft("3")], first?.cursor);
  const head = `${first?.cursor.epoch}-2`;
  await assert.rejects(conditional, {
    code: "precondition_failed",
    message: `The head of a is ${head}.`,
    cursor: head,
  });
  assert.equal((await remote.read("a", "oldest", page)).events.length, 2);
});
