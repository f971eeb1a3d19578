import type { ChannelEvent, Gap } from "@holdfast/client";
import { showable } from "./terminal.ts";

/** How events are written. */
export interface LineFormat {
  readonly json: boolean;
  /** Whether a line says which channel it is of. */
  readonly named: boolean;
  /** Whether a terminal shows it, which would obey what a text says to it. */
  readonly terminal: boolean;
}

/** The line of an event. */
export function eventLine(event: ChannelEvent, { json, named, terminal }: LineFormat): string {
  const line = json
    ? JSON.stringify(toJson(event))
    : `${named ? `${event.channel}\t` : ""}${dataText(event)}`;
  return `${terminal ? showable(line) : line}\n`;
}

function toJson({ data, ...event }: ChannelEvent): object {
  const { channel, cursor, at, ...labels } = event;
  return { channel, cursor, at, data: data instanceof Uint8Array ? base64(data) : data, ...labels };
}

function dataText({ data, encoding }: ChannelEvent): string {
  if (data instanceof Uint8Array) return base64(data);
  return encoding === "text" ? String(data) : JSON.stringify(data);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** An event's data alone. */
export function rawData(event: ChannelEvent): string | Uint8Array {
  return event.data instanceof Uint8Array ? event.data : dataText(event);
}

const reasons: Readonly<Record<string, string>> = {
  expired: "retention has removed them",
  epoch: "the channel was lost or made anew, or never reached that far",
  slow: "this reader lagged more than the channel allows",
  limit: "a limit of the server has removed them",
};

/** A gap in words. */
export function gapSentence({ channel, from, to, reason }: Gap): string {
  return `events of ${channel} between ${from} and ${to} can no longer be had: ${reasons[reason] ?? reason}.`;
}
