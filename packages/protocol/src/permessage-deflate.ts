const extension = "permessage-deflate";

/** What is agreed: each message stands alone, both ways, so that neither side keeps anything between two. */
const answer = `${extension}; server_no_context_takeover; client_no_context_takeover`;

/** The largest window, and the only one that bytes shared by many connections can be written for. */
const fullWindow = "15";

const windowBits = /^(?:[89]|1[0-5])$/;

/**
 * The `Sec-WebSocket-Extensions` that a server answers; undefined where it offers nothing that can be taken, and the
 * connection then goes on uncompressed. RFC 7692 §5, §7.1; rules ZIP-2, ZIP-3.
 */
export function acceptDeflate(offers: string | undefined): string | undefined {
  for (const offer of offers?.split(",") ?? []) {
    const accepted = acceptOffer(offer);
    if (accepted !== undefined) return accepted;
  }
  return undefined;
}

function acceptOffer(offer: string): string | undefined {
  // A quoted value may hold separators, but none that can be taken does.
  const [name, ...parameters] = offer.split(";").map((part) => part.trim());
  if (name !== extension) return undefined;
  const seen = new Set<string>();
  let accepted = answer;
  for (const parameter of parameters) {
    const [key = "", value] = splitParameter(parameter);
    if (seen.has(key)) return undefined;
    seen.add(key);
    if (!isTakeable(key, value)) return undefined;
    // Who names the window wants to be told that it was understood.
    if (key === "server_max_window_bits") accepted += `; ${key}=${fullWindow}`;
  }
  return accepted;
}

function splitParameter(text: string): [key: string, value: string | undefined] {
  const equals = text.indexOf("=");
  if (equals === -1) return [text, undefined];
  const value = text.slice(equals + 1).trim();
  return [text.slice(0, equals).trim(), /^"(.*)"$/.exec(value)?.[1] ?? value];
}

function isTakeable(key: string, value: string | undefined): boolean {
  switch (key) {
    case "server_no_context_takeover":
    case "client_no_context_takeover":
      return value === undefined;
    case "server_max_window_bits":
      return value === fullWindow;
    case "client_max_window_bits":
      return value === undefined || windowBits.test(value);
    default:
      return false;
  }
}
