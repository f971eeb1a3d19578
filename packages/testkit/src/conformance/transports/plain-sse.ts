import type { GapReason } from "@holdfast/protocol";
import { Raw } from "../../history/reader-audit.ts";
import { type Lane, PlainReader, plainLane, problemCode } from "./lane.ts";

/** One block of an event stream. */
interface Block {
  id: string | undefined;
  event: string;
  data: string[];
}

/** Reads an event stream as EventSource does, in a few lines of its own: WHATWG HTML §9.2.6, for streams that end lines with LF. */
class StreamReader extends PlainReader {
  #isOver = false;

  async turn(): Promise<"again" | "over"> {
    const { url, channel, after } = this.request;
    const response = await fetch(`${url}/channels/${channel}?after=${after}`, {
      signal: this.signal,
      headers: {
        Accept: "text/event-stream",
        ...(this.position === undefined ? {} : { "Last-Event-ID": this.position }),
      },
    });
    if (response.status === 204) return this.#endedMeanwhile();
    if (response.status !== 200 || response.body === null) {
      const code = await problemCode(response);
      if (code === undefined || response.status >= 500) throw new Error(`HTTP ${response.status}`);
      this.hearer.refused(code);
      return "over";
    }
    let rest = "";
    for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + piece).split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) this.#take(parseBlock(block));
    }
    if (this.#isOver) return "over";
    throw new Error("The stream ended.");
  }

  /** It was at the end already when it came back, and the end had not been read: an EventSource stops without it. */
  #endedMeanwhile(): "over" {
    if (this.position !== undefined) this.hearer.end(this.position);
    return "over";
  }

  #take({ id, event, data }: Block): void {
    if (id !== undefined && this.position === undefined) {
      this.position = id;
      this.hearer.subscribed(id);
      return;
    }
    if (event === "end") {
      this.#isOver = true;
      this.hearer.end((JSON.parse(data.join("\n")) as { cursor: string }).cursor);
      return;
    }
    if (id === undefined || id === this.position) return;
    this.position = id;
    if (event === "gap") {
      const { from, to, reason } = JSON.parse(data.join("\n")) as {
        from: string;
        to: string;
        reason: GapReason;
      };
      this.hearer.gap(from, to, reason);
    } else if (data.length === 0) {
      this.hearer.events([], id);
    } else {
      const type = event === "message" ? {} : { type: event };
      this.hearer.events([{ cursor: id, data: new Raw(data.join("\n")), ...type }], id);
    }
  }
}

function parseBlock(text: string): Block {
  const block: Block = { id: undefined, event: "message", data: [] };
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    const value = line.slice(colon + 1).replace(/^ /, "");
    const field = line.slice(0, colon);
    if (field === "id") block.id = value;
    else if (field === "event") block.event = value;
    else if (field === "data") block.data.push(value);
  }
  return block;
}

export const plainSse: Lane = plainLane("sse", StreamReader);
