import type { IncomingMessage } from "node:http";
import { HoldfastError } from "@holdfast/protocol";

/** What a request brought by which its sender may be known. */
export type Credential =
  | { readonly by: "header" | "cookie"; readonly token: string }
  | { readonly by: "none"; readonly token?: undefined };

const none: Credential = { by: "none" };
const bearer = /^Bearer +([^\s]+) *$/i;
const tokenInUrl = /[?&](?:access_)?token=/i;

/**
 * The credential of a request: the header of RFC 6750 §2.1, else the cookie where one is configured. Throws
 * `bad_parameter` for a token in the URL, and `unauthenticated` for cookies that contradict each other. Rules AUTH-2, AUTH-12.
 */
export function credentialOf(request: IncomingMessage, cookie: string | undefined): Credential {
  if (tokenInUrl.test(request.url ?? "")) {
    throw new HoldfastError(
      "bad_parameter",
      "A token does not belong into a URL, which logs and histories keep. Send it as Authorization: Bearer …, or trade it for a ticket (POST /tickets) and open the URL with ?ticket=….",
    );
  }
  const token = bearer.exec(request.headers.authorization ?? "")?.[1];
  if (token !== undefined) return { by: "header", token };
  const value = cookie === undefined ? undefined : cookieOf(request.headers.cookie ?? "", cookie);
  return value === undefined ? none : { by: "cookie", token: value };
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
