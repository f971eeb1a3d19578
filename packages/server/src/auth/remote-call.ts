import { decodeUtf8, parseJson } from "@holdfast/protocol";

/** Where something is asked over HTTP, and within which bounds. */
export interface RemoteCall {
  readonly url: string;
  readonly deadlineMs: number;
  /** The longest answer that is read. */
  readonly bytesMax: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON by POST; without it the call is a GET. */
  readonly body?: unknown;
}

/** What a call was answered with; the JSON only where the status is 200. */
export interface RemoteAnswer {
  readonly status: number;
  readonly json: unknown;
}

/** A URL as a log may have it: its query may be secret. */
export function withoutQuery(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

/** Asks, and reads a JSON answer; rejects when that fails, takes too long, or is too long. Follows no redirect. */
export async function callRemote(call: RemoteCall): Promise<RemoteAnswer> {
  const { url, deadlineMs, bytesMax, headers, body } = call;
  const response = await fetch(url, {
    redirect: "error",
    signal: AbortSignal.timeout(deadlineMs),
    headers: {
      Accept: "application/json",
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    return { status: response.status, json: undefined };
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > bytesMax) throw new Error(`The answer has more than ${bytesMax} bytes.`);
    chunks.push(chunk);
  }
  return { status: 200, json: parseJson(decodeUtf8(Buffer.concat(chunks))) };
}
