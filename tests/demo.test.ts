import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, ConsoleMessage, Locator, Page } from "playwright-core";
import { launchChromium } from "./chromium.ts";
import { DemoProcess } from "./demo-process.ts";
import { clippedTexts, faintTexts } from "./legibility.ts";
import { shows } from "./shows.ts";

const lanes = ["websocket", "sse", "long-poll", "poll", "auto"] as const;
type LaneId = (typeof lanes)[number];

let demo: DemoProcess;
let address: string;
let browser: Browser;
let page: Page;
let shots: string;
/** What the pages complained of, except that lines were cut on purpose. */
const complaints: string[] = [];

before(async () => {
  demo = new DemoProcess(0);
  [address, browser, shots] = await Promise.all([
    demo.address(),
    launchChromium(),
    mkdtemp(join(tmpdir(), "holdfast-demo-")),
  ]);
  page = await open({ width: 1400, height: 900 });
});

after(async () => {
  await browser?.close();
  await demo?.end();
});

async function open(viewport: { width: number; height: number }) {
  const context = await browser.newContext({ viewport, colorScheme: "light" });
  const opened = await context.newPage();
  opened.setDefaultTimeout(20_000);
  opened.on("pageerror", (error) => complaints.push(`page error: ${error.message}`));
  opened.on("console", (message) => {
    if (message.type() === "error" && !isCutLine(message)) complaints.push(message.text());
  });
  await opened.goto(address);
  return opened;
}

/** Browsers report every request that fails; those to the lines that this test breaks are meant to. */
function isCutLine(message: ConsoleMessage): boolean {
  const text = message.text();
  const named = /^(?:WebSocket connection to|Access to fetch at) '(?<url>[^']+)'/.exec(text)?.groups?.url;
  const isFailure = named !== undefined || text.startsWith("Failed to load resource: ");
  const { host, pathname } = new URL(named ?? message.location().url);
  if (!isFailure || pathname !== "/connect") return false;
  // A client that waits for a WebSocket asks why by a request that is always refused. Rule LIM-11.
  return host !== new URL(address).host || text.includes("405 (Method Not Allowed)");
}

const lane = (id: LaneId) => page.locator(`[data-lane="${id}"]`);
const figure = (id: LaneId, name: string) => lane(id).locator(`[data-figure="${name}"]`);
const button = (id: LaneId, name: string | RegExp) => lane(id).getByRole("button", { name });
const count = async (locator: Locator) => toCount(await locator.textContent());
const toCount = (text: string | null) => Number.parseInt((text ?? "").replaceAll(",", ""), 10);

/** Resolves when a figure lies within bounds. */
async function reaches(id: LaneId, name: string, { min = 0, max = Infinity }): Promise<void> {
  const wanted = { selector: `[data-lane="${id}"] [data-figure="${name}"]`, min, max };
  await page.waitForFunction(({ selector, min, max }) => {
    const text = document.querySelector(selector)?.textContent ?? "";
    const number = Number.parseInt(text.replaceAll(",", ""), 10);
    return number >= min && number <= (max ?? Infinity);
  }, wanted);
}

async function press(id: LaneId, name: string | RegExp, pressed: boolean): Promise<void> {
  await button(id, name).click();
  await lane(id).locator(`button[aria-pressed="${pressed}"]`, { hasText: name }).waitFor();
}

/** Resolves when every lane is live and has everything; then none of them may have broken a promise. */
async function allIsWell(): Promise<void> {
  for (const id of lanes) {
    await shows(lane(id).locator(".state"), /^Live over/);
    await reaches(id, "Seen", { min: 1 });
    await reaches(id, "Behind", { max: 40 });
    for (const [name, wanted] of [
      ["Lost", "0"],
      ["Repeated", "0"],
      ["Order", "ok"],
    ] as const) {
      assert.equal(await figure(id, name).textContent(), wanted, `${name} of ${id}`);
    }
  }
  await page.locator('#verdict[data-verdict="kept"]').waitFor();
}

test("[SEE] the machine's figures come over Server-Sent Events, and fill its lines", async () => {
  await shows(page.locator("#machine-vitals"), /Live over Server-Sent Events/);
  await page.waitForFunction(() => {
    const lines = [...document.querySelectorAll("#machine .stroke")].map(
      (line) => line.getAttribute("d") ?? "",
    );
    return lines.length === 4 && lines.every((line) => line.split("L").length >= 3);
  });
  const tiles = await page.locator("#machine .tile p").allTextContents();
  for (const [index, unit] of [/^\d+ %/, /^[\d.]+ GB/, /^\d+\.\d\d/, /^\d+\.\d ms/].entries()) {
    assert.match(tiles[index] ?? "", unit);
  }
  await shows(page.locator("#machine-vitals"), /[a-z0-9]+-\d+/);
});

test("[SEE] every example shows code that is in the sources", async () => {
  const samples = await page
    .locator("pre[data-sample]")
    .evaluateAll((all) =>
      all.map((one) => ({ path: one.getAttribute("data-sample"), text: one.textContent })),
    );
  assert.ok(samples.length >= 12);
  for (const { path, text } of samples) assert.ok(text!.length > 40, `${path} shows "${text}"`);
});

test("[ORD] two visitors talk, see each other, and cannot hurt each other", async () => {
  const other = await open({ width: 1000, height: 800 });
  for (const [visitor, name] of [
    [page, "Ada"],
    [other, "Grace"],
  ] as const) {
    await shows(visitor.locator("#chat-vitals"), /Live over WebSocket/);
    await visitor.fill("#chat-name", name);
    await visitor.locator("#chat-name").blur();
  }
  for (const visitor of [page, other])
    await shows(visitor.locator("#chat-presence"), /^2 here: .*(Ada.*Grace|Grace.*Ada)/);
  const words = `<img src=x onerror="document.title='hurt'"> & good day`;
  await page.locator("#chat-text").pressSequentially("Hm");
  await shows(other.locator("#chat-typing"), /^Ada typing…$/);
  await page.fill("#chat-text", words);
  await page.keyboard.press("Enter");
  for (const visitor of [page, other]) {
    const said = visitor.locator("#chat-messages li", { hasText: words });
    await visitor.locator("#chat-messages li:not([data-state])", { hasText: words }).waitFor();
    assert.equal(await said.count(), 1);
    assert.equal(await said.locator("b").textContent(), "Ada");
    assert.equal(await visitor.title(), "Holdfast, live on this machine");
  }
  await shows(other.locator("#chat-typing"), /^\s*$/);
  await other.context().close();
});

test("[AUTH] [BND] what the page may not ask for is refused, and what is too large as well", async () => {
  const post = async (path: string, data: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(new URL(path, address), {
      method: "POST",
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(data),
    });
    const { code } = (await response.json()) as { code?: string };
    return `${response.status} ${code}`;
  };
  assert.equal(await post("/demo/rate", { perSecond: 1e6 }), "400 bad_parameter");
  assert.equal(await post("/demo/rate", "x".repeat(2000)), "413 too_large");
  assert.equal(await post("/demo/lanes/sse/faults", { cut: 1 }), "400 bad_parameter");
  assert.equal(await post("/demo/lanes/rope/faults", {}), "404 not_found");
  assert.equal(await post("/demo/jobs", {}, { Origin: "http://elsewhere.example" }), "403 forbidden");
  assert.equal(await post("/demo/jobs", {}, { "Content-Type": "text/plain" }), "415 unsupported_media_type");
});

test("[MOVE] a job goes on over a reload, and ends with its digest", async () => {
  await page.click("#job-start");
  await shows(page.locator("#job-files"), /^[1-9]\d* of [1-9]\d*$/);
  await shows(page.locator("#job-status"), /Running/);
  const before = await count(page.locator("#job-files"));
  await Promise.all([page.waitForEvent("load"), page.click("#job-reload")]);
  await shows(page.locator("#job-replayed"), /^[1-9]/);
  await shows(page.locator("#job-status"), /Running/);
  await page.waitForFunction(
    (files) => Number.parseInt(document.querySelector("#job-files")!.textContent!, 10) > files,
    before,
  );
});

test("[SEE] the badge counts what came since it was read, by polling", async () => {
  await page.click("#badge-send");
  await shows(page.locator("#badge-count"), /^[1-9]/);
  await shows(page.locator("#badge-vitals"), /Live over poll/);
  await shows(page.locator("#badge-list"), /Your|Ada|build/);
  await page.click("#badge-read");
  await page.locator("#badge-count").waitFor({ state: "hidden" });
  await page.reload();
  await shows(page.locator("#badge-empty"), /^[1-9]/);
  assert.doesNotMatch((await page.locator("#badge-list").textContent()) ?? "", /Your|Ada|build/);
  assert.ok((await count(page.locator("#badge-requests"))) >= 1);
});

test("[MOVE] lanes whose lines are cut or slowed, or whose servers restart, catch up and lose nothing", async () => {
  await allIsWell();
  for (const id of lanes) await press(id, "Cut the line", true);
  for (const id of lanes) {
    await shows(lane(id).locator(".state"), /recovering/);
    await reaches(id, "Behind", { min: 20 });
  }
  await page.locator('#verdict[data-verdict="behind"]').waitFor();
  for (const id of lanes) await press(id, "Cut the line", false);
  await allIsWell();

  for (const id of lanes) await button(id, "Replace server").click();
  for (const id of lanes) await button(id, "Replace server").and(page.locator(":enabled")).waitFor();
  await allIsWell();

  await page.locator("#rate").fill("60");
  await shows(page.locator("#rate-now"), /^60$/);
  for (const id of lanes) await press(id, "Slow it down", true);
  for (const id of lanes) await reaches(id, "Behind", { min: 40 });
  for (const id of lanes) await press(id, "Slow it down", false);
  await allIsWell();
});

test("[CALM] [MOVE] a deploy moves everybody to new nodes, while they talk, and costs not one event", async () => {
  const other = await open({ width: 1000, height: 800 });
  const names = page.locator("#deploy-nodes h3");
  await shows(names, /^Node \d+ version 1$/);
  const before = await names.allTextContents();
  assert.equal(before.length, 2);
  await page.click("#deploy-start");
  await shows(other.locator("#deploy-status"), /^Version 2 goes out/);
  assert.ok(await other.locator("#deploy-start").isDisabled(), "one deploy at a time, whoever asks");
  await shows(page.locator("#deploy-nodes .state"), /^Not ready \(503\)$/);
  await other.fill("#chat-text", "Is anybody away?");
  await other.keyboard.press("Enter");
  await page.locator("#chat-messages li", { hasText: "Is anybody away?" }).waitFor();
  await page.locator('#deploy-verdict[data-verdict="kept"]').waitFor();
  await shows(
    page.locator("#deploy-verdict"),
    /^12 readers moved\. [\d,]+ events, none lost, none repeated\.$/,
  );
  await shows(page.locator("#deploy-moved"), /^12 of 12$/);
  for (const visitor of [page, other]) {
    await shows(visitor.locator("#deploy-status"), /^Version 2 serves\.$/);
    const after = await visitor.locator("#deploy-nodes h3").allTextContents();
    assert.equal(after.length, 2);
    for (const name of after) {
      assert.match(name, /version 2$/);
      assert.ok(!before.some((one) => one.startsWith(name.replace(/version.*/, ""))), name);
    }
    await shows(visitor.locator("#chat-presence"), /^2 here/);
    await visitor.locator("#deploy-start:enabled").waitFor();
  }
  assert.equal(await other.locator("#chat-messages li", { hasText: "Is anybody away?" }).count(), 1);
  await other.context().close();
  await allIsWell();
});

test("[GAP] [DUP] [ORD] the verdict turns when the numbers of a lane do not add up", async () => {
  const view = await browser.newPage();
  let tampered = 0;
  await view.routeWebSocket(/\/connect$/, (socket) => {
    let events = 0;
    const isLine = new URL(socket.url()).host !== new URL(address).host;
    const server = socket.connectToServer();
    server.onMessage((message) => {
      const number = /"number":(\d+)/.exec(String(message))?.[1];
      if (number !== undefined) events++;
      const isChosen = isLine && events === 3 && tampered++ === 0;
      const other = `"number":${Number(number) + 3}`;
      socket.send(isChosen ? String(message).replace(`"number":${number}`, other) : message);
    });
  });
  await view.goto(address);
  const verdict = view.locator('#verdict[data-verdict="broken"]');
  await shows(verdict, /^A promise is broken: .* lost 1; .* repeated 1; .* had 2 out of order\./);
  await view.close();
});

test("[CLI-6] a lane with a choice goes down the ladder as transports are blocked, and [CLI-7] climbs back", async () => {
  const rung = lane("auto").locator(".rungs [aria-current]");
  await shows(rung, /^WebSocket$/);
  await press("auto", "Block WebSocket", true);
  await shows(rung, /^SSE$/);
  await press("auto", "Block SSE", true);
  await shows(rung, /^Long poll$/);
  for (const id of ["websocket", "sse", "long-poll", "poll"] as const) {
    await press(id, /^Block/, true);
    await shows(lane(id).locator(".state"), /recovering/);
  }
  await page.click("#mend");
  for (const id of lanes)
    await lane(id).locator('button[aria-pressed="true"]').first().waitFor({ state: "detached" });
  await shows(rung, /^WebSocket$/);
  await allIsWell();
});

test("[GAP] a lane that was cut for longer than the log remembers is told of a gap, and loses nothing in silence", async () => {
  await press("sse", "Cut the line", true);
  await page.locator("#rate").fill("200");
  await reaches("sse", "Behind", { min: 1100 });
  await press("sse", "Cut the line", false);
  await shows(figure("sse", "Gaps"), /^1 \(\d+\)$/);
  await page.locator("#rate").fill("20");
  await allIsWell();
  await shows(page.locator("#verdict"), /none lost in silence.*1 gap told which/s);
  await page.click("#recount");
  await shows(figure("sse", "Gaps"), /^0$/);
});

test("[MOVE] twenty seconds of storm break no promise", async (t) => {
  const storm = page.locator("#storm");
  await storm.press("Enter");
  await page.locator('#storm[aria-pressed="true"]').waitFor();

  await t.test("[SEE] meanwhile the page fits wide and narrow windows, light and dark", async (t) => {
    t.diagnostic(`screenshots: ${shots}`);
    const view = await open({ width: 1600, height: 900 });
    await view.locator("#machine .stroke[d]").nth(3).waitFor({ state: "attached" });
    for (const width of [1600, 1400, 1000, 680, 390, 360]) {
      await view.setViewportSize({ width, height: 900 });
      const overflow = await view.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.equal(overflow, 0, `scrolls sideways at ${width}`);
      assert.deepEqual(await view.evaluate(clippedTexts), [], `at ${width}`);
      if (width !== 1400 && width !== 390) continue;
      for (const colorScheme of ["light", "dark"] as const) {
        await view.emulateMedia({ colorScheme });
        await view.screenshot({ path: join(shots, `${width}-${colorScheme}.png`), fullPage: true });
      }
    }
    await view.context().close();
  });

  await t.test("[SEE] meanwhile every text stands out from its background, light and dark", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      assert.deepEqual(await page.evaluate(faintTexts), [], colorScheme);
    }
    await page.emulateMedia({ colorScheme: "light" });
  });

  await page.locator('#storm[aria-pressed="false"]').waitFor({ timeout: 30_000 });
  await allIsWell();
});

test("[END-1] the job has ended meanwhile, and its channel still tells so to whoever comes late", async () => {
  await shows(page.locator("#job-path"), /^SHA-256 of all: [0-9a-f]{64}$/);
  await shows(page.locator("#job-status"), /^\d+ files in \d+/);
  assert.equal(await page.locator("#job-bar").getAttribute("aria-valuenow"), "100");
  // It is the end of the channel that lets the next job begin.
  await page.locator("#job-start:enabled").waitFor();
});

test("[SEE] a visitor may choose the theme, and keeps it", async () => {
  const theme = page.locator("#theme");
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await theme.click();
  await shows(theme, /light/);
  await theme.click();
  await shows(theme, /dark/);
  assert.notEqual(await background(), light);
  await page.reload();
  await shows(theme, /dark/);
  assert.notEqual(await background(), light);
});

test("[SEE] the page loads nothing from elsewhere and runs nothing from within", async () => {
  const response = await fetch(address);
  const policy = response.headers.get("content-security-policy") ?? "";
  assert.doesNotMatch(policy, /unsafe|\*/);
  assert.match(policy, /default-src 'none'/);
  const names = await page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
  for (const name of names) assert.equal(new URL(name).hostname, "127.0.0.1", name);
});

test("[SEE] nobody complained: neither the pages, nor the server", () => {
  assert.deepEqual(complaints, []);
  assert.equal(demo.errors, "");
  assert.equal(demo.output.trim().split("\n").length, 1);
});

test("[CALM] it ends when told to, and says so when its port is taken", async () => {
  const blocker = createServer().listen(0, "127.0.0.1");
  await once(blocker, "listening");
  const { port } = blocker.address() as { port: number };
  const second = new DemoProcess(port);
  const code = await second.ended();
  blocker.close();
  assert.equal(code, 1);
  assert.match(second.errors, new RegExp(`^Port ${port} is taken .* --port ${port + 1}\\n$`));
  const ended = await demo.end();
  assert.equal(demo.errors, "");
  assert.equal(ended, 0);
});
