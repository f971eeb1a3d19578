import type { IncomingMessage } from "node:http";
import { HoldfastError } from "@holdfast/protocol";
import { splitQuery } from "../parameters.ts";

/** What a request brought by which its sender may be known. */
export type Credential =
  | { readonly by: "header" | "cookie"; readonly token: string }
  | { readonly by: "ticket"; readonly ticket: string; readonly token?: undefined }
  | { readonly by: "none"; readonly token?: undefined };

const none: Credential = { by: "none" };
const bearer = /^Bearer +([^\s]+) *$/i;
const bearerScheme = /^Bearer\b/i;
const tokenInUrl = /[?&](?:access_)?token=/i;

/**
 * The credential of a request: a ticket in its URL or the header of RFC 6750 §2.1, else the cookie where one is configured.
 * Throws `bad_parameter` for a token in the URL and for both a ticket and a token, and `unauthenticated` for cookies that
 * contradict each other. Rules AUTH-2, AUTH-12, TICK-4.
 */
export function credentialOf(request: IncomingMessage, cookie: string | undefined): Credential {
  if (tokenInUrl.test(request.url ?? "")) {
    throw new HoldfastError(
      "bad_parameter",
      "A token does not belong into a URL, which logs and histories keep. Send it as Authorization: Bearer …, or trade it for a ticket (POST /tickets) and open the URL with ?ticket=….",
    );
  }
  const ticket = ticketOf(request);
  const token = bearerOf(request.headers.authorization ?? "");
  if (token !== undefined && ticket !== undefined) {
    throw new HoldfastError("bad_parameter", "A ticket takes the place of a token: send one of them.");
  }
  if (ticket !== undefined) return { by: "ticket", ticket };
  if (token !== undefined) return { by: "header", token };
  const value = cookie === undefined ? undefined : cookieOf(request.headers.cookie ?? "", cookie);
  return value === undefined ? none : { by: "cookie", token: value };
}

/**
 * The bearer token of a header; throws `unauthenticated` for one that holds none, since whoever sends it means to be
 * somebody. Other schemes are for others, such as a proxy in front.
 */
function bearerOf(header: string): string | undefined {
  if (!bearerScheme.test(header)) return undefined;
  const token = bearer.exec(header)?.[1];
  if (token !== undefined) return token;
  throw new HoldfastError("unauthenticated", "Authorization must be Bearer, a space and one token.");
}

/** The ticket that stands in the URL of a request; throws `bad_parameter` for several. */
function ticketOf({ url = "/" }: IncomingMessage): string | undefined {
  const split = url.indexOf("?");
  if (split === -1 || !url.includes("ticket=", split)) return undefined;
  const pairs = splitQuery(url.slice(split + 1));
  const [ticket, ...others] = pairs.flatMap(([name, value]) => (name === "ticket" ? [value] : []));
  if (others.length > 0) throw new HoldfastError("bad_parameter", '"ticket" is given more than once.');
  return ticket;
}

/** The value of a cookie. RFC 6265 §4.2. */
function cookieOf(header: string, name: string): string | undefined {
  let found: string | undefined;
  for (const pair of header.split(";")) {
    const split = pair.indexOf("=");
    if (split === -1 || pair.slice(0, split).trim() !== name) continue;
    const value = pair.slice(split + 1).trim();
    const bare = /^"(.*)"$/.exec(value)?.[1] ?? value;
    // A neighbouring host can add one of its own, and even have it come first.
    if (found !== undefined && found !== bare) {
      throw new HoldfastError("unauthenticated", `There are several cookies "${name}", and they differ.`);
    }
    found = bare;
  }
  return found === "" ? undefined : found;
}
