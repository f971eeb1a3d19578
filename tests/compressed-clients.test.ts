import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { connect, type Transport } from "@holdfast/client";
import { build } from "esbuild";
import { EventSource } from "eventsource";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "./chromium.ts";
import { Collected } from "./collected.ts";
import { curl } from "./curl.ts";
import { CuttableNode } from "./cuttable-node.ts";

const long = "the same words again and again ".repeat(100);

let script = "";
const node = new CuttableNode(
  (request, response) => {
    if (request.url?.startsWith("/gzip/")) {
      // A page cannot choose what its browser offers; a proxy on the way may take some of it away.
      request.headers["accept-encoding"] = "gzip, deflate";
      request.url = request.url.slice("/gzip".length);
      node.holdfast.handler(request, response);
      return;
    }
    const isScript = request.url === "/client.js";
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript ? script : '<!doctype html><title>A page</title><script src="/client.js"></script>',
    );
  },
  { compression: true },
);
let browser: Browser;
let page: Page;

before(async () => {
  const entry = fileURLToPath(import.meta.resolve("@holdfast/client"));
  const options = { bundle: true, format: "iife", globalName: "holdfast", platform: "browser" } as const;
  const bundle = await build({ ...options, entryPoints: [entry], write: false, logLevel: "silent" });
  script = bundle.outputFiles[0]?.text ?? "";
  await node.start();
  browser = await launchChromium();
  page = await browser.newPage();
  await page.goto(node.url);
});

after(async () => {
  await browser.close();
  await node.stop();
});

describe("curl", () => {
  test("[ZIP-8] [ZIP-9] reads a page, and is told that it has it already", async () => {
    const url = node.channel("curl");
    await node.publish("curl", long);
    const { lines, exited } = curl("--compressed", "-D", "-", url);
    assert.deepEqual(await exited, [0, null]);
    assert.match(lines.values.join("\n"), /content-encoding: (?:gzip|zstd)/i);
    assert.equal(JSON.parse(lines.values.at(-1) ?? "").events[0].data, long);
    const tag = /^etag: (.*)$/im.exec(lines.values.join("\n"))?.[1] ?? "";
    const again = curl(
      "--compressed",
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      "-H",
      `If-None-Match: ${tag}`,
      url,
    );
    await again.exited;
    assert.deepEqual(again.lines.values, ["304"]);
  });

  test("[ZIP-10] reads a stream as it comes, and to an end that it does not complain of", async () => {
    const url = node.channel("curl-sse");
    const { lines, exited } = curl("--compressed", "-H", "Accept: text/event-stream", url);
    await lines.reach(3);
    await node.publish("curl-sse", long);
    await lines.reach(6);
    assert.ok(lines.values.includes(`data: ${JSON.stringify(long)}`));
    await fetch(`${url}/close`, { method: "POST" });
    assert.deepEqual(await exited, [0, null]);
    assert.ok(lines.values.includes("event: end"));
  });
});

test("[ZIP-10] [MOVE] the EventSource of npm reads a coded stream, and resumes it after a cut", async () => {
  const seen = new Collected<string>();
  const source = new EventSource(`${node.channel("npm-sse")}?after=oldest`);
  source.onmessage = (message) => seen.push(JSON.parse(message.data));
  await node.publish("npm-sse", long);
  await seen.reach(1);
  node.cut();
  await node.publish("npm-sse", "while away", long);
  assert.deepEqual(await seen.reach(3), [long, "while away", long]);
  source.close();
});

test("[ZIP-8] Node's fetch reads a page in the coding that it asks for by itself", async () => {
  await node.publish("fetch", long);
  const response = await fetch(node.channel("fetch"));
  assert.equal(response.headers.get("content-encoding"), "gzip");
  assert.equal(((await response.json()) as { events: { data: string }[] }).events[0]?.data, long);
});

test("[ZIP-2] [ZIP-4] Node's WebSocket agrees on compression, and reads what is deflated", async () => {
  const socket = new WebSocket(`${node.channel("node-ws").replace("http", "ws")}?after=oldest`);
  const heard = new Collected<Record<string, unknown>>();
  socket.onmessage = ({ data }) => heard.push(JSON.parse(String(data)));
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  assert.match(socket.extensions, /^permessage-deflate/);
  await node.publish("node-ws", long, "short", "x".repeat(200_000));
  await heard.reach(4);
  assert.deepEqual(
    heard.values.slice(1).map(({ data }) => data),
    [long, "short", "x".repeat(200_000)],
  );
  socket.close();
});

describe("Chromium", () => {
  for (const path of ["/channels/page-sse?after=oldest", "/events?channel=page-sse&after=oldest"]) {
    test(`[ZIP-10] [SSE-1] [MOVE] its EventSource reads ${path} in zstd, as it comes and after a cut`, async () => {
      const opened = page.waitForResponse((response) => response.url().endsWith(path));
      await page.evaluate((url) => {
        const seen: string[] = [];
        const source = new EventSource(url);
        source.onmessage = ({ data }) => seen.push(JSON.parse(data));
        Object.assign(window, { seen, source });
      }, path);
      assert.equal((await opened).headers()["content-encoding"], "zstd");
      const wanted = await eventsOf("page-sse");
      await node.publish("page-sse", long, "short");
      await sees([...wanted, long, "short"]);
      node.cut();
      await node.publish("page-sse", long);
      await sees([...wanted, long, "short", long]);
      await page.evaluate(() => (window as unknown as { source: EventSource }).source.close());
    });
  }

  test("[ZIP-10] it reads a stream in gzip just as well", async () => {
    await node.publish("page-gzip", long);
    const opened = page.waitForResponse((response) => response.url().includes("page-gzip"));
    await page.evaluate(() => {
      const seen: string[] = [];
      const source = new EventSource("/gzip/channels/page-gzip?after=oldest");
      source.onmessage = ({ data }) => seen.push(JSON.parse(data));
      Object.assign(window, { seen, source });
    });
    assert.equal((await opened).headers()["content-encoding"], "gzip");
    await sees([long]);
    await node.publish("page-gzip", long, "short");
    await sees([long, long, "short"]);
    await page.evaluate(() => (window as unknown as { source: EventSource }).source.close());
  });

  test("[ZIP-2] [ZIP-4] [ZIP-5] its WebSocket agrees on compression, both ways", async () => {
    const url = node.channel("page-ws").replace("http", "ws");
    const extensions = await page.evaluate(
      ([url, text]) =>
        new Promise<string>((resolve) => {
          const seen: unknown[] = [];
          const socket = new WebSocket(url);
          socket.onmessage = ({ data }) => {
            const message = JSON.parse(data);
            if (message.control === "subscribed") socket.send(JSON.stringify(text));
            if ("data" in message) seen.push(message.data);
          };
          socket.onopen = () => resolve(socket.extensions);
          Object.assign(window, { seen });
        }),
      [url, long] as const,
    );
    assert.match(extensions, /^permessage-deflate/);
    await sees([long]);
    await node.publish("page-ws", "short", long);
    await sees([long, "short", long]);
  });

  for (const transport of ["websocket", "sse", "long-poll", "poll"] satisfies Transport[]) {
    test(`[ZIP-1] [MOVE] our client reads over compressed ${transport}, in a page and in Node`, async () => {
      const channel = `client-${transport}`;
      const inNode = connect(node.url, { transports: [transport], toleranceMs: 25 });
      const seen = new Collected<unknown>();
      await inNode.subscribe(channel, { onEvent: ({ data }) => seen.push(data) }).ready;
      await page.evaluate(
        async ([channel, transport]) => {
          const { holdfast } = window as unknown as { holdfast: typeof import("@holdfast/client") };
          const client = holdfast.connect(location.href, { transports: [transport], toleranceMs: 25 });
          const seen: unknown[] = [];
          Object.assign(window, { seen, client });
          await client.subscribe(channel, { onEvent: ({ data }) => seen.push(data) }).ready;
        },
        [channel, transport] as const,
      );
      await inNode.publish(channel, long);
      await node.publish(channel, "short", long);
      await sees([long, "short", long]);
      assert.deepEqual(await seen.reach(3), [long, "short", long]);
      await page.evaluate(() => (window as unknown as { client: { close(): void } }).client.close());
      inNode.close();
    });
  }

  async function eventsOf(channel: string): Promise<unknown[]> {
    const response = await fetch(`${node.channel(channel)}?after=oldest`);
    return ((await response.json()) as { events: { data: unknown }[] }).events.map(({ data }) => data);
  }

  /** Resolves when the page has seen as many values, which must be these. */
  async function sees(values: readonly unknown[]): Promise<void> {
    const found = await page.waitForFunction(
      (count) => {
        const { seen } = window as unknown as { seen: unknown[] };
        return seen.length >= count ? seen : undefined;
      },
      values.length,
      { polling: 20 },
    );
    assert.deepEqual(await found.jsonValue(), values);
  }
});
