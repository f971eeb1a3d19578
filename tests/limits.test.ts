import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, type Transport } from "@holdfast/client";
import { createHoldfast, type HoldfastOptions } from "@holdfast/server";

const signedIn: HoldfastOptions = {
  authenticate: (token) => (token === undefined ? null : { user: token }),
  authorize: () => true,
  logger: () => {},
};

async function using(options: HoldfastOptions, run: (url: string) => Promise<void>): Promise<void> {
  const holdfast = createHoldfast({ ...signedIn, ...options });
  const { url } = await holdfast.listen({ port: 0 });
  try {
    await run(url);
  } finally {
    await holdfast.close({ noticeMs: 0, spreadMs: 0, deadlineMs: 2000 });
  }
}

const roads: readonly { readonly name: string; readonly transports: readonly Transport[] }[] = [
  { name: "a WebSocket", transports: ["websocket"] },
  { name: "POST", transports: ["sse"] },
];

for (const { name, transports } of roads) {
  test(`[LIM-1] [ACK-1] [ACK-4] over ${name} a client that publishes beyond its rate waits as told, and all of it arrives once and in order`, async () => {
    await using({ limits: { publishesPerUserPerSecond: 50, rateBurstMs: 100 } }, async (url) => {
      const client = connect(url, { transports, need: "duplex", token: async () => "ada" });
      const channels = ["a", "b"];
      const published = Array.from({ length: 40 }, (_, n) => client.publish(channels[n % 2] ?? "a", n));
      const results = await Promise.all(published);
      assert.ok(results.every(({ duplicate }) => !duplicate));
      for (const [first, channel] of channels.entries()) {
        const seen: unknown[] = [];
        for await (const { data } of client.subscribe(channel, { after: "oldest" })) {
          seen.push(data);
          if (seen.length === 20) break;
        }
        assert.deepEqual(
          seen,
          Array.from({ length: 20 }, (_, n) => first + 2 * n),
        );
      }
      client.close();
    });
  });
}

for (const transport of ["websocket", "sse", "long-poll"] as const) {
  test(`[LIM-9] [LIM-2] [LIM-4] over ${transport} a client that is one too many comes in as soon as there is room, by the same transport`, async () => {
    await using({ limits: { connectionsPerUserMax: 1 } }, async (url) => {
      const options = { transports: [transport, "poll"] as const, token: async () => "ada" };
      const first = connect(url, options);
      const reading = first.subscribe("a");
      await reading.ready;
      const second = connect(url, options);
      const waiting = second.subscribe<number>("a", { after: "oldest" });
      await first.publish("a", 1);
      first.close();
      for await (const { data } of waiting) {
        assert.equal(data, 1);
        break;
      }
      assert.equal(second.transport, transport);
      second.close();
    });
  });
}
