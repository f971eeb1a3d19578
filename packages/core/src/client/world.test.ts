import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Transport } from "./ladder.ts";
import type { ConnectionOptions } from "./options.ts";
import { type Mood, World } from "./world-model.test.ts";

const channels = ["a", "b", "c"];
const channel = fc.constantFrom(...channels);
const choice = fc.nat(1);
const mood = fc.constantFrom<Mood>("well", "mute", "refuses", "forbids");
const often = fc.integer({ min: 1, max: 4 });

/** What may happen, as data. */
const step = fc.oneof(
  { arbitrary: fc.tuple(fc.constant("flow" as const), channel, often, choice), weight: 6 },
  fc.tuple(fc.constant("subscribe" as const), channel),
  fc.tuple(fc.constant("append" as const), channel, often),
  fc.tuple(fc.constant("publish" as const), channel),
  fc.tuple(fc.constant("greet" as const), choice),
  fc.tuple(fc.constant("send" as const), choice, channel, often, fc.nat(3)),
  fc.tuple(fc.constant("listen" as const), choice, mood),
  fc.tuple(fc.constant("post" as const), mood),
  fc.tuple(fc.constant("beat" as const), choice),
  fc.tuple(fc.constant("cut" as const), choice),
  fc.tuple(fc.constant("probe" as const), fc.boolean()),
  fc.tuple(fc.constant("consume" as const), channel, fc.nat(20)),
  fc.tuple(fc.constant("advance" as const), fc.constantFrom(10, 500, 5_000, 31_000)),
  fc.tuple(fc.constant("sleep" as const), fc.constantFrom(20_000, 3_600_000)),
  fc.tuple(
    fc.constant("device" as const),
    fc.constantFrom("online" as const, "offline" as const, "wake" as const),
  ),
);

function perform(world: World, [what, ...given]: readonly [string, ...unknown[]]): void {
  const { rig } = world;
  const [first, second, third, fourth] = given as [never, never, never, never];
  if (what === "subscribe") world.subscribe(first);
  if (what === "append") for (let i = 0; i < second; i++) world.append(first);
  if (what === "publish") world.publish(first);
  if (what === "flow") world.flow(first, second, third);
  if (what === "greet") world.greet(first);
  if (what === "send") world.send(first, second, third, fourth === 0);
  if (what === "listen") world.listen(first, second);
  if (what === "post") world.takePost(first);
  if (what === "beat") world.beat(first);
  if (what === "cut") world.cut(first);
  if (what === "probe") world.probe(first);
  if (what === "consume") rig.turn((connection, now) => connection.consumed(first, second, now));
  if (what === "advance") rig.advance(first);
  if (what === "sleep") rig.sleep(first);
  if (what === "device" && first === "wake") rig.turn((connection, now) => connection.wake(true, now));
  else if (what === "device") rig.turn((connection, now) => connection[first as "online" | "offline"](now));
}

const options = fc.record({
  transports: fc.constantFrom<readonly Transport[]>(
    ["websocket"],
    ["sse"],
    ["long-poll"],
    ["poll"],
    ["websocket", "sse", "poll"],
    ["sse", "websocket", "long-poll"],
  ),
  bufferedEventsMax: fc.constantFrom(3, 1000),
});

function live(
  given: Partial<ConnectionOptions>,
  seed: number,
  steps: readonly (readonly [string, ...unknown[]])[],
): World {
  let state = seed;
  const world = new World(given, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  });
  world.subscribe("a");
  for (const one of steps) {
    perform(world, one);
    for (const each of channels) world.check(each);
  }
  return world;
}

test("[MOVE-1] [ORD-1] [GAP] [DUP-1] [CLI-4] whatever the network does, each event comes once, in order, and in the end", () => {
  const steps = fc.array(step, { minLength: 20, maxLength: 80, size: "max" });
  fc.assert(
    fc.property(options, fc.nat(), steps, (given, seed, list) => {
      const world = live(given, seed, list);
      world.heal();
      for (const each of channels) world.check(each);
      for (const each of world.rig.all("subscribed")) world.checkComplete(each.channel);
      world.checkPublishes();
      assert.equal(world.rig.connection.state.type, "live");
    }),
    { numRuns: 200 },
  );
});

test("given the same inputs and the same chance it does the same", () => {
  const steps = fc.array(step, { minLength: 20, maxLength: 60, size: "max" });
  fc.assert(
    fc.property(options, fc.nat(), steps, (given, seed, list) => {
      assert.deepEqual(live(given, seed, list).rig.log, live(given, seed, list).rig.log);
    }),
    { numRuns: 30 },
  );
});
