import assert from "node:assert/strict";
import { transportNames } from "./lane.ts";
import { rule } from "./lesson.ts";
import { using } from "./switching.ts";

export const surviving = [
  rule(
    "[CLI-6] [CLI-7] a proxy that accepts upgrades and swallows frames, or buffers streams, is noticed by its silence; when it is gone they climb back",
    async (bench) => {
      const permits = [bench.proxy.swallowWebSockets(), bench.proxy.bufferStreams(10_000_000)];
      const channel = bench.channel();
      const session = bench.connect(["websocket", "sse", "long-poll"]);
      const reading = bench.transcript("below", channel, "latest");
      session.read(channel, "latest", reading);
      await using(session, "long-poll", bench.deadlineMs);
      await reading.untilAt(await bench.press.numbered(channel, 2));
      for (const permit of permits) permit();
      await using(session, "websocket", bench.deadlineMs);
      await reading.untilAt(await bench.press.numbered(channel, 2));
      reading.check([bench.press.truth(channel)]);
    },
  ),

  rule("[CLI-6] a server that restarts pushes nobody down the ladder", async (bench) => {
    const channel = bench.channel();
    const session = bench.connect(["websocket", "sse", "long-poll"]);
    const reading = bench.transcript("restarted", channel, "latest");
    session.read(channel, "latest", reading);
    await using(session, "websocket", bench.deadlineMs);
    let refused = 0;
    const attempted = Promise.withResolvers<void>();
    const permit = bench.proxy.judge(() => {
      if (++refused === 8) attempted.resolve();
      return { do: "answer", status: 503 };
    });
    const used = new Set<unknown>();
    session.onTransport(() => used.add(session.transport));
    bench.proxy.cut();
    await attempted.promise;
    permit();
    await reading.untilAt(await bench.press.numbered(channel, 2));
    assert.equal(session.transport, "websocket");
    assert.equal(used.has("sse") || used.has("long-poll"), false);
  }),

  rule("[CLI-6] connections that are healthy and short push nobody down the ladder", async (bench) => {
    const channel = bench.channel();
    const session = bench.connect(["sse", "long-poll"]);
    const reading = bench.transcript("short", channel, "latest");
    session.read(channel, "latest", reading);
    await using(session, "sse", bench.deadlineMs);
    const used = new Set<unknown>();
    session.onTransport(() => used.add(session.transport));
    for (let round = 0; round < 8; round++) {
      await reading.untilAt(await bench.press.numbered(channel, 1));
      bench.proxy.cut();
    }
    await reading.untilAt(await bench.press.numbered(channel, 1));
    assert.equal(used.has("long-poll"), false);
    reading.check([bench.press.truth(channel)]);
  }),

  rule("[CLI-8] connections that are taken and ended at once make no loop without delay", async (bench) => {
    for (const transport of transportNames) {
      let asked = 0;
      const enough = Promise.withResolvers<void>();
      const permit = bench.proxy.judge(({ path }) => {
        if (!path.startsWith("/connect")) return undefined;
        if (++asked === 6) enough.resolve();
        return { do: "answer", status: 200 };
      });
      const began = performance.now();
      const session = bench.connect([transport]);
      session.read(bench.channel(), "latest", bench.transcript(transport, "", "latest"));
      await enough.promise;
      // Six attempts with no delay take a few ms; with full jitter from 20 ms up they cannot, but once in a million.
      assert.ok(performance.now() - began > 15, `${transport}: ${performance.now() - began} ms`);
      session.close();
      permit();
    }
  }),

  rule("[CLI-4] a POST that fails is told to who published, and to nobody else", async (bench) => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    try {
      let failed = 0;
      const enough = Promise.withResolvers<void>();
      const permit = bench.proxy.judge(({ path }) => {
        if (path.startsWith("/channels/") && ++failed === 2) enough.resolve();
        return { do: "answer", status: 502 };
      });
      const session = bench.connect(["sse"]);
      const channel = bench.channel();
      const answer = session.publish(channel, { ...bench.press.draft(), id: "kept" });
      answer.catch(() => {});
      session.publish(channel, { ...bench.press.draft(), id: "too" }).catch(() => {});
      await enough.promise;
      permit();
      assert.equal((await answer).duplicate, false);
      assert.deepEqual(unhandled, []);
    } finally {
      process.off("unhandledRejection", note);
    }
  }),
];
