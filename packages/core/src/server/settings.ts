import { defaultRetention, type Retention } from "../broker/port.ts";

/** `every` event in order, or the `latest` of each key for a reader that lags. Rules MODE-1, MODE-2. */
export type Mode = "every" | "latest";

/** What a namespace decides for its channels. */
export interface NamespaceSettings {
  readonly mode: Mode;
  /**
   * How far a reader may lag before it is sent to the head with a gap `slow`, in offsets; 0 has no such bound. In mode
   * `latest` nobody lags that far: a reader skips to the newest event of each key.
   */
  readonly maxLag: number;
  readonly retention: Retention;
  /** Recent events that each node keeps encoded. */
  readonly tailEventsMax: number;
  readonly tailBytesMax: number;
  /** Events that clients may publish to one channel in a second, 0 without bound; the node's own setting unless given. */
  readonly publishesPerSecond?: number;
}

export const defaultNamespace: NamespaceSettings = {
  mode: "every",
  maxLag: 0,
  retention: defaultRetention,
  tailEventsMax: 1000,
  tailBytesMax: 4 * 1024 * 1024,
};
