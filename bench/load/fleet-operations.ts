import { peerNamed } from "../peers/index.ts";
import { Fleet, type FleetSpec, type Haul, type Weather } from "./fleet.ts";

let fleet: Fleet | undefined;

function theFleet(): Fleet {
  if (fleet === undefined) throw new Error("There is no fleet.");
  return fleet;
}

/** What a load generator can be asked to do with clients that outlive their connections. */
export const fleetOperations = {
  makeFleet({ peer, ...spec }: FleetSpec & { readonly peer: string }): void {
    fleet?.leave();
    fleet = new Fleet(peerNamed(peer).dialect, spec);
  },
  /** Grows to so many clients and connects those that are not; answers when the last of them was live, by `nowUs`. */
  async connect(given: { readonly clients: number }): Promise<number> {
    return await theFleet().connect(given.clients);
  },
  cutAll(): void {
    theFleet().cutAll();
  },
  stallAll(): void {
    theFleet().stallAll();
  },
  roam(weather: Weather): void {
    theFleet().roam(weather);
  },
  async settle(): Promise<void> {
    await theFleet().settle();
  },
  async awaitEvent(given: { readonly sequence: number; readonly timeoutMs: number }): Promise<void> {
    await theFleet().awaitEvent(given);
  },
  beginHaul(): void {
    theFleet().begin();
  },
  haul(): Haul {
    return theFleet().haul();
  },
};

export function leaveFleet(): void {
  fleet?.leave();
  fleet = undefined;
}
