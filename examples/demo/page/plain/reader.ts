/** What a channel says on its URL, to whoever reads it there. */
export interface Said {
  readonly cursor: string;
  /** As it came. */
  readonly text: string;
}

/** Told what comes of a stream. */
export interface Reader {
  said(said: Said): void;
  /** It is over for good; another one takes another ticket. */
  ended(): void;
}
