import type { Needs, TransportMemory } from "./ladder.ts";
import type { Timing } from "./timing.ts";

export interface ConnectionOptions extends Needs {
  /** 8 to 64 of A-Z a-z 0-9 _ -, drawn by the shell, the same as long as this connection lives. */
  readonly instance: string;
  /** Whether nobody is to be asked for a token. */
  readonly anonymous: boolean;
  /** Yields numbers from 0 up to, but not including, 1. */
  readonly random: () => number;
  readonly memory?: TransportMemory;
  readonly client?: { readonly name: string; readonly version: string };
  readonly timing?: Partial<Timing>;
  /**
   * Where so many events of one channel still await their application when more come, the channel is parked; 1,000. What is
   * on its way by then is kept up to 16 times as many, and 8 MiB; what comes after that is dropped, and read again.
   */
  readonly bufferedEventsMax?: number;
  /** Publishes that may await their answer; 1,000. */
  readonly pendingPublishesMax?: number;
}
