import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "./client.ts";
import { FakeServer, take, timing, until, using } from "./fake-server.test.ts";

const transports = ["websocket", "sse", "long-poll", "poll"] as const;

const data = (events: readonly { data: unknown }[]) => events.map((event) => event.data);

for (const transport of transports) {
  test(`[MOVE-1] ${transport} reads what is published, and resumes where it was cut`, async () => {
    await using({ transports: [transport] }, async (client, server) => {
      server.publish("a", "before");
      const subscription = client.subscribe("a");
      assert.deepEqual(await subscription.ready, { cursor: "k-1" });
      server.publish("a", 1, 2);
      assert.deepEqual(data(await take(subscription, 2)), [1, 2]);
      assert.equal(client.transport, transport);
      assert.equal(subscription.position, "k-3");
      server.cut();
      server.publish("a", 3);
      assert.deepEqual(data(await take(subscription, 1)), [3]);
      server.cut();
      server.cut();
      server.publish("a", 4, 5);
      assert.deepEqual(data(await take(subscription, 2)), [4, 5]);
    });
  });

  test(`[CLI-3] ${transport} cut before its first event resumes from where it began`, async () => {
    await using({ transports: [transport] }, async (client, server) => {
      const subscription = client.subscribe("a");
      await subscription.ready;
      server.cut();
      await until(() => server.sessions.length === 0);
      server.publish("a", "while away");
      assert.deepEqual(data(await take(subscription, 1)), ["while away"]);
      assert.equal(server.hellos.at(-1)?.subscriptions[0]?.after, "k-0");
    });
  });

  test(`[ACK-1] publishing works where events come by ${transport}`, async () => {
    await using({ transports: [transport], need: "duplex" }, async (client, server) => {
      const subscription = client.subscribe("a");
      await subscription.ready;
      const first = await client.publish("a", { x: 1 }, { type: "t", key: "k" });
      assert.deepEqual(first, { cursor: "k-1", at: 1, duplicate: false });
      await client.publishBatch("a", [{ data: Uint8Array.of(7) }, { data: "text", encoding: "text" }]);
      const events = await take(subscription, 3);
      assert.deepEqual(data(events), [{ x: 1 }, Uint8Array.of(7), "text"]);
      assert.equal(events[0]?.type, "t");
      assert.equal(events[0]?.channel, "a");
      assert.equal(server.log("a").events.length, 3);
    });
  });

  test(`[CLI-4] a publish whose answer was lost is in the log once, by ${transport}`, async () => {
    await using({ transports: [transport], need: "duplex" }, async (client, server) => {
      await client.subscribe("a").ready;
      server.isMute = true;
      const published = client.publish("a", "once");
      await until(() => server.head("a") === 1);
      server.isMute = false;
      server.cut();
      assert.equal((await published).duplicate, true);
      assert.equal(server.log("a").events.length, 1);
    });
  });

  test(`[CLI-9] ${transport} renews a token that is refused, without losing its place`, async () => {
    const tokens = ["one", "two"];
    await using(
      { transports: [transport], token: () => tokens.shift() ?? "three" },
      async (client, server) => {
        const subscription = client.subscribe("a");
        await subscription.ready;
        server.refusedTokens.add("one");
        server.cut();
        server.publish("a", 1);
        assert.deepEqual(data(await take(subscription, 1)), [1]);
        assert.equal(server.hellos.at(-1)?.token, "two");
        await client.publish("b", 1);
        if (transport !== "websocket") assert.equal(server.bearers.at(-1), "Bearer two");
      },
    );
  });

  test(`[END-1] ${transport} tells the end of a channel and lets go`, async () => {
    await using({ transports: [transport] }, async (client, server) => {
      let ended: string | undefined;
      const subscription = client.subscribe("a", {
        after: "oldest",
        onEnd: ({ cursor }) => (ended = cursor),
      });
      server.publish("a", 1, 2);
      server.end("a");
      assert.deepEqual(data(await take(subscription, 10)), [1, 2]);
      assert.equal(ended, "k-2");
      await until(() => client.state.type === "idle");
      await until(() => server.sessions.length === 0);
    });
  });
}

test("[CLI-9] a token that can never be renewed ends the client, and says so everywhere", async () => {
  await using({ token: "only" }, async (client, server) => {
    server.refusedTokens.add("only");
    const states: string[] = [];
    client.on("state", (state) => states.push(state.type));
    const subscription = client.subscribe("a");
    await assert.rejects(take(subscription, 1), { code: "unauthenticated" });
    await assert.rejects(subscription.ready, { code: "unauthenticated" });
    await assert.rejects(client.publish("a", 1), { code: "unauthenticated" });
    assert.throws(() => client.subscribe("b"), { code: "unauthenticated" });
    assert.deepEqual(states, ["connecting", "closed"]);
    assert.equal(server.hellos.length, 0);
  });
});

test("[CLI-9] [CLI-13] a client that was closed for want of a token goes on after a new sign-in, from where it was", async () => {
  let token = "first";
  await using({ token: () => token }, async (client, server) => {
    const subscription = client.subscribe("a", { after: "oldest" });
    server.publish("a", 1);
    assert.deepEqual(data(await take(subscription, 1)), [1]);
    server.refusedTokens.add("first");
    for (const socket of [...server.sockets]) socket.destroy();
    await assert.rejects(take(subscription, 1), { code: "unauthenticated" });
    assert.equal(client.state.type, "closed");
    server.publish("a", 2);
    token = "second";
    client.reauthenticate();
    const { position } = subscription;
    assert.ok(position !== undefined);
    assert.deepEqual(data(await take(client.subscribe("a", { after: position }), 1)), [2]);
    assert.equal(server.hellos.at(-1)?.token, "second");
    client.close();
    assert.throws(() => client.reauthenticate(), { name: "ClosedError" });
  });
});

test("a token that cannot be had is warned of, and asked for again", async () => {
  let failures = 2;
  const token = () => {
    if (failures-- > 0) throw new Error("no network");
    return Promise.resolve("good");
  };
  await using({ token }, async (client, server) => {
    const warnings: string[] = [];
    client.on("warning", ({ message }) => warnings.push(message));
    await client.subscribe("a").ready;
    assert.deepEqual(warnings, ["no network", "no network"]);
    assert.equal(server.hellos[0]?.token, "good");
  });
});

test("nothing is opened before it is needed, and nothing kept after the last user has left", async () => {
  await using({ need: "duplex" }, async (client, server) => {
    assert.equal(server.requests.length, 0);
    const subscription = client.subscribe("a");
    await subscription.ready;
    subscription.close();
    await until(() => server.sockets.size === 0);
    assert.equal(client.state.type, "idle");
    await client.publish("a", 1);
    await until(() => client.state.type === "idle");
  });
});

test("closing ends iterations quietly and fails what was not answered", async () => {
  await using({ need: "duplex" }, async (client, server) => {
    const subscription = client.subscribe("a");
    await subscription.ready;
    server.isMute = true;
    const published = client.publish("a", 1);
    const taken = take(subscription, 10);
    await until(() => server.head("a") === 1);
    client.close();
    client.close();
    assert.ok((await taken).length <= 1);
    await assert.rejects(published, { name: "ClosedError", sent: true });
    await assert.rejects(client.publish("a", 1), { name: "ClosedError" });
    assert.throws(() => client.subscribe("a"), { name: "ClosedError" });
    assert.deepEqual(client.state, { type: "closed", reason: { type: "closed" } });
    await until(() => server.sockets.size === 0);
  });
});

test("an application may close from within a callback", async () => {
  await using({}, async (client, server) => {
    const seen: unknown[] = [];
    client.subscribe("a", {
      after: "oldest",
      onEvent: (event) => {
        seen.push(event.data);
        client.close();
      },
    });
    server.publish("a", 1, 2, 3);
    await until(() => client.state.type === "closed");
    await until(() => server.sessions.length === 0);
    assert.deepEqual(seen, [1]);
  });
});

test("a publish can be given up, and one that nobody awaits fails in silence", async () => {
  await using({ need: "duplex", pendingPublishesMax: 2 }, async (client, server) => {
    server.isMute = true;
    const controller = new AbortController();
    const published = client.publish("a", 1, { signal: controller.signal });
    await until(() => server.head("a") === 1);
    controller.abort(new Error("enough"));
    await assert.rejects(published, { message: "enough" });
    await assert.rejects(client.publish("a", 1, { signal: controller.signal }), { message: "enough" });
    await assert.rejects(client.publish("not a channel", 1), { code: "bad_channel" });
    await assert.rejects(client.publish("a", undefined), { code: "bad_event" });
    await assert.rejects(client.publish("a", 1, { ifMatch: "7" }), { code: "bad_cursor" });
    void client.publish("a", 2);
    void client.publish("a", 3);
    void client.publish("a", 4);
    void client.publishBatch("a", [{ data: 5 }]);
    // What was given up may have been published, so that what follows waits for its answer, or for the link to end.
    server.cut();
    await until(() => server.head("a") === 3);
  });
});

test("signals are sent and received", async () => {
  await using({ need: "duplex" }, async (client, server) => {
    const heard: unknown[] = [];
    const subscription = client.subscribe("a", { onSignal: ({ data }) => heard.push(data) });
    await subscription.ready;
    client.signal("a", { typing: true }, { key: "ada" });
    const [session] = server.sessions;
    await until(() => session?.heard.at(-1)?.type === "signal");
    assert.deepEqual(session?.heard.at(-1), {
      type: "signal",
      channel: "a",
      key: "ada",
      data: { typing: true },
    });
    session?.force({ type: "signal", channel: "a", key: "", data: 7 });
    await until(() => heard.length > 0);
    assert.deepEqual(heard, [7]);
    client.signal("elsewhere", 1);
    await until(() => server.requests.some((one) => one.startsWith("POST /channels/elsewhere/signals")));
    assert.equal(server.hellos[0]?.subscriptions[0]?.signals, true);
  });
});

test("an address that is none, or transports that are none, are refused at once", () => {
  assert.throws(() => connect("nonsense"), { code: "bad_parameter" });
  assert.throws(() => connect("ftp://127.0.0.1"), { code: "bad_parameter" });
  assert.throws(() => connect("http://127.0.0.1", { transports: [] }), { code: "bad_parameter" });
});

test("a change of transport is told once, and a page's own server needs no address", async () => {
  await using({ transports: ["sse"] }, async (_, server) => {
    Object.assign(globalThis, { location: { href: `${server.url}/some/page.html` } });
    const client = connect("/", { timing, transports: ["sse"] });
    Reflect.deleteProperty(globalThis, "location");
    const told: unknown[] = [];
    client.on("transport", (transport) => told.push(transport));
    const stop = client.on("state", () => stop());
    await client.subscribe("a").ready;
    server.onSay = () => true;
    server.cut();
    await until(() => client.state.type === "recovering" || server.hellos.length > 2);
    client.close();
    assert.deepEqual(told, ["sse", undefined]);
  });
});

test("a server below a path is reached there", async () => {
  const server = await FakeServer.start();
  const client = connect(`${server.url}/live?x=1`, { timing, transports: ["sse"] });
  client.subscribe("a");
  await until(() => server.requests.length > 0);
  assert.equal(server.requests[0], "POST /live/connect text/event-stream");
  client.close();
  await server.stop();
});
