import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import type { ChannelEvent } from "@holdfast/core/client";
import { type FakeServer, take, until, using } from "./fake-server.test.ts";
import { Reader } from "./reader.ts";

const data = (events: readonly ChannelEvent[]) => events.map((event) => event.data);

/** The log of `a`, recreated in another epoch. */
function recreate(server: FakeServer): void {
  server.logs.delete("a");
  server.log("a").epoch = "m";
}

test("it starts where it was asked to", async () => {
  await using({}, async (client, server) => {
    server.publish("a", 1, 2, 3, 4);
    const from = async (options: object, count: number) => {
      const subscription = client.subscribe("a", options);
      const events = await take(subscription, count);
      subscription.close();
      return data(events);
    };
    assert.deepEqual(await from({ after: "oldest" }, 4), [1, 2, 3, 4]);
    assert.deepEqual(await from({ after: "k-2" }, 2), [3, 4]);
    assert.deepEqual(await from({ last: 1 }, 1), [4]);
    for (const bad of [{ after: "17" }, { last: -1 }, { last: 1, after: "k-1" }]) {
      assert.throws(() => client.subscribe("a", bad), { name: "HoldfastError" });
    }
  });
});

test("[GAP] a gap that nobody is told of is thrown, after what came before it", async () => {
  await using({}, async (client, server) => {
    server.publish("a", 1, 2);
    const subscription = client.subscribe("a", { after: "oldest" });
    assert.deepEqual(data(await take(subscription, 1)), [1]);
    recreate(server);
    server.cut();
    const iterator = subscription[Symbol.asyncIterator]();
    assert.deepEqual((await iterator.next()).value?.data, 2);
    await assert.rejects(iterator.next(), {
      name: "GapError",
      gap: { type: "gap", channel: "a", from: "k-2", to: "m-0", reason: "epoch" },
    });
    assert.deepEqual(await iterator.next(), { done: true, value: undefined });
    await until(() => client.state.type === "idle");
  });
});

test("[GAP] with `onGap` it is told in its place, and the iteration goes on", async () => {
  await using({}, async (client, server) => {
    const told: unknown[] = [];
    const subscription = client.subscribe("a", {
      onGap: ({ from, to, reason }) => told.push([from, to, reason]),
    });
    await subscription.ready;
    server.publish("a", 1);
    await take(subscription, 1);
    recreate(server);
    server.publish("a", 2);
    server.cut();
    assert.deepEqual(told, []);
    assert.deepEqual(data(await take(subscription, 1)), [2]);
    assert.deepEqual(told, [["k-1", "m-0", "epoch"]]);
    assert.equal(subscription.position, "m-1");
  });
});

test("[GAP] to a callback a gap is an error, when it is not asked to hear of gaps", async () => {
  await using({}, async (client, server) => {
    const errors: Error[] = [];
    const subscription = client.subscribe("a", { onEvent: () => {}, onError: (error) => errors.push(error) });
    await subscription.ready;
    server.publish("a", 1);
    recreate(server);
    server.cut();
    await until(() => errors.length > 0);
    assert.equal(errors[0]?.name, "GapError");
    await until(() => client.state.type === "idle");
  });
});

test("a callback that returns a promise gets its events one after the other", async () => {
  await using({}, async (client, server) => {
    const log: string[] = [];
    const subscription = client.subscribe<number>("a", {
      after: "oldest",
      onEvent: async (event) => {
        log.push(`begin ${event.data}`);
        await new Promise((resolve) => setImmediate(resolve));
        log.push(`end ${event.data}`);
      },
    });
    server.publish("a", 1, 2);
    await until(() => log.length === 4);
    assert.deepEqual(log, ["begin 1", "end 1", "begin 2", "end 2"]);
    assert.throws(() => subscription[Symbol.asyncIterator](), { code: "bad_parameter" });
  });
});

test("leaving the loop ends the subscription", async () => {
  await using({}, async (client, server) => {
    server.publish("a", 1, 2, 3);
    for await (const event of client.subscribe("a", { after: "oldest" })) {
      if (event.data === 2) break;
    }
    await until(() => client.state.type === "idle");
  });
});

test("an abort signal ends it, and the iteration throws its reason", async () => {
  await using({}, async (client) => {
    const controller = new AbortController();
    const subscription = client.subscribe("a", { signal: controller.signal });
    await subscription.ready;
    const next = subscription[Symbol.asyncIterator]().next();
    controller.abort(new Error("leaving"));
    await assert.rejects(next, { message: "leaving" });
    await until(() => client.state.type === "idle");
    const late = client.subscribe("a", { signal: controller.signal });
    await assert.rejects(take(late, 1), { message: "leaving" });
    await assert.rejects(late.ready);
    assert.equal(client.state.type, "idle");
  });
});

test("a signal that outlives many subscriptions keeps none of them", async () => {
  await using({}, async (client) => {
    const { signal } = new AbortController();
    for (let i = 0; i < 5; i++) client.subscribe("a", { signal }).close();
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });
});

test("it is disposed of with its scope", async () => {
  await using({}, async (client) => {
    await using_(client.subscribe("a"), async (subscription) => {
      await subscription.ready;
    });
    await until(() => client.state.type === "idle");
  });
});

async function using_<Resource extends AsyncDisposable>(
  resource: Resource,
  run: (resource: Resource) => Promise<void>,
): Promise<void> {
  await run(resource);
  await resource[Symbol.asyncDispose]();
}

test("a channel that is refused fails its subscribers alone", async () => {
  await using({}, async (client, server) => {
    server.onSay = (message, session) => {
      if (message.type !== "subscribed" || !("channel" in message) || message.channel !== "secret")
        return false;
      session.force({
        type: "error",
        code: "forbidden",
        message: "not you",
        retry: "never",
        channel: "secret",
      });
      return true;
    };
    const [open, secret] = [client.subscribe("open"), client.subscribe("secret")];
    await open.ready;
    await assert.rejects(take(secret, 1), { code: "forbidden", message: "not you" });
    await assert.rejects(secret.ready, { code: "forbidden" });
    server.publish("open", 1);
    assert.deepEqual(data(await take(open, 1)), [1]);
    server.onSay = undefined;
    const again = client.subscribe("secret");
    assert.deepEqual(await again.ready, { cursor: "k-0" });
  });
});

test("two readers of a channel share its place on the wire, and each gets every event", async () => {
  await using({ transports: ["websocket"] }, async (client, server) => {
    const first = client.subscribe("a");
    await first.ready;
    server.publish("a", 1);
    assert.deepEqual(data(await take(first, 1)), [1]);
    const second = client.subscribe("a");
    assert.deepEqual(await second.ready, { cursor: "k-1" });
    server.publish("a", 2, 3);
    assert.deepEqual(data(await take(first, 2)), [2, 3]);
    assert.deepEqual(data(await take(second, 2)), [2, 3]);
    first.close();
    server.publish("a", 4);
    assert.deepEqual(data(await take(second, 1)), [4]);
    assert.equal(server.hellos.length, 1);
    assert.deepEqual(server.sessions[0]?.heard, []);
  });
});

test("one that starts elsewhere reads apart until it stands where the others stand", async () => {
  await using({ transports: ["websocket"] }, async (client, server) => {
    server.publish("a", 1, 2, 3);
    const first = client.subscribe("a");
    await first.ready;
    const second = client.subscribe("a", { after: "oldest" });
    assert.deepEqual(data(await take(second, 3)), [1, 2, 3]);
    server.publish("a", 4);
    assert.deepEqual(data(await take(second, 1)), [4]);
    assert.deepEqual(data(await take(first, 1)), [4]);
    assert.equal(server.hellos.length, 2);
    await until(() => server.sessions.length === 1);
    server.publish("a", 5);
    assert.deepEqual(data(await take(second, 1)), [5]);
    assert.deepEqual(data(await take(first, 1)), [5]);
    assert.ok(server.sessions[0]?.heard.every(({ type }) => type !== "subscribe"));
  });
});

test("[BND-1] one that takes nothing neither stops the others nor buffers without end, and loses nothing", async () => {
  await using({ transports: ["websocket"], bufferedEventsMax: 10 }, async (client, server) => {
    const quick = client.subscribe<number>("a");
    const slow = client.subscribe<number>("a");
    await Promise.all([quick.ready, slow.ready]);
    const expected = Array.from({ length: 200 }, (_, index) => index);
    for (const one of expected) {
      server.publish("a", one);
      assert.deepEqual(data(await take(quick, 1)), [one]);
    }
    assert.ok(slow instanceof Reader && slow.buffered <= 10);
    assert.deepEqual(data(await take(slow, 200)), expected);
    server.publish("a", "both");
    assert.deepEqual(data(await take(slow, 1)), ["both"]);
    assert.deepEqual(data(await take(quick, 1)), ["both"]);
  });
});

test("[BND-1] when nobody takes anything the channel is left on the wire, and read on later", async () => {
  for (const transport of ["websocket", "sse", "long-poll"] as const) {
    await using({ transports: [transport], bufferedEventsMax: 10 }, async (client, server) => {
      const subscription = client.subscribe<number>("a");
      const other = client.subscribe("b");
      await Promise.all([subscription.ready, other.ready]);
      const expected = Array.from({ length: 100 }, (_, index) => index);
      for (const one of expected) {
        server.publish("a", one);
        server.publish("b", one);
        await take(other, 1);
      }
      assert.deepEqual(data(await take(subscription, 100)), expected);
      await until(() => subscription.position === "k-100");
    });
  }
});

test("who reads presence later is told who is there already", async () => {
  await using({ transports: ["websocket"] }, async (client, server) => {
    const [first, second]: unknown[][] = [[], []];
    await client.subscribe("a", { onPresence: (presence) => first?.push(presence.members) }).ready;
    const ada = { instance: "ada-1234", data: 1, since: 0 };
    const bob = { instance: "bob-1234", data: 2, since: 0 };
    const say = (full: boolean, members: object[], left: string[]) =>
      server.sessions[0]?.force({ type: "presence", channel: "a", full, members, left });
    say(true, [ada], []);
    say(false, [bob], ["ada-1234"]);
    await until(() => first?.length === 2);
    client.subscribe("a", { onPresence: (presence) => second?.push(presence.members) });
    assert.deepEqual(second, [[bob]]);
  });
});

test("joining, and leaving, reach the server", async () => {
  await using({ transports: ["websocket"] }, async (client, server) => {
    const subscription = client.subscribe("a", { join: { name: "ada" } });
    await subscription.ready;
    assert.deepEqual(server.hellos[0]?.subscriptions, [
      { channel: "a", after: "latest", join: { name: "ada" } },
    ]);
    subscription.join({ name: "ada", away: true });
    subscription.join(undefined);
    const heard = () => server.sessions[0]?.heard ?? [];
    await until(() => heard().length === 2);
    assert.deepEqual(
      heard().map(({ data }) => data),
      [{ name: "ada", away: true }, null],
    );
  });
});

test("[EVT-2] [EVT-4] [SIG-3] what no server would pass on is refused where it is said, and ends nothing", async () => {
  await using({}, async (client, server) => {
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    const subscription = client.subscribe("a");
    await subscription.ready;
    for (const data of [JSON.parse("[".repeat(57) + "]".repeat(57)), cyclic, 10n]) {
      const refused = { name: "HoldfastError", code: "bad_event" };
      assert.throws(() => client.signal("a", data), refused);
      assert.throws(() => client.subscribe("b", { join: data }), refused);
      assert.throws(() => subscription.join(data), refused);
      await assert.rejects(client.publish("a", data), refused);
    }
    assert.throws(() => client.signal("a", 1, { key: "\ud83d" }), { code: "bad_utf8" });
    assert.throws(() => client.signal("a", 1, { key: "x".repeat(129) }), { code: "bad_message" });
    await assert.rejects(client.publish("a", 1, { type: "gap" }), { code: "bad_event" });
    assert.equal(client.state.type, "live");
    assert.deepEqual(
      server.hellos.map(({ subscriptions }) => subscriptions),
      [[{ channel: "a", after: "latest" }]],
    );
  });
});
