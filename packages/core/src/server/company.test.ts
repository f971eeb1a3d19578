import assert from "node:assert/strict";
import { test } from "node:test";
import type { Action, Gate, Principal } from "./principal.ts";
import { type Client, World } from "./world.test-support.ts";

/** A client that says `hello` as an instance and has been welcomed. */
async function join(world: World, name: string, subscription: object = {}, gate?: Gate): Promise<Client> {
  const client = world.client({ greets: true, hears: false, ...(gate === undefined ? {} : { gate }) });
  const subscriptions = [{ channel: "a", ...subscription }];
  client.say({ type: "hello", instance: `instance-${name}`, subscriptions });
  await world.settle();
  return client;
}

const members = (world: World) =>
  world.hubs.lobbies.members("a").map(({ instance, data }) => [instance, data]);

/** Decides when, and by the principal of the moment. */
class SlowGate implements Gate {
  principal: Principal = {};
  may: (action: Action) => boolean = () => true;
  readonly waiting: (() => void)[] = [];
  isSlow = false;

  authenticate(): Principal {
    return this.principal;
  }

  authorize(_principal: Principal, action: Action): boolean | Promise<boolean> {
    if (!this.isSlow) return this.may(action);
    return new Promise((resolve) => this.waiting.push(() => resolve(this.may(action))));
  }
}

test("[PRS-1] [PRS-2] a subscription may join as it begins; all who asked are told", async () => {
  const world = new World();
  const ada = await join(world, "ada", { join: { name: "Ada" }, presence: true });
  const bob = await join(world, "bob", { join: 1 });
  assert.deepEqual(members(world), [
    ["instance-ada", { name: "Ada" }],
    ["instance-bob", 1],
  ]);
  const told = ada.sink
    .of("presence")
    .map(({ full, members }) => [full, members.map(({ instance }) => instance)]);
  assert.deepEqual(told, [
    [true, []],
    [false, ["instance-ada"]],
    [false, ["instance-bob"]],
  ]);
  assert.deepEqual(bob.sink.of("presence"), []);
});

test("[PRS-1] a member says new data, and that it leaves", async () => {
  const world = new World();
  const ada = await join(world, "ada");
  for (const data of [1, 2, null, null]) ada.say({ type: "presence", channel: "a", data });
  await world.settle();
  assert.deepEqual(members(world), []);
  ada.say({ type: "presence", channel: "a", data: 3 });
  await world.settle();
  assert.deepEqual(members(world), [["instance-ada", 3]]);
  assert.deepEqual(ada.sink.of("error"), []);
});

test("[PRS-1] one that loses its connection stays for its grace, and is back as if it had not", async () => {
  const world = new World();
  const watcher = await join(world, "watcher", { presence: true });
  const ada = await join(world, "ada", { join: 1 });
  ada.session.gone();
  await world.pass(9999);
  const again = await join(world, "ada", { join: 1 });
  await world.pass(60_000);
  assert.equal(watcher.sink.of("presence").length, 2);
  again.say({ type: "unsubscribe", channels: ["a"] });
  await world.pass(10_000);
  assert.deepEqual(members(world), []);
  assert.deepEqual(watcher.sink.of("presence").at(-1)?.left, ["instance-ada"]);
});

test("[PRS-1] the last to leave has its grace too, though nobody reads the channel meanwhile", async () => {
  const world = new World({ limits: { presenceGraceMs: 120_000 } });
  const ada = await join(world, "ada", { join: 1 });
  ada.session.gone();
  await world.pass(119_999);
  assert.deepEqual(members(world), [["instance-ada", 1]]);
  await world.pass(60_000);
  assert.deepEqual([members(world), world.hubs.stats().hubs], [[], 0]);
});

test("[PRS-1] who does not read a channel cannot join it", async () => {
  const world = new World();
  const ada = await join(world, "ada");
  ada.say({ type: "presence", channel: "b", data: 1 });
  await world.settle();
  assert.deepEqual([ada.told.at(-1), ada.sink.of("error")[0]?.channel], ["error not_subscribed", "b"]);
});

test("[PRS-1] to leave overtakes no joining that is still being permitted", async () => {
  const world = new World();
  const gate = new SlowGate();
  const ada = await join(world, "ada", {}, gate);
  gate.isSlow = true;
  ada.say({ type: "presence", channel: "a", data: 1 });
  ada.say({ type: "presence", channel: "a", data: null });
  await world.settle();
  gate.waiting.pop()?.();
  await world.settle();
  assert.deepEqual(members(world), []);
});

test("[PRS-1] [SUB-5] who unsubscribes while joining has not joined", async () => {
  const world = new World();
  const gate = new SlowGate();
  const ada = await join(world, "ada", {}, gate);
  gate.isSlow = true;
  ada.say({ type: "presence", channel: "a", data: 1 });
  await world.settle();
  ada.say({ type: "unsubscribe", channels: ["a"] });
  gate.waiting.pop()?.();
  await world.settle();
  assert.deepEqual([members(world), ada.told.at(-1)], [[], "error not_subscribed"]);
});

test("[SIG-1] signals say who they are from, and reach those who asked, on this channel", async () => {
  const world = new World();
  const gate = new SlowGate();
  gate.principal = { user: "ada" };
  const ada = await join(world, "ada", { signals: true }, gate);
  const bob = await join(world, "bob", { signals: true });
  const deaf = await join(world, "deaf");
  ada.say({ type: "signal", channel: "a", key: "typing", data: true });
  await world.settle();
  const signal = {
    type: "signal",
    channel: "a",
    key: "typing",
    data: true,
    instance: "instance-ada",
    from: "ada",
  };
  assert.deepEqual(ada.sink.of("signal"), [signal]);
  assert.deepEqual(bob.sink.of("signal"), [signal]);
  assert.deepEqual(deaf.sink.of("signal"), []);
});

test("[SIG-1] [SIG-2] an older signal never replaces a newer one, whatever its permission takes", async () => {
  const world = new World();
  const gate = new SlowGate();
  const ada = await join(world, "ada", { signals: true }, gate);
  gate.isSlow = true;
  for (const data of [1, 2]) ada.say({ type: "signal", channel: "a", data });
  await world.settle();
  assert.equal(gate.waiting.length, 1);
  while (gate.waiting.length > 0) {
    gate.waiting.pop()?.();
    await world.settle();
  }
  assert.deepEqual(
    ada.sink.of("signal").map(({ data }) => data),
    [1, 2],
  );
});

test("[SIG-1] a signal to a channel that nobody reads here opens nothing", async () => {
  const world = new World();
  const ada = await join(world, "ada");
  ada.say({ type: "signal", channel: "elsewhere", data: 1 });
  await world.settle();
  assert.deepEqual([world.broker.count("follow elsewhere"), ada.sink.of("error")], [0, []]);
});

test("[AUTH-1] [SIG-1] [PRS-1] who may not signal or join is refused, per channel", async () => {
  const world = new World();
  const gate = new SlowGate();
  gate.may = (action) => action === "read";
  const ada = await join(world, "ada", { join: 1, signals: true }, gate);
  ada.say({ type: "signal", channel: "a", data: 1 });
  await world.settle();
  assert.deepEqual(
    ada.sink.of("error").map(({ code, channel }) => [code, channel]),
    [
      ["forbidden", "a"],
      ["forbidden", "a"],
    ],
  );
  assert.deepEqual([members(world), ada.sink.of("signal")], [[], []]);
});

test("[AUTH-1] [PRS-1] [EXP-4] a member that may not be one any more leaves; one of another name does not come in its place", async () => {
  const world = new World();
  const gate = new SlowGate();
  gate.principal = { user: "ada" };
  const ada = await join(world, "ada", { join: 1 }, gate);
  gate.principal = { user: "ada.l" };
  ada.say({ type: "auth", token: "new" });
  await world.settle();
  assert.deepEqual(
    world.hubs.lobbies.members("a").map(({ user, data }) => [user, data]),
    [["ada", 1]],
  );
  assert.equal(ada.told.at(-1), "error forbidden");
  gate.principal = { user: "ada" };
  gate.may = (action) => action !== "presence";
  ada.say({ type: "auth", token: "poorer" });
  await world.settle();
  assert.deepEqual([members(world), ada.told.slice(-2)], [[], ["error forbidden", "renewed"]]);
  assert.equal(ada.session.subscriptions, 1);
});

test("[BND-1] a full sink is told of neither, and catches up when it drains", async () => {
  const world = new World();
  const ada = await join(world, "ada", { presence: true, signals: true });
  ada.sink.room = 1;
  const bob = await join(world, "bob", { join: 1 });
  assert.equal(ada.session.full, true);
  for (const data of [1, 2, 3]) {
    bob.say({ type: "signal", channel: "a", key: "x", data });
    await world.settle();
  }
  bob.say({ type: "presence", channel: "a", data: 2 });
  await world.settle();
  assert.deepEqual(ada.sink.excess, []);
  ada.drain();
  await world.settle();
  assert.deepEqual(
    ada.sink.of("signal").map(({ data }) => data),
    [3],
  );
  assert.deepEqual(ada.sink.of("presence").at(-1)?.members[0]?.data, 2);
  assert.deepEqual(ada.sink.excess, []);
});

test("[BND-2] many signals at once stop the reading of their client", async () => {
  const world = new World({ limits: { publishesInFlightMax: 3 } });
  const gate = new SlowGate();
  const ada = await join(world, "ada", {}, gate);
  gate.isSlow = true;
  for (let count = 0; count < 3; count++) ada.say({ type: "signal", channel: "a", data: count });
  assert.equal(ada.sink.isPaused, true);
  for (let count = 0; count < 3; count++) {
    await world.settle();
    gate.waiting.pop()?.();
  }
  await world.settle();
  assert.equal(ada.sink.isPaused, false);
});
