import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { SseParser } from "@holdfast/protocol";
import type { TransportName } from "./lane.ts";

/** How a node refuses: by the status of a problem document, or by the close code of a WebSocket. Rule ERR-1. */
export type Refusal =
  | { readonly by: "status"; readonly status: number; readonly code: string; readonly retry: string }
  | { readonly by: "close"; readonly closeCode: number; readonly code: string };

// biome-ignore lint/suspicious/noExplicitAny: a test looks into messages of every shape.
export type Message = any;

/** What came of asking: a refusal of the whole, or messages until the asker had enough. */
export type Outcome = { readonly refusal: Refusal } | { readonly messages: readonly Message[] };

async function toRefusal(response: Response): Promise<Refusal> {
  const { code, retry } = (await response.json()) as { code: string; retry: string };
  return { by: "status", status: response.status, code, retry };
}

/** Asks the plain face for something that it refuses. */
export async function refusedPlain(url: string, transport: TransportName): Promise<Refusal> {
  if (transport === "websocket") {
    const outcome = await askSocket(url, [], () => false);
    if ("refusal" in outcome) return outcome.refusal;
    throw new Error(`${url} was not refused`);
  }
  const accept = transport === "sse" ? "text/event-stream" : "application/json";
  const response = await fetch(url, { headers: { Accept: accept } });
  if (response.ok) throw new Error(`${url} was not refused`);
  return await toRefusal(response);
}

/** Says something first on `/connect`, and takes what comes until it is enough. */
export async function askSession(
  url: string,
  transport: TransportName,
  texts: readonly (string | Uint8Array)[],
  isEnough: (messages: readonly Message[]) => boolean,
): Promise<Outcome> {
  if (transport === "websocket") return await askSocket(`${url}/connect`, texts, isEnough);
  const [body = ""] = texts;
  const response = await fetch(`${url}/connect${transport === "long-poll" ? "?wait=1" : ""}`, {
    method: "POST",
    headers: {
      Accept: transport === "sse" ? "text/event-stream" : "application/json",
      "Content-Type": "application/json",
    },
    body: typeof body === "string" ? body : new Uint8Array(body),
  });
  if (response.status !== 200 || response.body === null) return { refusal: await toRefusal(response) };
  if (transport !== "sse") return (await response.json()) as { messages: Message[] };
  const messages: Message[] = [];
  const parser = new SseParser(({ data }) => messages.push(JSON.parse(data)));
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    parser.push(piece);
    if (isEnough(messages)) break;
  }
  return { messages };
}

/** A WebSocket by hand: only so can both a refused upgrade and a close frame be seen. */
async function askSocket(
  url: string,
  texts: readonly (string | Uint8Array)[],
  isEnough: (messages: readonly Message[]) => boolean,
): Promise<Outcome> {
  const outgoing = httpRequest(url, {
    agent: false,
    headers: {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });
  outgoing.end();
  const upgraded = new Promise<[IncomingMessage, Socket, Buffer]>((resolve) => {
    outgoing.once("upgrade", (response, socket, head) => resolve([response, socket as Socket, head]));
  });
  const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
  const [response, socket, head] = await Promise.race([upgraded, answered]);
  if (socket === undefined) {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    const { code, retry } = JSON.parse(Buffer.concat(chunks).toString()) as { code: string; retry: string };
    return { refusal: { by: "status", status: response.statusCode ?? 0, code, retry } };
  }
  answered.catch(() => {});
  for (const text of texts) socket.write(maskedFrame(text));
  try {
    return await readSocket(socket, head ?? Buffer.alloc(0), isEnough);
  } finally {
    socket.destroy();
  }
}

async function readSocket(
  socket: Socket,
  head: Buffer,
  isEnough: (messages: readonly Message[]) => boolean,
): Promise<Outcome> {
  const messages: Message[] = [];
  let bytes = head;
  for (;;) {
    for (let frame = takeFrame(bytes); frame !== undefined; frame = takeFrame(bytes)) {
      bytes = bytes.subarray(frame.length);
      if (frame.opcode === 8) {
        const code = frame.payload.toString("utf8", 2);
        return { refusal: { by: "close", closeCode: frame.payload.readUInt16BE(0), code } };
      }
      if (frame.opcode === 1) messages.push(JSON.parse(frame.payload.toString()));
      if (isEnough(messages)) return { messages };
    }
    const [chunk] = (await once(socket, "data")) as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
  }
}

/** The first frame of a server, if it has come whole. RFC 6455 §5.2. */
function takeFrame(bytes: Buffer): { opcode: number; payload: Buffer; length: number } | undefined {
  if (bytes.length < 4) return undefined;
  const short = bytes.readUInt8(1) & 0x7f;
  const header = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < header) return undefined;
  const size =
    short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (bytes.length < header + size) return undefined;
  const payload = bytes.subarray(header, header + size);
  return { opcode: bytes.readUInt8(0) & 0x0f, payload, length: header + size };
}

/** A frame as clients must send it, with a mask that changes nothing. */
function maskedFrame(content: string | Uint8Array): Buffer {
  const payload = Buffer.from(content as string);
  const opcode = typeof content === "string" ? 0x81 : 0x82;
  const size =
    payload.length < 126
      ? Buffer.of(opcode, 0x80 | payload.length)
      : Buffer.from([opcode, 0x80 | 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([size, Buffer.alloc(4), payload]);
}
