import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchChromium } from "./chromium.ts";
import { DemoProcess } from "./demo-process.ts";
import { shows } from "./shows.ts";

const transports = ["websocket", "sse", "long-poll", "poll", "auto"];
/** So short that all that happens here happens over many tokens. */
const tokenSeconds = 12;

let demo: DemoProcess;
let address: string;
let browser: Browser;
const complaints: string[] = [];

before(async () => {
  demo = new DemoProcess(0, { DEMO_TOKEN_SECONDS: String(tokenSeconds) });
  [address, browser] = await Promise.all([demo.address(), launchChromium()]);
});

after(async () => {
  await browser?.close();
  await demo?.end();
});

async function open(context?: BrowserContext): Promise<Page> {
  const page = await (context ?? (await browser.newContext())).newPage();
  page.setDefaultTimeout(20_000);
  page.on("pageerror", (error) => complaints.push(`page error: ${error.message}`));
  await page.goto(address);
  await shows(page.locator("#you-name"), /^[a-z]+-\d{6}$/);
  return page;
}

const nameOf = (page: Page) => page.locator("#you-name").textContent();

interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Asks as a program does, and tells the status, with the code of a refusal. */
async function ask(method: "GET" | "POST", path: string, { headers = {}, body }: Asked = {}) {
  const response = await fetch(new URL(path, address), {
    method,
    headers: { "Content-Type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Readonly<Record<string, string>>;
  const { code } = answer;
  return {
    outcome: code === undefined ? `${response.status}` : `${response.status} ${code}`,
    answer,
    cookie: response.headers.get("set-cookie") ?? "",
  };
}

const tab = "0123456789abcdef".repeat(2);
const askToken = (cookie?: string) =>
  ask("POST", "/demo/token", {
    body: { tab },
    ...(cookie === undefined ? {} : { headers: { Cookie: cookie } }),
  });

test("[AUTH] a visitor is known by a cookie that no page can read, and nobody can make up", async () => {
  const first = await askToken();
  assert.match(first.cookie, /^visitor-\d+=[\w.-]+; Path=\/demo; Max-Age=\d+; HttpOnly; SameSite=Strict$/);
  const cookie = first.cookie.split(";")[0]!;
  const again = await askToken(cookie);
  assert.equal(again.answer.user, first.answer.user);
  assert.equal(again.cookie, "");
  assert.notEqual(again.answer.token, first.answer.token);
  const [name] = cookie.split("=");
  for (const forged of [`${name}=`, `${name}=${first.answer.token}`, `${cookie.slice(0, -4)}AAAA`]) {
    const { answer, cookie: fresh } = await askToken(forged);
    assert.notEqual(answer.user, first.answer.user);
    assert.notEqual(fresh, "");
  }
  assert.equal((await ask("POST", "/demo/token", { body: { tab: "mine" } })).outcome, "400 bad_parameter");
  const elsewhere = { Origin: "http://elsewhere.example" };
  const foreign = await ask("POST", "/demo/token", { body: { tab }, headers: elsewhere });
  assert.equal(foreign.outcome, "403 forbidden");
});

test("[AUTH-3] [AUTH-13] a token's grants say what a visitor may do, and without one a little may be read", async () => {
  const { user = "", token = "" } = (await askToken()).answer;
  const headers = { Authorization: `Bearer ${token}` };
  const publish = async (channel: string, body: unknown) =>
    (await ask("POST", `/channels/${channel}`, { headers, body })).outcome;
  const read = async (channel: string, how = {}) => (await ask("GET", `/channels/${channel}`, how)).outcome;
  assert.equal(await publish("chat:lobby", { name: "A", text: "Hello" }), "201");
  assert.equal(await publish(`inbox:${user}`, { text: "For me" }), "201");
  assert.equal(await publish("chat:lobby", "x".repeat(5000)), "413 too_large");
  assert.equal(await publish("chat:lobby/close", {}), "403 forbidden");
  assert.equal(await publish("inbox:heron-000000", { text: "For you" }), "403 forbidden");
  assert.equal(await publish("machine", { cpu: 2 }), "403 forbidden");
  assert.equal(await publish("bench:ticks", { number: 1 }), "403 forbidden");
  assert.equal(await read(`inbox:${user}`, { headers }), "200");
  assert.equal(await read("inbox:heron-000000", { headers }), "403 forbidden");

  assert.equal(await read("machine"), "200");
  assert.equal(await read("chat:lobby"), "403 forbidden");
  assert.equal((await ask("POST", "/channels/machine", { body: {} })).outcome, "403 forbidden");
  const wrong = { headers: { Authorization: `Bearer ${token}x` } };
  assert.equal(await read("machine", wrong), "401 unauthenticated");
});

test("[AUTH] two tabs are one visitor, and another browser is another one", async () => {
  const context = await browser.newContext();
  const [one, two] = [await open(context), await open(context)];
  const other = await open();
  assert.equal(await nameOf(one), await nameOf(two));
  assert.notEqual(await nameOf(one), await nameOf(other));
  for (const page of [one, two, other]) await shows(page.locator("#chat-vitals"), /Live over WebSocket/);
  await one.click("#badge-send");
  for (const page of [one, two]) await shows(page.locator("#badge-count"), /^1$/);
  await shows(other.locator("#badge-empty"), /^[1-9]/);
  assert.ok(await other.locator("#badge-count").isHidden(), "an inbox is its owner's alone");
  await context.close();
  await other.context().close();
});

test("[EXP-4] [MOVE] tokens are renewed over and over, and no connection, event or member is lost", async () => {
  const page = await open();
  const claims = page.locator("#you-claims");
  await shows(page.locator("#you-tokens"), /^1$/);
  const before = JSON.parse((await claims.textContent()) ?? "") as Record<string, number>;
  assert.equal(Math.round(before.exp! - before.iat!), tokenSeconds);
  // All that the page had at first has ended by then.
  await page.waitForFunction(
    (exp) => JSON.parse(document.querySelector("#you-claims")!.textContent!).iat > exp!,
    before.exp,
    { timeout: 40_000 },
  );
  const now = JSON.parse((await claims.textContent()) ?? "") as Record<string, number>;
  assert.notEqual(now.jti, before.jti);
  assert.equal(now.sid, before.sid);
  assert.equal(await page.locator("#you-drops").textContent(), "0");
  assert.equal(await page.locator("#you-wrong").textContent(), "0, 0");
  for (const id of transports) {
    const lane = page.locator(`[data-lane="${id}"]`);
    await shows(lane.locator(".state"), /^Live over/);
    assert.equal(await lane.locator('[data-figure="Lost"]').textContent(), "0", id);
    assert.equal(await lane.locator('[data-figure="Repeated"]').textContent(), "0", id);
    assert.equal(await lane.locator('[data-figure="Gaps"]').textContent(), "0", id);
  }
  await shows(page.locator("#chat-presence"), /^1 here/);
  await page.context().close();
});

test("[REV-1] [REV-4] a tab is signed out at once on all transports, and another tab notices nothing", async () => {
  const context = await browser.newContext();
  const [page, other] = [await open(context), await open(context)];
  const stranger = await open();
  const all = page.locator("#you, #machine, #chat, #badge, #proof");
  const states = all.locator(".state");
  for (const state of await states.all()) await shows(state, /^Live over/);
  await page.click("#you-revoke");
  await shows(
    page.locator("#you-outcome"),
    /^The server ended 8 of this tab's 8 connections: token_revoked\.$/,
  );
  for (const state of await states.all()) assert.equal(await state.textContent(), "Signed out");
  assert.ok(await page.locator("#you-revoke").isHidden());
  const seen = await page.locator("#you-seen").textContent();

  await page.fill("#chat-text", "Does anybody hear me?");
  await page.keyboard.press("Enter");
  await page.locator('#chat-messages li[data-state="failed"]').waitFor();
  await other.fill("#chat-text", "I can still talk.");
  await other.keyboard.press("Enter");
  await stranger.locator("#chat-messages li", { hasText: "I can still talk." }).waitFor();
  for (const visitor of [other, stranger]) {
    await shows(visitor.locator("#you-left"), /^This token ends in/);
    assert.equal(await visitor.locator("#you-outcome").textContent(), "");
    assert.equal(await visitor.locator("#chat-messages li", { hasText: "Does anybody" }).count(), 0);
  }
  assert.equal(await page.locator("#you-seen").textContent(), seen, "nothing more was delivered");
  assert.equal(await page.locator("#chat-messages li", { hasText: "I can still talk." }).count(), 0);

  await page.click("#you-sign-in");
  await shows(
    page.locator("#you-outcome"),
    /^Back\. [1-9][\d,]* events came meanwhile, .*: none lost, none repeated\.$/,
  );
  await page.locator("#chat-messages li", { hasText: "I can still talk." }).waitFor();
  for (const state of await states.all()) await shows(state, /^Live over/);
  assert.equal(await nameOf(page), await nameOf(other));
  await page.locator('#verdict[data-verdict="kept"]').waitFor();
  await shows(page.locator("#verdict"), /none lost, none repeated, all in order.*No gap had to be told/s);
  await page.fill("#chat-text", "Here I am.");
  await page.keyboard.press("Enter");
  await other.locator("#chat-messages li", { hasText: "Here I am." }).waitFor();
  await context.close();
  await stranger.context().close();
});

test("[REV-2] a session that was ended gets no token, and only its own visitor ends it", async () => {
  const mine = await askToken();
  const headers = { Cookie: mine.cookie.split(";")[0]! };
  const theirs = await askToken();
  const token = { Authorization: `Bearer ${theirs.answer.token}` };
  assert.equal((await ask("POST", "/demo/revoke", { body: { tab } })).outcome, "401 unauthenticated");
  assert.equal((await ask("POST", "/demo/revoke", { headers, body: { tab } })).outcome, "200");
  assert.equal((await ask("POST", "/demo/token", { headers, body: { tab } })).outcome, "401 token_revoked");
  const revoked = { headers: { Authorization: `Bearer ${mine.answer.token}` } };
  assert.equal((await ask("GET", "/channels/chat:lobby", revoked)).outcome, "401 token_revoked");
  assert.equal((await ask("GET", "/channels/chat:lobby", { headers: token })).outcome, "200");
  const next = { headers, body: { tab: tab.replace("0", "1") } };
  assert.equal((await ask("POST", "/demo/token", next)).answer.user, mine.answer.user);
});

for (const [name, id] of [
  ["EventSource", "#plain-eventsource"],
  ["WebSocket", "#plain-websocket"],
] as const) {
  test(`[TICK-2] [EXP-3] a bare ${name} reads on with ticket after ticket, and misses and repeats nothing`, async () => {
    const page = await open();
    const said = (text: string) => page.locator("#plain-said li", { hasText: text });
    const say = async (text: string) => {
      await page.fill("#chat-text", text);
      await page.keyboard.press("Enter");
      await said(text).waitFor();
    };
    await page.click(id);
    await shows(page.locator("#plain-status"), /^Open, with ticket 1\.$/);
    await say(`First over ${name}`);
    // The token has ended by then, and so has what its ticket opened.
    await shows(page.locator("#plain-status"), /^Open, with ticket 2\.$/, 40_000);
    await say(`Second over ${name}`);
    for (const text of [`First over ${name}`, `Second over ${name}`])
      assert.equal(await said(text).count(), 1);
    await page.click("#you-revoke");
    await shows(page.locator("#plain-status"), /session was ended/);
    assert.ok(await page.locator("#plain-close").isDisabled());
    await page.click("#you-sign-in");
    await shows(page.locator("#you-outcome"), /^Back/);
    await page.click(id);
    await said(`Second over ${name}`).waitFor();
    await page.click("#plain-close");
    await shows(page.locator("#plain-status"), /^Nothing is open\.$/);
    await page.context().close();
  });
}

test("[MOVE] a page is there for a demo that was started anew, which knows nobody", async (t) => {
  const first = new DemoProcess(0);
  t.after(() => first.end());
  const url = await first.address();
  const page = await (await browser.newContext()).newPage();
  page.setDefaultTimeout(30_000);
  await page.goto(url);
  await shows(page.locator("#chat-vitals"), /Live over WebSocket/);
  const before = await nameOf(page);
  await first.end();
  await shows(page.locator("#chat-vitals"), /recovering/);
  const second = new DemoProcess(Number(new URL(url).port));
  t.after(() => second.end());
  await second.address();
  await page.waitForFunction((name) => {
    const text = document.querySelector("#you-name")?.textContent ?? "";
    return /^[a-z]+-\d{6}$/.test(text) && text !== name;
  }, before);
  for (const id of ["#machine-vitals", "#chat-vitals", "#badge-vitals"]) {
    await shows(page.locator(id), /Live over/);
  }
  await page.locator('#verdict[data-verdict="kept"]').waitFor();
  await page.context().close();
  assert.equal(await second.end(), 0);
  assert.equal(`${first.errors}${second.errors}`, "");
});

test("[AUTH] no token stands in the page's addresses, its markup or what it keeps", async () => {
  const page = await open();
  const urls: string[] = [];
  page.on("request", (request) => urls.push(request.url()));
  page.on("websocket", (socket) => urls.push(socket.url()));
  await page.reload();
  await shows(page.locator("#chat-vitals"), /Live over WebSocket/);
  await shows(page.locator("#badge-vitals"), /Live over poll/);
  assert.ok(urls.length > 10);
  for (const url of urls) assert.doesNotMatch(url, /eyJ|token=/, url);
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
  const markup = await page.content();
  const cookies = await page.evaluate(() => document.cookie);
  for (const text of [kept, markup, cookies]) assert.doesNotMatch(text, /eyJ/);
  await page.context().close();
});

test("[SEE] the line of curl at the end of the page works as it stands there", async () => {
  const page = await open();
  const line = (await page.locator(".foot code").textContent()) ?? "";
  assert.match(line, /^curl /);
  const shell = spawn("sh", ["-c", `exec ${line}`], { stdio: ["ignore", "pipe", "ignore"] });
  let output = "";
  for await (const text of shell.stdout.setEncoding("utf8")) {
    output += text;
    if (/^id: \S+\ndata: \{"cpu":/m.test(output)) break;
  }
  shell.kill();
  if (shell.exitCode === null && shell.signalCode === null) await once(shell, "exit");
  assert.match(output, /^data: \{"cpu":/m);
  await page.context().close();
});

test("[SEE] nobody complained: neither the pages, nor the server", () => {
  assert.deepEqual(complaints, []);
  assert.equal(demo.errors, "");
});
