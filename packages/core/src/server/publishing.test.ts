import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError } from "@holdfast/protocol";
import type { Gate } from "./principal.ts";
import { publishAs } from "./publishing.ts";
import { numbered, numbers, World } from "./world.test-support.ts";

/** The payloads in the log, in its order. */
function logged(world: World, channel = "a"): string[] {
  const { events } = world.log(channel).read("oldest", { eventsMax: 1000, bytesMax: 100_000 });
  return events.map(({ payload }) => (payload.encoding === "base64" ? "" : payload.text));
}

test("[ACK-1] [WSP-2] each publish is answered in its turn, with the place of every event", async () => {
  const world = new World();
  const client = world.client();
  client.session.publish(7, "a", numbers(2));
  client.session.publish(8, "a", [numbered(3)]);
  await world.settle();
  assert.deepEqual(client.messages, [
    {
      type: "published",
      ref: 7,
      results: [
        { cursor: "k-1", at: 1, duplicate: false },
        { cursor: "k-2", at: 2, duplicate: false },
      ],
    },
    { type: "published", ref: 8, results: [{ cursor: "k-3", at: 3, duplicate: false }] },
  ]);
});

test("[ACK-4] publishes of a connection are appended in order, whatever their permissions take", async () => {
  const world = new World();
  const answers: ((may: boolean) => void)[] = [];
  const gate: Gate = {
    authenticate: () => ({}),
    authorize: () => new Promise((resolve) => answers.push(resolve)),
  };
  const client = world.client({ gate });
  for (let ref = 1; ref <= 3; ref++) client.session.publish(ref, "a", [numbered(ref)]);
  for (const may of [true, false, true]) {
    await world.settle();
    assert.equal(answers.length, 1, "one at a time, so that none overtakes another");
    answers.pop()?.(may);
  }
  await world.settle();
  assert.deepEqual(logged(world), ["1", "3"]);
  assert.deepEqual(client.told, ["published", "error forbidden", "published"]);
});

test("[ACK-4] none waits for the acknowledgement of the one before; answers keep their order all the same", async () => {
  const world = new World();
  const client = world.client();
  const append = world.broker.hold("append");
  for (let ref = 1; ref <= 3; ref++) client.session.publish(ref, ref === 2 ? "b" : "a", [numbered(ref)]);
  await world.settle();
  assert.deepEqual(world.broker.calls, ["append a", "append b", "append a"]);
  append.release();
  await world.settle();
  assert.deepEqual(
    client.sink.of("published").map(({ ref }) => ref),
    [1, 2, 3],
  );
});

test("[ACK-4] [PUB-3] one that is refused, or fails, holds up none, and its answer stays in its place", async () => {
  const world = new World({ limits: { eventBytesMax: 5 } });
  const client = world.client();
  world.log("closed").close();
  const large = { payload: { encoding: "text", text: "too long" } } as const;
  client.session.publish(1, "a", [numbered(1)]);
  client.session.publish(2, "a", [numbered(2), large]);
  client.session.publish(3, "closed", [numbered(3)]);
  client.session.publish(4, "a", [numbered(4)], { epoch: "k", offset: 0 });
  client.session.publish(5, "a", [numbered(5)], { epoch: "k", offset: 1 });
  await world.settle();
  assert.deepEqual(
    client.messages.map((message) =>
      message.type === "error" ? `${message.ref} ${message.code}` : "ref" in message && message.ref,
    ),
    [1, "2 too_large", "3 channel_closed", "4 precondition_failed", 5],
  );
  assert.equal(client.sink.of("error")[2]?.cursor, "k-1");
  assert.deepEqual(logged(world), ["1", "5"]);
});

test("[ACK-1] [PUB-3] an engine that is away is told as such, with what a retry can do", async () => {
  const world = new World();
  const client = world.client();
  world.broker.refuse("append");
  client.session.publish(1, "a", numbers(1));
  await world.settle();
  const [error] = client.sink.of("error");
  assert.deepEqual([error?.code, error?.retry, error?.ref], ["broker_unavailable", "retry", 1]);
  world.broker.heal("append");
  client.session.publish(2, "a", numbers(1));
  await world.settle();
  assert.equal(client.told.at(-1), "published");
});

test("[BND-2] beyond so many unanswered the client is not read from, until answers come", async () => {
  const world = new World({ limits: { publishesInFlightMax: 3 } });
  const client = world.client();
  const append = world.broker.hold("append");
  const paused: boolean[] = [];
  for (let ref = 1; ref <= 5; ref++) {
    client.session.publish(ref, "a", numbers(1));
    paused.push(client.sink.isPaused);
  }
  assert.deepEqual(paused, [false, false, true, true, true]);
  await world.settle();
  append.release(2);
  await world.settle();
  assert.equal(client.sink.isPaused, true);
  append.release(1);
  await world.settle();
  assert.equal(client.sink.isPaused, false);
  append.fail(new HoldfastError("broker_unavailable"));
  await world.settle();
  assert.deepEqual([client.sink.isPaused, client.messages.length], [false, 5]);
});

test("[ACK-1] what was taken is appended, though nobody is there to hear of it", async () => {
  const world = new World();
  const client = world.client();
  const append = world.broker.hold("append");
  for (let ref = 1; ref <= 3; ref++) client.session.publish(ref, "a", [numbered(ref)]);
  await world.settle();
  client.session.gone();
  append.release();
  await world.settle();
  assert.deepEqual([logged(world), client.messages], [["1", "2", "3"], []]);
});

test("[AUTH-1] events carry their publisher's user id, and nobody else's word for it", async () => {
  const world = new World();
  const forged = { ...numbered(1), from: "eve" };
  await publishAs({ user: "ada" }, world.hubs, "a", [forged]);
  await publishAs({}, world.hubs, "a", [numbered(2)]);
  const { events } = world.log().read("oldest", { eventsMax: 10, bytesMax: 100 });
  assert.deepEqual(
    events.map(({ from }) => from),
    ["ada", undefined],
  );
});

test("[AUTH-1] a publish goes out in the name of who may do it, not of who it was when it came in", async () => {
  const world = new World();
  const gate: Gate = {
    authenticate: () => ({}),
    authorize: ({ user }) => user === "ada",
  };
  const client = world.client({ gate, principal: { user: "eve" } });
  client.session.publish(1, "a", numbers(1));
  await world.settle();
  client.session.adopt({ user: "ada" });
  client.session.publish(2, "a", numbers(1));
  await world.settle();
  assert.deepEqual(client.told, ["error forbidden", "published"]);
  assert.equal(world.log().read("oldest", { eventsMax: 1, bytesMax: 9 }).events[0]?.from, "ada");
});
