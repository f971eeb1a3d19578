import { brokerConformance } from "@holdfast/testkit";
import { MemoryBroker } from "../memory.ts";
import { BrokerHost } from "./broker-host.ts";
import { decodeMessage, encodeMessage } from "./message-text.ts";
import type { BrokerDescription, Reply, Request } from "./messages.ts";
import { RemoteBroker } from "./remote-broker.ts";

/** How messages get from one end to the other: as clones of what was sent, or as text. */
interface Carriage {
  readonly isUntidy: boolean;
  pack(message: Request | Reply): unknown;
  unpack<Message extends Request | Reply>(packed: unknown): Message;
}

const clones: Carriage = { isUntidy: false, pack: (message) => message, unpack: (packed) => packed as never };
const text: Carriage = {
  isUntidy: false,
  pack: encodeMessage,
  unpack: (packed) => decodeMessage(packed as string),
};
const carriages = {
  "a channel that carries clones": clones,
  "a channel that carries text": text,
  "a channel that tells late, and twice": { ...text, isUntidy: true },
};

/** Notices come late, so that answers overtake them, and twice. */
function untidy(send: (reply: Reply) => void): (reply: Reply) => void {
  return (reply) => {
    if (reply.is === "answer" || reply.is === "refusal") return send(reply);
    setImmediate(() => {
      send(reply);
      setImmediate(() => send(reply));
    });
  };
}

/** A remote broker behind a real message channel. */
function connect(host: BrokerHost, description: BrokerDescription, { pack, unpack, isUntidy }: Carriage) {
  const { port1: near, port2: far } = new MessageChannel();
  const send = (reply: Reply) => far.postMessage(pack(reply));
  const guest = host.welcome({ isFull: false, send: isUntidy ? untidy(send) : send });
  far.onmessage = ({ data }) => guest.receive(unpack(data));
  const remote = new RemoteBroker({ ...description, send: (request) => near.postMessage(pack(request)) });
  near.onmessage = ({ data }) => remote.receive(unpack(data));
  return { remote, close: () => near.close() };
}

for (const [channel, carriage] of Object.entries(carriages)) {
  brokerConformance(`a memory broker at the other end of ${channel}`, async (retention) => {
    let now = 1_790_000_000_000;
    const clock = { now: () => now };
    const broker = new MemoryBroker({ clock, epochSeed: "k3v9x2", retention: () => retention });
    const host = new BrokerHost({ broker, schedule: () => setImmediate(() => host.flush()) });
    const one = connect(host, host.description, carriage);
    const other = connect(host, host.description, carriage);
    return {
      broker: one.remote,
      peer: other.remote,
      advance(ms) {
        now += ms;
      },
      async dispose() {
        one.close();
        other.close();
        await broker.stop();
      },
    };
  });
}
