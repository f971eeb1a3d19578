/** What stands between the last `marker` in a message and the next quotation mark; undefined when there is no such. */
export function textAfter(message: Buffer, marker: string): string | undefined {
  const found = message.lastIndexOf(marker, message.length, "latin1");
  if (found < 0) return undefined;
  const from = found + marker.length;
  const end = message.indexOf('"', from, "latin1");
  return end < 0 ? undefined : message.toString("latin1", from, end);
}
