import { after, describe, test } from "node:test";
import type { MessageForm } from "@holdfast/core/server";
import {
  Bench,
  type BenchOptions,
  type NodeUnderTest,
  namespaces,
  type SessionUnderTest,
  type TransportsUnderTest,
} from "./transports/bench.ts";
import { type Hearer, type Lane, type TransportName, transportNames } from "./transports/lane.ts";
import { resuming } from "./transports/lessons-resuming.ts";
import { surviving } from "./transports/lessons-transports.ts";
import { moving } from "./transports/moving.ts";
import { plainLongPoll, plainPoll } from "./transports/plain-json.ts";
import { plainSse } from "./transports/plain-sse.ts";
import { plainWebSocket } from "./transports/plain-websocket.ts";
import { reading } from "./transports/reading.ts";
import { refusing } from "./transports/refusing.ts";
import { speaking } from "./transports/speaking.ts";
import { switchBetween } from "./transports/switching.ts";
import { conformancePrincipal, lasting } from "./transports/token-life.ts";

export type { Hearer, Lane, NodeUnderTest, SessionUnderTest, TransportName, TransportsUnderTest };
export { conformancePrincipal, namespaces as conformanceNamespaces };

/** The four ways to read a channel's URL without a library of ours. */
export const plainLanes: readonly Lane[] = [plainWebSocket, plainSse, plainLongPoll, plainPoll];

function sessionLanes(under: TransportsUnderTest): readonly Lane[] {
  const inJson = transportNames.map((transport) => sessionLane(under, transport, "json"));
  return [...inJson, sessionLane(under, "websocket", "msgpack")];
}

function sessionLane({ connect }: TransportsUnderTest, transport: TransportName, form: MessageForm): Lane {
  return {
    name: `session ${transport}${form === "json" ? "" : ` in ${form}`}`,
    face: "session",
    transport,
    read({ url, channel, after: start }, hearer) {
      const session = connect(url, [transport], form);
      session.read(channel, start, hearer);
      return () => session.close();
    },
  };
}

/** Registers a test for every promise that each transport of both faces keeps, and for every change from one to another. */
export function transportConformance(under: TransportsUnderTest, options: BenchOptions = {}): void {
  const lanes = [...sessionLanes(under), ...plainLanes];
  const prove = onNode(under, options, 1000);
  for (const lane of lanes) {
    describe(lane.name, () => {
      for (const rule of reading) prove(rule.title, (bench) => rule.prove(bench, lane));
    });
  }
  for (const transport of transportNames) {
    describe(`publishing over ${transport}`, () => {
      for (const rule of speaking) prove(rule.title, (bench) => rule.prove(bench, transport));
    });
  }
  for (const transport of transportNames) {
    describe(`bad input over ${transport}`, () => {
      for (const rule of refusing) prove(rule.title, (bench) => rule.prove(bench, transport));
    });
  }
  describe("from one lane to another", () => {
    for (const rule of moving) prove(rule.title, (bench) => rule.prove(bench, lanes));
  });
  describe("one client, while events flow", () => {
    for (const best of transportNames) {
      for (const other of transportNames) {
        if (!areDistinct(best, other)) continue;
        prove(`[MOVE-1] [CLI-7] from ${best} to ${other} and back`, (bench) =>
          switchBetween(bench, best, other),
        );
      }
    }
  });
  describe("with tokens", () => {
    const proveToken = onNode(under, { ...options, tokens: true }, 1000);
    const provePacked = onNode(under, { ...options, form: "msgpack", tokens: true }, 1000);
    for (const rule of lasting) {
      for (const transport of transportNames) {
        proveToken(`${rule.title}, over ${transport}`, (bench) => rule.prove(bench, transport));
      }
      provePacked(`${rule.title}, over websocket in msgpack`, (bench) => rule.prove(bench, "websocket"));
    }
  });
  describe("one client in msgpack", () => {
    const provePacked = onNode(under, { ...options, form: "msgpack" }, 1000);
    for (const rule of speaking) {
      provePacked(`${rule.title}, over websocket`, (bench) => rule.prove(bench, "websocket"));
    }
    for (const other of transportNames) {
      if (!areDistinct("websocket", other)) continue;
      provePacked(`[MOVE-1] [PACK-1] from websocket to ${other} and back`, (bench) =>
        switchBetween(bench, "websocket", other),
      );
    }
  });
  describe("lessons of resuming", () => {
    const proveLesson = onNode(under, options, 250);
    for (const lesson of resuming) proveLesson(lesson.title, (bench) => lesson.prove(bench));
  });
  describe("lessons of transports", () => {
    const proveLesson = onNode(under, options, 250);
    for (const lesson of surviving) proveLesson(lesson.title, (bench) => lesson.prove(bench));
  });
}

/** Registers tests that share a node, each with a bench of its own. */
function onNode(
  under: TransportsUnderTest,
  { tokens = false, ...options }: BenchOptions & { readonly tokens?: boolean },
  heartbeatMs: number,
): (title: string, run: (bench: Bench) => Promise<void>) => void {
  let node: Promise<NodeUnderTest> | undefined;
  after(async () => {
    await (await node)?.stop();
  });
  return (title, run) => {
    if (options.leaveOut?.test(title)) return;
    test(title, async () => {
      node ??= under.start({ heartbeatMs, tokens });
      const bench = await Bench.open(under, await node, options);
      try {
        await run(bench);
      } finally {
        await bench.stop();
      }
    });
  };
}

/** A proxy cannot tell a long poll from a poll, so that a client never changes between these two by itself. */
function areDistinct(one: TransportName, other: TransportName): boolean {
  return one !== other && !(one.endsWith("poll") && other.endsWith("poll"));
}
