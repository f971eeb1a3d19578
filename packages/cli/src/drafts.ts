import {
  type Draft,
  isRecord,
  jsonPayload,
  parseDraftText,
  parseJson,
  textPayload,
} from "@holdfast/protocol";

/** What a text stands for: a payload of JSON, a payload of text, or an event in JSON. */
export type Kind = "json" | "text" | "event";

/** What flags say of every event. */
export interface Labels {
  readonly type?: string;
  readonly key?: string;
  readonly id?: string;
}

/**
 * Reads what is to be published. What an event says of itself is stronger than the labels.
 *
 * Throws `bad_json`, `bad_event` or `bad_utf8`; answers `undefined` for a blank line, and for what `subscribe --json`
 * writes beside events.
 */
export function readDraft(text: string, kind: Kind, labels: Labels): Draft | undefined {
  if (kind === "text") return { ...labels, payload: textPayload(text) };
  if (text.trim() === "") return undefined;
  if (kind === "json") return { ...labels, payload: jsonPayload(text) };
  return isRemark(text) ? undefined : { ...labels, ...parseDraftText(text) };
}

function isRemark(text: string): boolean {
  if (!/^\s*\{\s*"(gap|end)"/.test(text)) return false;
  const json = parseJson(text);
  return isRecord(json) && !("data" in json) && (isRecord(json["gap"]) || isRecord(json["end"]));
}
