import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type Client, connect, type PublishResult } from "@holdfast/client";
import {
  checkLabels,
  decodePayload,
  HoldfastError,
  type Payload,
  parseChannelName,
  parseCursor,
  quoted,
} from "@holdfast/protocol";
import { codecOptions, Mistakes, readClientSettings, readCount } from "./client-plan.ts";
import type { Labels } from "./drafts.ts";
import { exitCodes, Failure } from "./exit-codes.ts";
import { Interruption } from "./interruption.ts";
import { LinePublisher, toPublication } from "./line-publisher.ts";
import { lineBytesMax } from "./lines.ts";
import { stdout } from "./output.ts";
import { checkReachable } from "./reachable.ts";
import { clientSettings } from "./settings.ts";
import { systemReason } from "./system-errors.ts";

/** What `publish` was called with. */
export interface PublishFlags extends Labels, Readonly<Record<string, unknown>> {
  readonly text?: boolean;
  readonly bytes?: boolean;
  readonly events?: boolean;
  readonly file?: string;
  readonly ifMatch?: string;
  readonly timeout?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

interface Asked {
  readonly flags: PublishFlags;
  readonly interruption: Interruption;
}

const defaultTimeoutSeconds = 30;

/** Publishes what the command line says; throws a `Failure`. */
export async function publish(channel: string, data: string | undefined, flags: PublishFlags): Promise<void> {
  const mistakes = new Mistakes();
  const labels = labelsOf(flags);
  mistakes.catching(() => parseChannelName(channel));
  mistakes.catching(() => checkLabels(labels));
  if (flags.ifMatch !== undefined) mistakes.catching(() => parseCursor(flags.ifMatch));
  checkSource(data, flags, mistakes);
  const {
    url = "http://127.0.0.1:7070",
    token,
    codec = "json",
  } = await readClientSettings(clientSettings, flags, mistakes);
  const seconds = readCount("--timeout", flags.timeout, mistakes) ?? defaultTimeoutSeconds;
  const payload = data === "-" ? undefined : await readPayload(data, flags, mistakes);
  mistakes.settle();
  const interruption = new Interruption();
  await checkReachable(url, interruption);
  const client = connect(url, {
    ...(token === undefined ? {} : { token }),
    timing: { publishTimeoutMs: seconds * 1000 },
    ...codecOptions(codec),
  });
  try {
    if (payload === undefined) await publishLines(client, channel, { flags, interruption });
    else await publishOne(client, channel, payload, { flags, interruption });
  } finally {
    client.close();
  }
}

function labelsOf({ type, key, id }: PublishFlags): Labels {
  return {
    ...(type === undefined ? {} : { type }),
    ...(key === undefined ? {} : { key }),
    ...(id === undefined ? {} : { id }),
  };
}

/** Checks that there is one source of data, and one way to read it. */
function checkSource(data: string | undefined, flags: PublishFlags, mistakes: Mistakes): void {
  const { text, bytes, events, file, ifMatch } = flags;
  const kinds = [text && "--text", bytes && "--bytes", events && "--events"].filter((flag) => flag);
  if (kinds.length > 1) mistakes.add(`${kinds.join(" and ")} exclude each other; give one.`);
  if (data === undefined && file === undefined) {
    mistakes.add("There is nothing to publish: give DATA, or - for one event a line on stdin, or --file.");
  }
  if (data !== undefined && file !== undefined) mistakes.add("DATA and --file exclude each other; give one.");
  if (bytes && file === undefined) mistakes.add("--bytes needs --file, which may be - for stdin.");
  if (events && data !== "-") mistakes.add("--events needs - as DATA: it says what each line of stdin is.");
  if (ifMatch !== undefined && data === "-") {
    mistakes.add("--if-match is for one event; with - the first line would fail all the others.");
  }
}

async function readPayload(
  data: string | undefined,
  { text, bytes, file }: PublishFlags,
  mistakes: Mistakes,
): Promise<Payload | undefined> {
  const source = data === undefined ? await readSource(file, mistakes) : Buffer.from(data);
  if (source === undefined) return undefined;
  try {
    return decodePayload(text ? "text" : bytes ? "base64" : "json", source);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    const shown = data === undefined ? `What is in ${quoted(file)}` : quoted(data);
    mistakes.add(
      error.code === "bad_json"
        ? `${shown} is not JSON. Put a string in double quotes, as in '"hello"', or say --text.`
        : `${shown}: ${error.message}`,
    );
    return undefined;
  }
}

/** What a server may be configured to take, and more than that need not be held. */
const fileBytesMax = lineBytesMax;

async function readSource(file: string | undefined, mistakes: Mistakes): Promise<Uint8Array | undefined> {
  if (file === undefined) return undefined;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of file === "-" ? process.stdin : createReadStream(file)) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > fileBytesMax) {
        mistakes.add(`The file ${quoted(file)} is longer than ${fileBytesMax} bytes, which is no event.`);
        return undefined;
      }
    }
  } catch (error) {
    mistakes.add(`The file ${quoted(file)} cannot be read: ${systemReason(error)}.`);
    return undefined;
  }
  return Buffer.concat(chunks);
}

async function publishOne(
  client: Client,
  channel: string,
  payload: Payload,
  { flags, interruption }: Asked,
): Promise<void> {
  const id = flags.id ?? randomUUID();
  const publication = toPublication({ ...labelsOf(flags), id, payload });
  const { ifMatch } = flags;
  try {
    const result = await client.publish(channel, publication.data, {
      ...publication,
      ...(ifMatch === undefined ? {} : { ifMatch }),
      signal: interruption.signal,
    });
    await print(result, flags);
  } catch (error) {
    const isUnsure = error instanceof HoldfastError && error.code === "timed_out";
    const code = interruption.exitCode ?? (isUnsure ? exitCodes.unavailable : undefined);
    if (code === undefined) throw error;
    const what = isUnsure ? error.message : "Interrupted: it may or may not have been published.";
    throw new Failure(code, [what, `To publish it once whatever happened, repeat it with --id ${id}`], error);
  }
}

async function publishLines(client: Client, channel: string, { flags, interruption }: Asked): Promise<void> {
  const kind = flags.events ? "event" : flags.text ? "text" : "json";
  const publisher = new LinePublisher(client, {
    channel,
    kind,
    labels: labelsOf(flags),
    onPublished: (result) => print(result, flags),
  });
  const { signal } = interruption;
  signal.addEventListener("abort", () => process.stdin.destroy());
  try {
    if (!signal.aborted) await publisher.publish(process.stdin, signal);
  } catch (error) {
    // Ended in the middle, the input says so.
    if (interruption.exitCode === undefined || error instanceof Failure) throw error;
  }
  if (interruption.exitCode !== undefined) throw new Failure(interruption.exitCode, publisher.progress);
}

async function print({ cursor, at, duplicate }: PublishResult, { json, quiet }: PublishFlags): Promise<void> {
  if (!quiet) await stdout.write(`${json ? JSON.stringify({ cursor, at, duplicate }) : cursor}\n`);
}
