import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultLimits } from "@holdfast/protocol";
import { Traffic } from "../metrics/traffic.ts";
import type { Node } from "../node.ts";
import { Tick } from "../tick.ts";
import { BufferedSink } from "./buffered-sink.ts";

/** A sink whose socket is the test. */
class TestSink extends BufferedSink {
  readonly sent: string[] = [];
  readonly socket = undefined;
  inSocket = 0;
  isWritable = true;
  isCut = false;

  protected put(first: Uint8Array, rest: readonly Uint8Array[] = []): void {
    for (const bytes of [first, ...rest]) this.sent.push(Buffer.from(bytes).toString());
  }

  protected cut(): void {
    this.isCut = true;
  }

  close(): void {}
  pauseInput(): void {}

  say(...texts: string[]): void {
    for (const text of texts) this.write(Buffer.from(text));
  }
}

function newSink(): TestSink {
  const node = { tick: new Tick(), limits: defaultLimits } as unknown as Node;
  return new TestSink(node, { address: undefined, user: undefined }, new Traffic("websocket"));
}

test("[REV-4] [REV-5] what was gathered in a tick is dropped, and what comes after it is sent", () => {
  const sink = newSink();
  assert.equal(sink.retract(), "nothing");
  sink.say("a", "b", "c");
  assert.equal(sink.unsent, 3);
  assert.equal(sink.retract(), "dropped");
  assert.equal(sink.unsent, 0);
  sink.say("bye");
  sink.flush();
  assert.deepEqual([sink.sent, sink.isCut], [["bye"], false]);
  assert.equal(sink.retract(), "nothing");
});

test("[REV-4] [REV-5] what the socket has cannot be taken back: the connection is cut", () => {
  const sink = newSink();
  sink.say("a");
  sink.flush();
  sink.inSocket = 1;
  sink.say("b");
  assert.equal(sink.retract(), "cut");
  sink.flush();
  assert.deepEqual([sink.sent, sink.isCut], [["a"], true]);
});
