import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, type ClientOptions, connect } from "@holdfast/client";
import { parseCursor } from "@holdfast/protocol";
import { Checker, type Hearer, TruthLog } from "@holdfast/testkit";
import { read, timing } from "../transports-under-test.ts";
import { type Target, until } from "./target.ts";

const channel = "healthy";
const transports = ["websocket", "sse", "long-poll"] as const;
/** Sessions, and their subscriptions, when all of them stand at the head. */
export const crowdReaders = transports.length;

/**
 * Clients of ours that use a server while it is attacked: one publishes all the time, others read over each transport. They must
 * notice nothing: every event in its order, and no connection lost.
 */
export class Crowd {
  readonly #checker = new Checker({ mode: "every", maxLag: 0 });
  readonly #truth: TruthLog;
  readonly #clients: { readonly name: string; readonly losses: string[]; readonly client: Client }[] = [];
  /** What readers were told is held against the log once it is known what that took. */
  readonly #readers: { reached: number; readonly untold: (() => void)[] }[] = [];
  #published = 0;
  #isPaused = false;
  #isOver = false;
  #isIdle = false;

  private constructor(truth: TruthLog) {
    this.#truth = truth;
    this.#checker.began(truth);
  }

  static async gather(target: Target, options: ClientOptions = {}): Promise<Crowd> {
    const { text } = await target.get(`/channels/${channel}`);
    const { epoch, offset } = parseCursor(JSON.parse(text).cursor);
    const crowd = new Crowd(new TruthLog(channel, epoch, offset));
    const url = (target.serving.secure ?? target.serving.plain).replace("127.0.0.1", "localhost");
    try {
      for (const transport of transports) crowd.#read(url, transport, options);
      await until(() => crowd.#checker.readers.every(({ position }) => position !== undefined));
      crowd.#publish(url, options);
      await crowd.rest();
    } catch (error) {
      crowd.leave();
      throw error;
    }
    return crowd;
  }

  #read(url: string, transport: (typeof transports)[number], options: ClientOptions): void {
    const client = connect(url, { transports: [transport], toleranceMs: 25, timing, ...options });
    const audit = this.#checker.reader(transport, channel, { after: "latest" });
    const reader = { reached: -1, untold: [] as (() => void)[] };
    this.#readers.push(reader);
    const note = (cursor: string, check: () => void) => {
      reader.reached = parseCursor(cursor).offset;
      reader.untold.push(check);
    };
    const hearer: Hearer = {
      subscribed: (cursor) => audit.subscribed(cursor),
      events: (events, cursor) => note(cursor, () => audit.events(events, cursor)),
      gap: (from, to, reason) => note(to, () => audit.gap(from, to, reason)),
      end: (cursor) => note(cursor, () => audit.end(cursor)),
      refused: (code) => this.#checker.fail("LIVE", `${transport} was refused with ${code}`),
    };
    read(client, channel, "latest", hearer);
    const losses: string[] = [];
    this.#clients.push({ name: transport, losses, client });
    client.on("state", ({ type }) => {
      if (type !== "live" && type !== "connecting") losses.push(type);
    });
  }

  #publish(url: string, options: ClientOptions): void {
    const client = connect(url, { transports: ["websocket"], timing, ...options });
    this.#clients.push({ name: "publisher", losses: [], client });
    const audit = this.#checker.publisher("publisher");
    const publish = async () => {
      for (let ref = 0; !this.#isOver; ref++) {
        this.#isIdle = this.#isPaused;
        await sleep(2);
        if (this.#isPaused) continue;
        this.#isIdle = false;
        const draft = { payload: { encoding: "json", text: `${ref}` }, id: `${ref}` } as const;
        audit.publish(ref, channel, [draft]);
        const result = await client.publish(channel, ref, { id: draft.id });
        const { cursor, ...rest } = result;
        this.#checker.appended(this.#truth, [draft], [{ ...rest, cursor: parseCursor(cursor) }]);
        audit.published(ref, [result]);
        this.#published++;
      }
      this.#isIdle = true;
    };
    void publish().catch((error: unknown) => {
      if (!this.#isOver) this.#checker.fail("ACK", `the publisher was refused: ${String(error)}`);
      this.#isIdle = true;
    });
  }

  /**
   * Lets the publisher pause once it has published some more, and fails unless all have everything, with nothing lost meanwhile.
   * `hadPlaces`: there was room for whoever comes anew.
   */
  async rest({ hadPlaces = true } = {}): Promise<void> {
    const before = this.#published;
    await until(() => this.#published > before || this.#checker.violations.length > 0);
    this.#isPaused = true;
    await until(() => this.#isIdle);
    const { head } = this.#truth;
    const areAtHead = () => this.#readers.every(({ reached }) => reached === head);
    await until(() => areAtHead() || this.#checker.violations.length > 0);
    for (const { untold } of this.#readers) for (const check of untold.splice(0)) check();
    this.#checker.checkFinal();
    assert.deepEqual(this.#checker.violations, []);
    const lost = this.#clients.flatMap(({ name, losses }) =>
      losses.splice(0).map((loss) => `${name}: ${loss}`),
    );
    // Who comes for each answer anew has no place to keep.
    const mourned = hadPlaces ? lost : lost.filter((loss) => !loss.startsWith("long-poll"));
    assert.deepEqual(mourned, [], "healthy clients lost their connection");
    assert.ok(this.#checker.readers.every(({ gaps }) => gaps === 0));
  }

  /** Leaves, whatever has happened. */
  leave(): void {
    this.#isOver = true;
    for (const { client } of this.#clients) client.close();
  }

  /** Goes on publishing. */
  work(): void {
    this.#isPaused = false;
  }
}
