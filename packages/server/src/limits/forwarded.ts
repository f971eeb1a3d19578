/** For whom proxies say that they speak, the nearest last: addresses without port, or whatever else was said. */
export function forwardedFor(header: "x-forwarded-for" | "forwarded", text: string): string[] {
  if (text.trim() === "") return [];
  const nodes =
    header === "forwarded"
      ? splitOutsideQuotes(text, ",").map(forOf)
      : text.split(",").map((one) => one.trim());
  return nodes.map(withoutPort);
}

/** The node of one element's `for`; empty where it has none. RFC 7239 §4. */
function forOf(element: string): string {
  for (const pair of splitOutsideQuotes(element, ";")) {
    const split = pair.indexOf("=");
    if (split === -1 || pair.slice(0, split).trim().toLowerCase() !== "for") continue;
    const value = pair.slice(split + 1).trim();
    return value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value;
  }
  return "";
}

/** Splits where a separator stands outside of a quoted string. RFC 9110 §5.6.4. */
function splitOutsideQuotes(text: string, separator: string): string[] {
  const parts: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (isQuoted && char === "\\") at++;
    else if (char === '"') isQuoted = !isQuoted;
    else if (char === separator && !isQuoted) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

/** `192.0.2.1:80`, `[2001:db8::1]:80` and `[2001:db8::1]` without what is not the address. */
function withoutPort(node: string): string {
  const bracketed = /^\[([^\]]*)\](?::\w+)?$/.exec(node)?.[1];
  if (bracketed !== undefined) return bracketed;
  return /^([^:]*):\w+$/.exec(node)?.[1] ?? node;
}
