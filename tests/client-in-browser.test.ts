import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import type { Client, ClientOptions, Transport } from "@holdfast/client";
import { build } from "esbuild";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchChromium } from "./chromium.ts";
import { CuttableNode } from "./cuttable-node.ts";

/** What the page holds for the tests. */
interface Held {
  holdfast: typeof import("@holdfast/client") & typeof import("@holdfast/client/msgpack");
  client: Client;
  seen: unknown[];
  gaps: unknown[];
  transports: (Transport | undefined)[];
  states: string[];
}

let script = "";
const node = new CuttableNode((request, response) => {
  const isScript = request.url === "/client.js";
  response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
  response.end(
    isScript ? script : '<!doctype html><title>An application</title><script src="/client.js"></script>',
  );
});
let browser: Browser;
let context: BrowserContext;
let page: Page;
let faults: string[];

before(async () => {
  const contents = 'export * from "@holdfast/client"; export * from "@holdfast/client/msgpack";';
  const options = { bundle: true, format: "iife", globalName: "holdfast", platform: "browser" } as const;
  const stdin = { contents, resolveDir: import.meta.dirname };
  const bundle = await build({ ...options, stdin, write: false, logLevel: "silent" });
  script = bundle.outputFiles[0]?.text ?? "";
  await node.start();
  browser = await launchChromium();
});

after(async () => {
  await browser.close();
  await node.stop();
});

beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
  faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  await page.goto(node.url);
});

afterEach(async () => {
  await context.close();
  assert.deepEqual(faults, [], "no uncaught error and no unhandled rejection in the page");
});

/** What a test decides of a client; functions would not reach the page. */
type Choices = Pick<ClientOptions, "need" | "toleranceMs" | "transports" | "timing">;

/** Follows a channel in the page; what it sees is collected there. */
async function follow(channel: string, options: Choices, last?: number): Promise<void> {
  await page.evaluate(
    async ([channel, options, last]) => {
      const held = window as unknown as Held;
      const client = held.holdfast.connect(location.href, options);
      Object.assign(held, { client, seen: [], gaps: [], transports: [], states: [] });
      client.on("transport", (transport) => held.transports.push(transport));
      client.on("state", (state) => held.states.push(state.type));
      const subscription = client.subscribe(channel, {
        ...(last === undefined ? {} : { last }),
        onEvent: (event) => held.seen.push(event.data),
        onGap: (gap) => held.gaps.push(gap),
      });
      await subscription.ready;
    },
    [channel, options, last] as const,
  );
}

async function until(condition: (held: Held, wanted: unknown) => boolean, wanted?: unknown): Promise<void> {
  const text = condition.toString();
  await page.waitForFunction(
    // The condition runs in the page, which knows nothing of this file.
    ([text, wanted]) => new Function(`return ${text}`)()(window, wanted),
    [text, wanted] as const,
    { polling: 20 },
  );
}

function held<T>(read: (held: Held) => T): Promise<T> {
  return page.evaluate((text) => new Function(`return ${text}`)()(window), read.toString());
}

const count = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("the client in Chromium", () => {
  for (const transport of ["websocket", "sse", "long-poll", "poll"] as const) {
    test(`[MOVE] [GAP] [DUP] [ORD] over ${transport} every event arrives once and in order, cuts included`, async () => {
      const channel = `browser-${transport}`;
      await node.publish(channel, ...count(1, 5));
      const toleranceMs = transport === "poll" ? 300 : 2000;
      await follow(channel, { transports: [transport], toleranceMs }, 5);
      for (const round of count(1, 3)) {
        node.cut();
        await node.publish(channel, ...count(round * 5 + 1, round * 5 + 5));
        await until((held, wanted) => held.seen.length >= Number(wanted), (round + 1) * 5);
      }
      assert.deepEqual(await held((held) => held.seen), count(1, 20));
      assert.deepEqual(await held((held) => held.gaps), []);
    });
  }

  test("[CLI-6] [CLI-7] a WebSocket that opens and stays silent gives way, and is climbed back to when it speaks", async () => {
    await page.evaluate(() => {
      Object.assign(window, { isMute: true });
      // What a proxy does that accepts the upgrade and then swallows the frames.
      class Mute extends WebSocket {
        constructor(url: string | URL, protocols?: string | string[]) {
          super(url, protocols);
          if (!("isMute" in window && window.isMute)) return;
          this.addEventListener("message", (event) => event.stopImmediatePropagation());
        }
      }
      Object.assign(window, { WebSocket: Mute });
    });
    const timing = { firstByteTimeoutMs: 300, climbMinMs: 400, climbMaxMs: 800 };
    await follow("browser-ladder", { need: "duplex", timing });
    assert.notEqual(await held((held) => held.client.transport), "websocket");
    await node.publish("browser-ladder", 1);
    await until((held) => held.seen.length === 1);
    await page.evaluate(() => Object.assign(window, { isMute: false }));
    await until((held) => held.client.transport === "websocket");
    await node.publish("browser-ladder", 2);
    await until((held) => held.seen.length === 2);
    assert.deepEqual(await held((held) => held.seen), [1, 2]);
  });

  test("[MOVE] what was missed offline arrives when the network is back", async () => {
    await follow("browser-offline", { need: "duplex" });
    await node.publish("browser-offline", 1);
    await until((held) => held.seen.length === 1);
    await context.setOffline(true);
    node.cut();
    await until((held) => held.states.includes("offline"));
    await node.publish("browser-offline", 2, 3);
    await context.setOffline(false);
    await until((held) => held.seen.length === 3);
    assert.deepEqual(await held((held) => held.seen), [1, 2, 3]);
  });

  test("[ACK-1] [CLI-4] the page publishes over every transport, once each", async () => {
    for (const transport of ["websocket", "sse", "long-poll", "poll"] as const) {
      await follow(`browser-publish-${transport}`, { transports: [transport], toleranceMs: 200 });
      const answer = await page.evaluate(
        async (channel) =>
          await (window as unknown as Held).client.publish(channel, "hello", { key: "greeting" }),
        `browser-publish-${transport}`,
      );
      await until((held) => held.seen.length === 1);
      const page1 = (await (await fetch(node.channel(`browser-publish-${transport}`))).json()) as {
        cursor: string;
      };
      assert.deepEqual([answer.cursor, answer.duplicate], [page1.cursor, false]);
      await page.evaluate(() => (window as unknown as Held).client.close());
    }
  });

  test("[PACK-1] [PACK-2] the page sends and gets bytes in binary frames, and reads on where it was cut", async () => {
    await page.evaluate(() => {
      const frames: string[] = [];
      class Watched extends WebSocket {
        constructor(url: string | URL, protocols?: string | string[]) {
          super(url, protocols);
          this.addEventListener("message", ({ data }) => frames.push(typeof data));
        }
      }
      Object.assign(window, { WebSocket: Watched, frames });
    });
    const seen = await page.evaluate(async () => {
      const held = window as unknown as Held & { readonly frames: string[] };
      const { connect, msgpack } = held.holdfast;
      const client = connect(location.href, { need: "duplex", codec: msgpack });
      Object.assign(held, { client, seen: [] });
      const subscription = client.subscribe("browser-msgpack", {
        onEvent: ({ data }) => held.seen.push(data instanceof Uint8Array ? [...data] : data),
      });
      await subscription.ready;
      await client.publish("browser-msgpack", Uint8Array.of(0, 255, 16));
      await client.publish("browser-msgpack", { text: "ż" });
      return { transport: client.transport, frames: [...new Set(held.frames)] };
    });
    assert.deepEqual(seen, { transport: "websocket", frames: ["object"] });
    await until((held) => held.seen.length === 2);
    node.cut();
    await node.publish("browser-msgpack", Uint8Array.of(7));
    await until((held) => held.seen.length === 3);
    assert.deepEqual(await held((held) => held.seen), [[0, 255, 16], { text: "ż" }, [7]]);
  });

  test("[BND] closing the client leaves nothing behind on the server", async () => {
    await follow("browser-close", { need: "duplex" });
    await page.evaluate(() => (window as unknown as Held).client.close());
    while (node.holdfast.stats().sessions > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(await held((held) => held.client.state.type), "closed");
  });
});
