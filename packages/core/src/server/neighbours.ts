import type { Member } from "@holdfast/protocol";
import type { Sender } from "./lobby.ts";

/** What a node tells those that serve the same channels beside it, of what is in no log. */
export type LobbyNews =
  /** Here one listens from now on; what is known of the channel is to be told. */
  | { readonly is: "open" | "shut"; readonly channel: string }
  | {
      readonly is: "signal";
      readonly channel: string;
      readonly key: string;
      readonly data: unknown;
      readonly sender: Sender;
    }
  /** A member is here, or is new in some way; `isAway` while it is here by its grace alone. */
  | { readonly is: "member"; readonly channel: string; readonly member: Member; readonly isAway: boolean }
  | { readonly is: "left"; readonly channel: string; readonly instance: string };

/** The other nodes behind the same address: clients of theirs are company as well. What one tells, all hear in its order. */
export interface Neighbours {
  /** Begins to listen; called once. `from` names the node that tells. */
  join(hear: (from: string, news: LobbyNews) => void): void;
  tell(news: LobbyNews): void;
  /** Who is in a channel through the others. */
  members(channel: string): Promise<readonly Member[]>;
}
