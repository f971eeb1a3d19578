import type { IncomingMessage } from "node:http";
import { HoldfastError } from "@holdfast/protocol";

/** By its default `node:http` leaves out the headers beyond this many, without a word: they would be missed by what they guard. */
const headersMax = 2000;

/**
 * Refuses a request that somebody before or behind us may take for another one, as smuggling needs it; throws `bad_request`
 * or `headers_too_large`. RFC 9112 §3.2, §6.1; rule HTTP-6.
 *
 * `node:http` refuses what is malformed. What is left is well formed, and read in more than one way.
 */
export function checkUnambiguous({ headers, httpVersion, rawHeaders }: IncomingMessage): void {
  // HTTP/2 has neither, and frames of its own.
  if (httpVersion.startsWith("2")) return;
  if (rawHeaders.length >= 2 * headersMax) {
    throw new HoldfastError("headers_too_large", `A request has fewer than ${headersMax} headers.`);
  }
  const coding = headers["transfer-encoding"];
  if (coding !== undefined && (httpVersion !== "1.1" || coding.toLowerCase() !== "chunked")) {
    throw new HoldfastError(
      "bad_request",
      "A body has a Content-Length here, or in HTTP/1.1 the one Transfer-Encoding: chunked.",
    );
  }
  const hosts = countHosts(rawHeaders);
  if (hosts > 1 || (hosts === 0 && httpVersion === "1.1")) {
    throw new HoldfastError("bad_request", `A request of HTTP/1.1 has one Host, not ${hosts}.`);
  }
}

/** `headers` has the first alone, which need not be the one that a proxy went by. */
function countHosts(rawHeaders: readonly string[]): number {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  return hosts;
}
