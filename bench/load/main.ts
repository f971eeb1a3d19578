import { answerParent } from "../bed/operations.ts";
import { peerNamed } from "../peers/index.ts";
import type { PublishWay } from "../publish-way.ts";
import { type Catch, type CrewSpec, ReaderCrew } from "./crew.ts";
import { fleetOperations, leaveFleet } from "./fleet-operations.ts";
import { type Acknowledged, PublishingCrew, type PublishingSpec } from "./publishing-crew.ts";

let crew: ReaderCrew | undefined;
let publishers: PublishingCrew | undefined;

function theCrew(): ReaderCrew {
  if (crew === undefined) throw new Error("There are no readers.");
  return crew;
}

interface PublishersGiven extends PublishingSpec {
  readonly peer: string;
  readonly over: PublishWay["over"];
}

const operations = {
  /** Opens readers of a peer, and answers when all of them are live. */
  async open({ peer, ...spec }: CrewSpec & { readonly peer: string }): Promise<void> {
    crew = new ReaderCrew(peerNamed(peer).dialect, spec);
    await crew.open();
  },
  begin(): void {
    theCrew().begin();
  },
  async finish(given: { readonly eventsPerChannel: number; readonly timeoutMs: number }): Promise<Catch> {
    return await theCrew().finish(given.eventsPerChannel, given.timeoutMs);
  },
  async finishTogether(given: { readonly events: number; readonly timeoutMs: number }): Promise<Catch> {
    return await theCrew().finishTogether(given.events, given.timeoutMs);
  },
  /** Opens publishers of a peer, and answers when all of them are connected. */
  async openPublishers({ peer, over, ...spec }: PublishersGiven): Promise<void> {
    const way = peerNamed(peer).publishing?.find((one) => one.over === over);
    if (way === undefined) throw new Error(`${peer} does not publish over ${over}.`);
    publishers = new PublishingCrew(way, spec);
    await publishers.open();
  },
  async publish(given: { readonly durationMs: number }): Promise<Acknowledged> {
    if (publishers === undefined) throw new Error("There are no publishers.");
    return await publishers.publish(given.durationMs);
  },
  ...fleetOperations,
  leave(): void {
    leaveFleet();
    crew?.leave();
    publishers?.leave();
    crew = undefined;
    publishers = undefined;
  },
};

/** What a load generator can be asked to do. */
export type LoadOperations = typeof operations;

answerParent(operations);
