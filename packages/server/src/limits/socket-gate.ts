import type { Socket } from "node:net";
import { HoldfastError } from "@holdfast/protocol";
import { type Room, surplusOf } from "../files.ts";
import type { Node } from "../node.ts";
import { Counts } from "./counts.ts";

/**
 * The sockets of one listener, and who of them is one too many. What is refused here costs no parser and no handshake, or is told why by
 * an answer to its first request; beyond a tenth more than may be here not even that, and the socket is cut. Rules BND-2, LIM-9, LIM-10.
 */
export class SocketGate {
  readonly #node: Node;
  readonly #room: Room;
  readonly #isSecure: boolean;
  /** With the address under which each is counted. */
  readonly #sockets = new Map<Socket, string | undefined>();
  readonly #byAddress = new Counts();

  constructor(node: Node, room: Room, isSecure: boolean) {
    this.#node = node;
    this.#room = room;
    this.#isSecure = isSecure;
  }

  get sockets(): Iterable<Socket> {
    return this.#sockets.keys();
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Takes a socket, or cuts it and returns false. */
  take(socket: Socket): boolean {
    const address = this.#node.proxies.countedPeer(socket.remoteAddress);
    if (this.#isBeyondTelling(address)) {
      socket.resetAndDestroy();
      return false;
    }
    this.#sockets.set(socket, address);
    if (address !== undefined) this.#byAddress.add(address);
    this.#node.connections++;
    return true;
  }

  /** Counts what is beyond a limit, and says whether it is so far beyond that nobody is told any more. */
  #isBeyondTelling(address: string | undefined): boolean {
    const { node, room } = { node: this.#node, room: this.#room };
    const { size } = this.#sockets;
    if (size >= room.served) {
      node.refusals.add(room, node.clock.now());
      node.meters.refused("connectionsMax");
    }
    if (size >= room.told) return true;
    const { connectionsPerAddressMax: most } = node.limits;
    if (address === undefined || most === 0) return false;
    const count = this.#byAddress.of(address);
    if (count >= most) node.meters.refused("connectionsPerAddressMax");
    return count >= most + surplusOf(most);
  }

  forget(socket: Socket): void {
    const address = this.#sockets.get(socket);
    if (!this.#sockets.delete(socket)) return;
    if (address !== undefined) this.#byAddress.remove(address);
    this.#node.connections--;
  }

  /** Why a connection that was taken is one too many, if it is. */
  refusalOf(remoteAddress: string | undefined): HoldfastError | undefined {
    const { served, because } = this.#room;
    if (this.#sockets.size > served) {
      const detail = `This node takes at most ${served} connections (${because}).`;
      return new HoldfastError("overloaded", detail, { limit: "connectionsMax" });
    }
    const { connectionsPerAddressMax: most } = this.#node.limits;
    const address = this.#node.proxies.countedPeer(remoteAddress);
    if (address === undefined || most === 0 || this.#byAddress.of(address) <= most) return undefined;
    return new HoldfastError(
      "too_many_connections",
      `${address} may have at most ${most} connections here (connectionsPerAddressMax). If that is a proxy, name it in "trustedProxies".`,
      { limit: "connectionsPerAddressMax" },
    );
  }

  /** The same for how fast connections come: asked once for each. Where TLS is spoken its handshake is what costs, so nobody is told. */
  paceOf(socket: Socket): HoldfastError | "cut" | undefined {
    const { admission, limits, meters } = this.#node;
    const waitMs = admission.connectionWait(this.#sockets.get(socket));
    if (waitMs === 0) return undefined;
    meters.refused("handshakesPerAddressPerSecond");
    if (this.#isSecure) return "cut";
    return new HoldfastError(
      "rate_limited",
      `One address may connect ${limits.handshakesPerAddressPerSecond} times a second (handshakesPerAddressPerSecond). Keep connections open.`,
      { limit: "handshakesPerAddressPerSecond", retryAfterMs: waitMs },
    );
  }
}
