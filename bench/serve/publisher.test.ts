import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { nowUs } from "../clock.ts";
import { headBytes, sequenceDigits } from "../payload.ts";
import type { Served } from "../peer.ts";
import { net } from "../peers/net.ts";
import { Publisher } from "./publisher.ts";

interface Event {
  readonly channel: string;
  readonly sequence: number;
  readonly dueUs: number;
  readonly atUs: number;
}

/** A server that keeps what it is given; `unsent` are the bytes that it says it still holds. */
function keep(unsent: () => number = () => 0): Served & { readonly events: Event[] } {
  const events: Event[] = [];
  return {
    events,
    port: 0,
    publish(channel, payload) {
      const sequence = Number(payload.slice(1, 1 + sequenceDigits));
      const dueUs = Number(payload.slice(1 + sequenceDigits, headBytes));
      events.push({ channel, sequence, dueUs, atUs: nowUs() });
      return undefined;
    },
    unsentBytes: unsent,
    close: async () => {},
  };
}

const job = { channels: ["one"], payloadBytes: 64, durationMs: 20 };

test("every channel gets the same number of events, in order, over several jobs", async () => {
  const served = keep();
  const publisher = new Publisher(served, 1, net.dialect);
  const flatOut = {
    ...job,
    channels: ["a", "b", "c"],
    pace: { kind: "flat-out", eventsMax: 2, bytesMax: 1000 },
  } as const;
  const first = await publisher.run(flatOut);
  const second = await publisher.run(flatOut);
  const expected = Array.from({ length: first.events + second.events }, (_, index) => index + 1);
  for (const channel of flatOut.channels) {
    const own = served.events.filter((event) => event.channel === channel);
    assert.deepEqual(
      own.map(({ sequence }) => sequence),
      expected,
    );
  }
});

test("flat out, no more is published in a turn than the events and bytes that are allowed", async () => {
  for (const [eventsMax, bytesMax, expected] of [
    [8, 1e6, 8],
    [8, 3 * 64, 3],
    [8, 1, 1],
  ] as const) {
    let turn = 0;
    const turns: number[] = [];
    const served = keep();
    const counted: Served = {
      ...served,
      publish: () => {
        turns[turn] = (turns[turn] ?? 0) + 1;
        return undefined;
      },
      // Asked once a turn.
      unsentBytes: () => {
        turn++;
        return 0;
      },
    };
    await new Publisher(counted, 1, net.dialect).run({
      ...job,
      pace: { kind: "flat-out", eventsMax, bytesMax },
    });
    assert.equal(Math.max(...turns), expected);
  }
});

test("nothing is published while sockets hold too much", async () => {
  let asked = 0;
  let publishedWhileFull = 0;
  const full = () => asked % 5 !== 4;
  const served: Served = {
    ...keep(),
    publish: () => {
      if (asked > 0 && asked % 5 !== 0) publishedWhileFull++;
      return undefined;
    },
    unsentBytes: () => {
      const bytes = full() ? 10 * 16 * 1024 + 1 : 10 * 16 * 1024;
      asked++;
      return bytes;
    },
  };
  await new Publisher(served, 10, net.dialect).run({ ...job, pace: { kind: "turns" } });
  assert.ok(asked >= 5);
  assert.equal(publishedWhileFull, 0);
});

test("at a rate, each event has its own time, and none is before it, also after a stall", async () => {
  const served = keep();
  const publish = served.publish.bind(served);
  served.publish = (channel, payload) => {
    void publish(channel, payload);
    // A stall of several intervals.
    if (served.events.length === 3) for (const until = nowUs() + 8000; nowUs() < until; );
    return undefined;
  };
  const { startUs, latestUs, events } = await new Publisher(served, 1, net.dialect).run({
    ...job,
    pace: { kind: "rate", perSecond: 500 },
  });
  assert.equal(events, 10);
  for (const [index, { dueUs, atUs }] of served.events.entries()) {
    assert.equal(dueUs, startUs + index * 2000);
    assert.ok(atUs >= dueUs);
  }
  assert.ok(latestUs >= 6000, `${latestUs}`);
});

async function serveNet(t: TestContext): Promise<Served> {
  const served = await net.serve({ channels: 1, readers: 0 });
  t.after(() => served.close());
  return served;
}

test("no more is under way than is allowed until the witness has seen it", async (t) => {
  const served = await serveNet(t);
  for (const eventsMax of [1, 3]) {
    let underWay = 0;
    let most = 0;
    const delayed: Served = {
      ...served,
      publish: (channel, payload) => {
        underWay++;
        most = Math.max(most, underWay);
        // Written some turns later, as a large fan-out may be.
        setTimeout(() => {
          underWay--;
          void served.publish(channel, payload);
        }, 2);
        return undefined;
      },
    };
    const pace = { kind: "witnessed", eventsMax, bytesMax: 1000 } as const;
    await new Publisher(delayed, 0, net.dialect).run({ ...job, durationMs: 200, pace });
    assert.deepEqual([most, underWay], [eventsMax, 0]);
  }
});

test("a failed publish, and a lost witness, end the job", async (t) => {
  const failing = { ...keep(), publish: () => Promise.reject(new Error("The log is gone.")) };
  const pace = { kind: "flat-out", eventsMax: 4, bytesMax: 1000 } as const;
  await assert.rejects(new Publisher(failing, 1, net.dialect).run({ ...job, pace }), /The log is gone/);
  const served = await serveNet(t);
  const closing = { ...served, publish: () => served.close() };
  await assert.rejects(
    new Publisher(closing, 0, net.dialect).run({
      ...job,
      pace: { kind: "witnessed", eventsMax: 1, bytesMax: 0 },
    }),
    /closed the connection|ECONNRESET/,
  );
});
