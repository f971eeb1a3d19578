import { type Courier, LobbyExchange, type Neighbours } from "@holdfast/core/server";

const graceMs = 10_000;

/** One node among its neighbours. */
export interface Place extends Neighbours {
  /** The node is no more; its members have a moment to come back through another. */
  left(): void;
}

/** The nodes of this process behind one address: the members and signals of each are those of all. */
export class Neighbourhood {
  readonly #exchange = new LobbyExchange();
  #places = 0;

  enter(): Place {
    const exchange = this.#exchange;
    const node = `place-${++this.#places}`;
    let hear: Courier = () => {};
    // As over a network: whatever a node is told or answered comes later, each by itself, and in its order.
    const later = (act: () => void) => void setImmediate(act);
    return {
      join(courier) {
        hear = courier;
      },
      tell: (news) => later(() => exchange.hear(node, news, (from, told) => later(() => hear(from, told)))),
      members: (channel) =>
        new Promise((resolve) => {
          later(() => {
            const members = exchange.members(channel, node);
            later(() => resolve(members));
          });
        }),
      left() {
        hear = () => {};
        later(() => exchange.lost(node));
        setTimeout(() => exchange.forget(node), graceMs).unref();
      },
    };
  }
}
