import { type ClientOptions, connect } from "@holdfast/client";
import { msgpack } from "@holdfast/client/msgpack";
import {
  type Following,
  type LogObserver,
  MemoryBroker,
  type MemoryBrokerOptions,
} from "@holdfast/core/broker";
import { createHoldfast, type HoldfastOptions } from "@holdfast/server";
import {
  conformanceNamespaces,
  conformancePrincipal,
  type Hearer,
  type TransportsUnderTest,
} from "@holdfast/testkit";

/** Short, so that nobody waits for a test; the proportions are those of the defaults. */
export const timing: NonNullable<ClientOptions["timing"]> = {
  firstByteTimeoutMs: 2000,
  backoffBaseMs: 20,
  backoffCapMs: 200,
  stableMs: 1000,
  climbMinMs: 100,
  climbMaxMs: 400,
  rememberMs: 300,
  lingerMs: 50,
};

/** A broker whose notices are lost while its node is deaf, as by an engine that has gone half dead. */
export class HalfDeaf extends MemoryBroker {
  readonly #isDeaf: () => boolean;

  constructor(options: MemoryBrokerOptions, isDeaf: () => boolean) {
    super(options);
    this.#isDeaf = isDeaf;
  }

  override follow(channel: string, observer: LogObserver): Promise<Following> {
    return super.follow(channel, {
      appended: (batch) => {
        if (!this.#isDeaf()) observer.appended(batch);
      },
      closed: () => observer.closed(),
      disturbed: () => observer.disturbed(),
    });
  }
}

/** The seed of a memory broker's epochs. */
export function drawSeed(): string {
  return Math.random().toString(36).slice(2, 8).padEnd(6, "0");
}

/** Our server and our client, as the transport suite tries them; `options` are for the server. */
export function transportsUnderTest(options: HoldfastOptions = {}): TransportsUnderTest {
  return {
    async start({ heartbeatMs, tokens = false }) {
      let isDeaf = false;
      const holdfast = createHoldfast({
        ...options,
        ...(tokens ? { authenticate: conformancePrincipal, authorize: () => true } : {}),
        logger: () => {},
        namespaces: conformanceNamespaces,
        limits: { ...options.limits, heartbeatMs },
        broker: ({ clock, retention }) =>
          new HalfDeaf({ clock, retention, epochSeed: drawSeed() }, () => isDeaf),
      });
      const { url } = await holdfast.listen({ port: 0 });
      return {
        url,
        stop: () => holdfast.close({ spreadMs: 0, deadlineMs: 1000 }),
        unsentBytes: () => holdfast.stats().unsentBytes,
        sessions: () => holdfast.stats().sessions,
        deafen: (is) => {
          isDeaf = is;
        },
      };
    },

    connect(url, transports, form, token) {
      const credential = token === undefined ? {} : { token };
      const codec = form === "msgpack" ? { codec: msgpack } : {};
      const client = connect(url, { transports, toleranceMs: 25, timing, ...codec, ...credential });
      return {
        read: (channel, after, hearer) => read(client, channel, after, hearer),
        publish: async (channel, { payload, ...labels }) => {
          const data = payload.encoding === "json" ? JSON.parse(payload.text) : null;
          return await client.publish(channel, data, labels);
        },
        get transport() {
          return client.transport;
        },
        onTransport: (listener) => void client.on("transport", listener),
        close: () => client.close(),
      };
    },
  };
}

/** Reads a channel, and tells what the application is told, in its order. */
export function read(
  client: ReturnType<typeof connect>,
  channel: string,
  after: string,
  hearer: Hearer,
): void {
  // The application may be given events in the turn in which `ready` resolves, before whoever waits for that goes on.
  let early: (() => void)[] | undefined = [];
  const tell = (what: () => void) => {
    if (early === undefined) what();
    else early.push(what);
  };
  const subscription = client.subscribe(channel, {
    after,
    onEvent: ({ channel: _, cursor, ...event }) => tell(() => hearer.events([{ cursor, ...event }], cursor)),
    onGap: ({ from, to, reason }) => tell(() => hearer.gap(from, to, reason)),
    onEnd: ({ cursor }) => tell(() => hearer.end(cursor)),
    onError: (error) => tell(() => hearer.refused("code" in error ? String(error.code) : error.message)),
  });
  subscription.ready.then(
    ({ cursor }) => {
      hearer.subscribed(cursor);
      for (const what of early ?? []) what();
      early = undefined;
    },
    () => {
      for (const what of early ?? []) what();
      early = undefined;
    },
  );
}
