import type { Duplex } from "node:stream";

/** What a message is about: the log, the lobbies, or the worker itself. */
export type Topic = "log" | "lobby" | "worker";

export interface LineListener {
  /** A message has come: one line of text. */
  hear(topic: Topic, text: string): void;
  /** The line, which was full, has been taken. */
  drained(): void;
  /** The other end is gone. Called once. */
  ended(): void;
}

/** Beyond this many characters that the other end has not taken a line is full. */
const unsentMax = 8 * 1024 * 1024;

const newline = 0x0a;
const letters: Record<Topic, string> = { log: "l", lobby: "p", worker: "w" };
const topics = new Map(Object.entries(letters).map(([topic, letter]) => [letter, topic as Topic]));

/** Carries messages to another process and back: a line of text each, and one write for all of a tick. */
export class Line {
  readonly #stream: Duplex;
  readonly #listener: LineListener;
  #gathered = "";
  #immediate: NodeJS.Immediate | undefined;
  /** Pieces of a message whose end has not come. */
  #pieces: Buffer[] = [];
  #isOver = false;

  constructor(stream: Duplex, listener: LineListener) {
    this.#stream = stream;
    this.#listener = listener;
    stream.on("data", (chunk: Buffer) => this.#take(chunk));
    stream.on("drain", () => this.#listener.drained());
    const end = () => this.#end();
    // What breaks the stream is told by its close.
    stream.on("error", () => {});
    stream.on("end", end).on("close", end);
  }

  get isFull(): boolean {
    return this.#stream.writableLength + this.#gathered.length > unsentMax;
  }

  /** Sends text without line breaks at the end of this tick; on a line that is over it is dropped. */
  send(topic: Topic, text: string): void {
    this.#gathered += `${letters[topic]}${text}\n`;
    this.#immediate ??= setImmediate(() => this.#flush());
  }

  /** Sends what was gathered, and then ends. */
  close(): void {
    this.#flush();
    this.#stream.end();
  }

  #flush(): void {
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    const text = this.#gathered;
    this.#gathered = "";
    if (text !== "" && this.#stream.writable) this.#stream.write(text);
  }

  #take(chunk: Buffer): void {
    const last = chunk.lastIndexOf(newline);
    if (last === -1) {
      this.#pieces.push(chunk);
      return;
    }
    const whole = chunk.subarray(0, last);
    const text = this.#pieces.length === 0 ? whole : Buffer.concat([...this.#pieces, whole]);
    const rest = chunk.subarray(last + 1);
    this.#pieces = rest.length === 0 ? [] : [rest];
    for (const line of text.toString().split("\n")) {
      const topic = topics.get(line.charAt(0));
      if (topic !== undefined) this.#listener.hear(topic, line.slice(1));
    }
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.destroy();
    this.#listener.ended();
  }
}
