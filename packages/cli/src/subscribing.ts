import {
  type ChannelEvent,
  type Client,
  type ConnectionState,
  connect,
  type Gap,
  type Subscription,
} from "@holdfast/client";
import { formatCursor, parseChannelName, parseCompoundCursor, parsePosition } from "@holdfast/protocol";
import { codecOptions, Mistakes, readClientSettings, readCount } from "./client-plan.ts";
import { eventLine, gapSentence, type LineFormat, rawData } from "./event-lines.ts";
import { exitCodes, Failure } from "./exit-codes.ts";
import { Interruption } from "./interruption.ts";
import { note, stdout } from "./output.ts";
import { checkReachable } from "./reachable.ts";
import { readerSettings } from "./settings.ts";

/** What `subscribe` was called with. */
export interface SubscribeFlags extends Readonly<Record<string, unknown>> {
  readonly after?: string;
  readonly last?: string;
  readonly count?: string;
  readonly json?: boolean;
  readonly raw?: boolean;
  readonly strict?: boolean;
}

/** Where each channel starts. */
type Starts = ReadonlyMap<string, { readonly after?: string; readonly last?: number }>;

/** Events that may await stdout; more are left with the server. */
const bufferedEventsMax = 256;

/** Follows channels until they end, or nobody wants more; throws a `Failure`. */
export async function subscribe(channels: readonly string[], flags: SubscribeFlags): Promise<void> {
  const mistakes = new Mistakes();
  const starts = readStarts(channels, flags, mistakes);
  const countMax = readCount("--count", flags.count, mistakes) ?? Infinity;
  if (flags.raw && flags.json) mistakes.add("--raw and --json exclude each other; give one.");
  if (flags.raw && channels.length > 1)
    mistakes.add("--raw is for one channel: nothing would tell them apart.");
  const {
    url = "http://127.0.0.1:7070",
    token,
    via = "auto",
    codec = "json",
  } = await readClientSettings(readerSettings, flags, mistakes);
  if (codec === "msgpack" && via !== "auto" && via !== "websocket")
    mistakes.add(`msgpack is spoken over a WebSocket alone; leave out --codec, or --via ${via}.`);
  mistakes.settle();
  const interruption = new Interruption();
  await checkReachable(url, interruption);
  const client = connect(url, {
    ...codecOptions(codec),
    ...(token === undefined ? {} : { token }),
    ...(via === "auto" ? {} : { transports: [via] }),
    bufferedEventsMax,
  });
  reportTrouble(client, url);
  try {
    await new Follower(client, starts, { flags, countMax, interruption }).follow();
  } finally {
    client.close();
  }
}

function readStarts(
  channels: readonly string[],
  { after, last }: SubscribeFlags,
  mistakes: Mistakes,
): Starts {
  const starts = new Map<string, { after?: string; last?: number }>();
  for (const channel of channels) {
    if (starts.has(channel)) mistakes.add(`${channel} is named twice.`);
    mistakes.catching(() => parseChannelName(channel));
    starts.set(channel, {});
  }
  if (after !== undefined && last !== undefined)
    mistakes.add("--after and --last exclude each other; give one.");
  const count = readCount("--last", last, mistakes);
  const own = after?.includes("=") ? mistakes.catching(() => parseCompoundCursor(after)) : undefined;
  if (after !== undefined && !after.includes("=")) mistakes.catching(() => parsePosition(after));
  for (const channel of own?.keys() ?? []) {
    if (!starts.has(channel))
      mistakes.add(`--after says where to start in ${channel}, which is not followed.`);
  }
  for (const channel of starts.keys()) {
    const cursor = own?.get(channel);
    if (cursor !== undefined) starts.set(channel, { after: formatCursor(cursor) });
    else if (after !== undefined && own === undefined) starts.set(channel, { after });
    else if (count !== undefined) starts.set(channel, { last: count });
  }
  return starts;
}

/** Tells on stderr that the connection is lost, and that it is back. */
function reportTrouble(client: Client, url: string): void {
  let troubled = false;
  client.on("state", (state: ConnectionState) => {
    const failed = state.type === "recovering" || (state.type === "connecting" && state.failures > 0);
    if (failed && !troubled) note(`there is no connection to ${url} at the moment; trying again.`);
    if (state.type === "live" && troubled) note(`connected again, over ${state.transport}.`);
    if (failed || state.type === "live") troubled = failed;
  });
}

interface Asked {
  readonly flags: SubscribeFlags;
  readonly countMax: number;
  readonly interruption: Interruption;
}

/** Reads all channels and writes what they bring, no faster than it is taken. */
class Follower {
  readonly #client: Client;
  readonly #starts: Starts;
  readonly #asked: Asked;
  readonly #format: LineFormat;
  readonly #subscriptions: Subscription[] = [];
  /** Ends all reading. */
  readonly #done = new AbortController();
  #count = 0;
  #failure: unknown;

  constructor(client: Client, starts: Starts, asked: Asked) {
    this.#client = client;
    this.#starts = starts;
    this.#asked = asked;
    this.#format = { json: asked.flags.json === true, named: starts.size > 1, terminal: stdout.isTerminal };
  }

  async follow(): Promise<void> {
    const { interruption } = this.#asked;
    const stop = () => this.#done.abort();
    for (const signal of [interruption.signal, stdout.gone]) {
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop);
    }
    await Promise.all([...this.#starts].map(([channel, start]) => this.#read(channel, start)));
    if (this.#failure !== undefined) throw this.#failure;
    if (interruption.exitCode !== undefined) throw new Failure(interruption.exitCode, this.#howToGoOn());
  }

  async #read(channel: string, start: { readonly after?: string; readonly last?: number }): Promise<void> {
    if (this.#done.signal.aborted) return;
    try {
      const subscription = this.#client.subscribe(channel, {
        ...start,
        onGap: (gap) => this.#tellGap(gap),
        onEnd: ({ cursor }) => this.#tellEnd(channel, cursor),
      });
      this.#subscriptions.push(subscription);
      this.#done.signal.addEventListener("abort", () => subscription.close());
      for await (const event of subscription) {
        if (this.#done.signal.aborted) return;
        await this.#write(event);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  async #write(event: ChannelEvent): Promise<void> {
    const written = stdout.write(this.#asked.flags.raw ? rawData(event) : eventLine(event, this.#format));
    if (++this.#count >= this.#asked.countMax) this.#done.abort();
    await written;
  }

  #tellGap(gap: Gap): void {
    const { channel, from, to, reason } = gap;
    if (this.#format.json) void stdout.write(`${JSON.stringify({ gap: { channel, from, to, reason } })}\n`);
    else note(gapSentence(gap));
    if (this.#asked.flags.strict)
      this.#fail(new Failure(exitCodes.gap, ["ended because of --strict.", ...this.#howToGoOn()]));
  }

  #tellEnd(channel: string, cursor: string): void {
    if (this.#format.json) void stdout.write(`${JSON.stringify({ end: { channel, cursor } })}\n`);
    else note(`${channel} is closed, and was read to its end.`);
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#done.abort();
  }

  /** The command that reads on from here. */
  #howToGoOn(): string[] {
    const places = this.#subscriptions.flatMap(({ channel, position }) =>
      position === undefined ? [] : [{ channel, position }],
    );
    const [only] = places;
    if (only === undefined || places.length < this.#starts.size) return [];
    const after =
      places.length === 1 ? only.position : places.map((one) => `${one.channel}=${one.position}`).join(",");
    return [`go on with: holdfast subscribe ${[...this.#starts.keys()].join(" ")} --after ${after}`];
  }
}
