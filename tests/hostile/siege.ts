import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setDefaultCACertificates } from "node:tls";
import type { ClientOptions } from "@holdfast/client";
import type { HoldfastOptions } from "@holdfast/server";
import { generate } from "selfsigned";
import { Crowd, crowdReaders } from "./crowd.ts";
import type { Bed, Held } from "./setting.ts";
import { smallLimits, soon, Target } from "./target.ts";
import { Wire } from "./wire.ts";

/** Who throws one attack. What it opened is gone when it is over. */
export class Attacker {
  readonly target: Target;
  /** A channel that nobody else uses. */
  readonly channel: string;
  readonly #wires: Wire[] = [];

  constructor(target: Target, channel: string) {
    this.target = target;
    this.channel = channel;
  }

  /** Opens a connection, over TLS where the target speaks it. */
  wire(options: { protocol?: string } = {}): Wire {
    const wire = new Wire(this.target.url, options);
    this.#wires.push(wire);
    return wire;
  }

  leave(): void {
    for (const { socket } of this.#wires) socket.destroy();
  }
}

export interface Attack {
  /** What is done, as the end of "withstands …". */
  readonly name: string;
  /** Whoever comes anew meanwhile finds no room, be he healthy or not. */
  readonly takesAllPlaces?: boolean;
  /** Throws unless it ends as it must. */
  run(attacker: Attacker): Promise<void>;
}

/** What a few attacks may leave in pools and caches; one that holds what it was sent leaves more. */
const heapSlackBytes = 24 * 1024 * 1024;

/** A server with clients that use it, to be attacked. */
export class Siege {
  readonly target: Target;
  readonly #crowd: Crowd;
  readonly #before: Held;
  #heapBytes: number;
  #attacks = 0;

  private constructor(target: Target, crowd: Crowd, before: Held, heapBytes: number) {
    this.target = target;
    this.#crowd = crowd;
    this.#before = before;
    this.#heapBytes = heapBytes;
  }

  static async lay(
    t: TestContext,
    bed: Bed,
    options: HoldfastOptions = {},
    client: ClientOptions = {},
  ): Promise<Siege> {
    const certificate = bed === "secure" ? await certify() : {};
    const limits = { ...smallLimits, ...options.limits };
    const target = await Target.start({ bed, options: { ...options, limits }, ...certificate });
    let crowd: Crowd | undefined;
    t.after(async () => {
      crowd?.leave();
      await target.stop();
    });
    crowd = await Crowd.gather(target, client);
    let before = await target.held();
    await soon("all readers at rest", async () => {
      before = await target.held();
      return before.readers === crowdReaders && before.sessions === crowdReaders;
    });
    return new Siege(target, crowd, before, await target.heapBytes());
  }

  /** Throws an attack; fails unless it ends as it must. */
  async throws(attack: Attack): Promise<void> {
    const attacker = new Attacker(this.target, `attacked-${this.#attacks++}`);
    this.#crowd.work();
    try {
      await attack.run(attacker);
    } finally {
      attacker.leave();
    }
  }

  /** Fails unless everybody is unharmed, and the server holds what it held before it was attacked. */
  async stands({ takesAllPlaces = false }: Partial<Attack> = {}): Promise<void> {
    await this.target.isUnharmed();
    await this.#crowd.rest({ hadPlaces: !takesAllPlaces });
    const before = this.#before;
    let now = before;
    const isAsBefore = async () => {
      now = await this.target.held();
      // A healthy client may have let go of one that it had kept for later.
      now = { ...now, connections: Math.max(now.connections, before.connections) };
      return JSON.stringify(now) === JSON.stringify(before);
    };
    await soon("everything as before", isAsBefore).catch(() => assert.deepEqual(now, before));
  }

  /** What is in memory now is what may be there. */
  async settle(): Promise<void> {
    this.#heapBytes = await this.target.heapBytes();
  }

  /** Fails when all of it has left more in memory than it may. */
  async isForgotten(mayKeepBytes: number): Promise<void> {
    const grown = (await this.target.heapBytes()) - this.#heapBytes;
    assert.ok(grown < mayKeepBytes, `${grown} bytes more are in use than before`);
  }
}

async function certify(): Promise<{ cert: string; key: string }> {
  const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
    keySize: 2048,
    extensions: [
      { name: "basicConstraints", cA: true },
      { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] },
    ],
  });
  setDefaultCACertificates([cert]);
  return { cert, key };
}

/**
 * Tries all attacks on one server, each a test of its own. After each the server is as it was before; where they are short, so
 * many as `atOnce` says are thrown before that is looked at.
 */
export async function besiege(
  t: TestContext,
  siege: Siege,
  attacks: readonly Attack[],
  { atOnce = 1, mayKeepBytes = heapSlackBytes } = {},
): Promise<void> {
  for (let first = 0; first < attacks.length; first += atOnce) {
    const volley = attacks.slice(first, first + atOnce);
    await Promise.all(
      volley.map((attack) =>
        t.test(attack.name, async () => {
          await siege.throws(attack);
          if (atOnce === 1) await siege.stands(attack);
        }),
      ),
    );
    if (atOnce > 1) await siege.stands();
  }
  await siege.isForgotten(mayKeepBytes);
}
