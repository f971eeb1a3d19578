import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { EventSource } from "eventsource";
import type { Browser, Page } from "playwright-core";
import { WebSocket } from "ws";
import { launchChromium } from "./chromium.ts";
import { Collected } from "./collected.ts";
import { curl } from "./curl.ts";
import { CuttableNode } from "./cuttable-node.ts";

const node = new CuttableNode();
let browser: Browser;
let page: Page;

before(async () => {
  await node.start();
  browser = await launchChromium();
  page = await browser.newPage();
  await page.goto(node.url);
});

after(async () => {
  await browser.close();
  await node.stop();
});

async function curlText(...args: readonly string[]): Promise<string> {
  const { lines, exited } = curl(...args);
  const [code] = await exited;
  assert.equal(code, 0);
  return lines.values.join("\n");
}

describe("curl", () => {
  test("[POST-1] [JSON-1] [CUR-2] publishes, reads a page, and goes on from its cursor", async () => {
    const url = node.channel("curl");
    const published = JSON.parse(await curlText(url, "--json", '{"total":42}'));
    const first = JSON.parse(await curlText(url));
    assert.deepEqual(first.events, [{ cursor: published.cursor, at: published.at, data: { total: 42 } }]);
    const next = await node.publish("curl", { total: 43 });
    const second = JSON.parse(await curlText(`${url}?after=${first.cursor}`));
    assert.deepEqual([second.cursor, second.events.length, second.more], [next, 1, false]);
  });

  test("[JSON-3] a long poll answers at the first event", async () => {
    const url = node.channel("curl-wait");
    const held = curlText(`${url}?after=latest&wait=30`);
    while (node.holdfast.stats().waiters === 0) await new Promise((resolve) => setImmediate(resolve));
    await node.publish("curl-wait", "now");
    assert.equal(JSON.parse(await held).events[0].data, "now");
  });

  test("[SSE-3] [GAP] [DUP] an event stream that was cut goes on after the last id", async () => {
    await node.publish("curl-sse", 1, 2);
    const url = node.channel("curl-sse");
    const first = curl("-H", "Accept: text/event-stream", `${url}?after=oldest`);
    await first.lines.reach(8);
    node.cut();
    await first.exited;
    const ids = first.lines.values.filter((line) => line.startsWith("id: "));
    await node.publish("curl-sse", 3);
    const resume = `Last-Event-ID: ${ids.at(-1)?.slice(4)}`;
    const second = curl("-H", "Accept: text/event-stream", "-H", resume, `${url}?after=oldest`);
    await second.lines.reach(6);
    second.stop();
    await second.exited;
    const data = [...first.lines.values, ...second.lines.values].filter((line) => line.startsWith("data: "));
    assert.deepEqual(data, ["data: 1", "data: 2", "data: 3"]);
  });
});

describe("EventSource of npm", () => {
  test("[SSE-1] [SSE-2] [MOVE] resumes by itself after a cut, each event once and in order", async () => {
    await node.publish("npm-sse", "before");
    const seen = new Collected<string>();
    const source = new EventSource(`${node.channel("npm-sse")}?after=oldest`);
    source.onmessage = (message) => seen.push(JSON.parse(message.data));
    await seen.reach(1);
    node.cut();
    await node.publish("npm-sse", "while away", "and more");
    assert.deepEqual(await seen.reach(3), ["before", "while away", "and more"]);
    node.cut();
    await node.publish("npm-sse", "again");
    assert.deepEqual(await seen.reach(4), ["before", "while away", "and more", "again"]);
    source.close();
  });

  test("[SSE-5] a closed channel ends it, and 204 keeps it from coming back", async () => {
    const url = node.channel("npm-end");
    await node.publish("npm-end", "last");
    await fetch(`${url}/close`, { method: "POST" });
    const told = new Collected<string>();
    const source = new EventSource(`${url}?after=oldest`);
    source.onmessage = () => told.push("message");
    source.addEventListener("end", () => told.push("end"));
    const stopped = new Promise<void>((resolve) => {
      source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) resolve();
      };
    });
    await stopped;
    assert.deepEqual(told.values, ["message", "end"]);
  });
});

describe("WebSocket of npm", () => {
  test("[WSP-1] [WSP-2] [MOVE] reads, publishes, and goes on from its cursor after a cut", async () => {
    const url = node.channel("npm-ws").replace("http", "ws");
    const first = new WebSocket(`${url}?after=oldest`);
    const heard = new Collected<Record<string, unknown>>();
    first.on("message", (data) => heard.push(JSON.parse(String(data))));
    await once(first, "open");
    first.send('{"said":1}');
    await heard.reach(3);
    assert.equal(heard.values[0]?.control, "subscribed");
    const event = heard.values.find((message) => "data" in message);
    const answer = heard.values.find((message) => message.control === "published");
    assert.deepEqual(event?.data, { said: 1 });
    assert.equal(answer?.cursor, event?.cursor);
    const closed = once(first, "close");
    node.cut();
    await closed;
    await node.publish("npm-ws", "while away");
    const second = new WebSocket(`${url}?after=${String(event?.cursor)}`);
    const rest = new Collected<Record<string, unknown>>();
    second.on("message", (data) => rest.push(JSON.parse(String(data))));
    await rest.reach(2);
    assert.deepEqual(
      rest.values.map((message) => message.control ?? message.data),
      ["subscribed", "while away"],
    );
    second.terminate();
  });
});

describe("Chromium", () => {
  /** Values that a page's code puts into `window.seen`. */
  async function seen(count: number): Promise<unknown[]> {
    const found = await page.waitForFunction(
      (wanted) => {
        const { seen } = window as unknown as { seen: unknown[] };
        return seen.length >= wanted ? seen : undefined;
      },
      count,
      { polling: 20 },
    );
    return (await found.jsonValue()) as unknown[];
  }

  test("[SSE-1] [SSE-2] [MOVE] its EventSource resumes after a cut, also of several channels at once", async () => {
    await node.publish("page-a", "a1");
    await node.publish("page-b", "b1");
    const start = `page-a=${(await fetchCursor("page-a", 1)) ?? ""},page-b=${(await fetchCursor("page-b", 1)) ?? ""}`;
    await page.evaluate((url) => {
      const seen: string[] = [];
      const source = new EventSource(url);
      source.onmessage = ({ data, lastEventId }) =>
        seen.push(`${lastEventId.split("=")[0]}:${JSON.parse(data)}`);
      Object.assign(window, { seen, source });
    }, `/events?channel=page-a&channel=page-b&after=${start}`);
    await node.publish("page-a", "a2");
    await seen(1);
    node.cut();
    await node.publish("page-b", "b2");
    await node.publish("page-a", "a3");
    const all = (await seen(3)) as string[];
    assert.deepEqual(
      all.filter((entry) => entry.startsWith("page-a")),
      ["page-a:a2", "page-a:a3"],
    );
    assert.deepEqual(
      all.filter((entry) => entry.startsWith("page-b")),
      ["page-b:b2"],
    );
    await page.evaluate(() => (window as unknown as { source: EventSource }).source.close());
  });

  test("[SSE-1] [GAP] its EventSource, cut before the first event, misses nothing", async () => {
    await node.publish("page-early", "old");
    await page.evaluate(
      (url) =>
        new Promise<void>((resolve) => {
          const seen: unknown[] = [];
          const source = new EventSource(url);
          source.onmessage = ({ data }) => seen.push(JSON.parse(data));
          source.onopen = () => resolve();
          Object.assign(window, { seen, source });
        }),
      "/channels/page-early",
    );
    node.cut();
    await node.publish("page-early", "while away");
    assert.deepEqual(await seen(1), ["while away"]);
    await page.evaluate(() => (window as unknown as { source: EventSource }).source.close());
  });

  test("[WSP-1] [WSP-2] [MOVE] its WebSocket reads and publishes, and goes on from its cursor after a cut", async () => {
    const url = node.channel("page-ws").replace("http", "ws");
    await page.evaluate((url) => {
      const seen: unknown[] = [];
      let cursor = "oldest";
      const open = () => {
        const socket = new globalThis.WebSocket(`${url}?after=${cursor}`);
        socket.onmessage = ({ data }) => {
          const message = JSON.parse(data);
          if (!("data" in message)) return;
          cursor = message.cursor;
          seen.push(message.data);
        };
        socket.onclose = () => setTimeout(open, 50);
        Object.assign(window, { socket });
      };
      open();
      Object.assign(window, { seen });
    }, url);
    await page.waitForFunction(() => (window as unknown as { socket: WebSocket }).socket.readyState === 1);
    await page.evaluate(() => (window as unknown as { socket: WebSocket }).socket.send('"from the page"'));
    await seen(1);
    node.cut();
    await node.publish("page-ws", "while away");
    assert.deepEqual(await seen(2), ["from the page", "while away"]);
    await page.reload();
  });
});

/** The cursor `count` events after the beginning. */
async function fetchCursor(channel: string, count: number): Promise<string | undefined> {
  const response = await fetch(`${node.channel(channel)}?after=oldest&limit=${count}`);
  return ((await response.json()) as { cursor: string }).cursor;
}
