import { HoldfastError, type Payload, quoted } from "@holdfast/protocol";

const mediaType = /^([A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+)\s*(?:;(.*))?$/s;
const charsetParameter = /(?:^|;)\s*charset\s*=\s*"?([^\s;"]*)"?/i;

/** What the body of a publish is: one payload, or a batch of events. */
export type BodyKind = Payload["encoding"] | "batch";

/** Reads a `Content-Type`; throws `unsupported_media_type` without one. Rule POST-1. */
export function bodyKind(contentType: string | undefined): BodyKind {
  if (contentType === undefined) {
    throw new HoldfastError(
      "unsupported_media_type",
      "Say with Content-Type what the body is: application/json, text/plain, application/x-ndjson for a batch, or any other for bytes.",
    );
  }
  const [, name, parameters = ""] = mediaType.exec(contentType.trim()) ?? [];
  if (name === undefined) {
    throw new HoldfastError("unsupported_media_type", `${quoted(contentType)} is no media type.`);
  }
  const kind = kinds.get(name.toLowerCase()) ?? "base64";
  const charset = charsetParameter.exec(parameters)?.[1]?.toLowerCase() ?? "utf-8";
  if (kind !== "base64" && !utf8Names.has(charset)) {
    throw new HoldfastError(
      "unsupported_media_type",
      `Text and JSON are UTF-8 here, not ${quoted(charset)}; send other text as application/octet-stream.`,
    );
  }
  return kind;
}

const kinds: ReadonlyMap<string, BodyKind> = new Map([
  ["application/json", "json"],
  ["text/plain", "text"],
  ["application/x-ndjson", "batch"],
]);

/** ASCII is UTF-8 as well. */
const utf8Names = new Set(["utf-8", "utf8", "us-ascii", "ascii"]);
