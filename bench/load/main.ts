import { answerParent } from "../bed/operations.ts";
import { peerNamed } from "../peers/index.ts";
import { type Catch, type CrewSpec, ReaderCrew } from "./crew.ts";

let crew: ReaderCrew | undefined;

const operations = {
  /** Opens readers of a peer, and answers when all of them are live. */
  async open({ peer, ...spec }: CrewSpec & { readonly peer: string }): Promise<void> {
    crew = new ReaderCrew(peerNamed(peer).dialect, spec);
    await crew.open();
  },
  begin(): void {
    crew?.begin();
  },
  async finish(given: { readonly eventsPerChannel: number; readonly timeoutMs: number }): Promise<Catch> {
    if (crew === undefined) throw new Error("There are no readers.");
    return await crew.finish(given.eventsPerChannel, given.timeoutMs);
  },
  leave(): void {
    crew?.leave();
    crew = undefined;
  },
};

/** What a load generator can be asked to do. */
export type LoadOperations = typeof operations;

answerParent(operations);
