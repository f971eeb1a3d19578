import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect as dial } from "node:net";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { connect } from "@holdfast/client";
import type { Principal } from "@holdfast/core/server";
import { subprotocols } from "@holdfast/protocol";
import { msgpackCodec } from "@holdfast/protocol/msgpack";
import { WebSocket } from "ws";
import { call, post, type Rig, SocketClient, StreamClient, startNode, until } from "../rig.test.ts";
import {
  ada,
  as,
  authorization,
  believing,
  changePermissions,
  hello,
  revoke,
  root,
  startNodes,
} from "./people.test.ts";

/** Opens one connection that stays, and tells how it ends. */
type Opening = (t: TestContext, rig: Rig, principal: Principal) => Promise<() => Promise<string>>;

const openings: Record<string, Opening> = {
  async websocket(t, { url }, principal) {
    const client = await SocketClient.open(t, `${url}/connect`);
    client.say(hello(principal, "a"));
    await client.message(1);
    return async () => Object.values(await client.closes()).join(" ");
  },
  async msgpack(t, { url }, principal) {
    const socket = new WebSocket(`${url.replace("http", "ws")}/connect`, [subprotocols.msgpack], {
      headers: as(principal),
      perMessageDeflate: false,
    });
    t.after(() => socket.terminate());
    let heard = 0;
    let closed: string | undefined;
    socket.on("message", () => heard++);
    socket.on("close", (code, reason) => {
      closed = `${code} ${reason.toString()}`;
    });
    socket.on("open", () =>
      socket.send(msgpackCodec.encode({ type: "hello", subscriptions: [{ channel: "a" }] })),
    );
    await until(() => heard >= 2);
    return async () => {
      await until(() => closed !== undefined);
      return closed ?? "";
    };
  },
  async "plain websocket"(t, { url }, principal) {
    const client = await SocketClient.open(t, `${url}/channels/a`, { headers: as(principal) });
    await client.message(0);
    return async () => Object.values(await client.closes()).join(" ");
  },
  async "sse session"(t, { url }, principal) {
    const stream = await StreamClient.open(t, `${url}/connect`, { body: hello(principal, "a") });
    await until(() => stream.messages.length >= 2);
    return async () => {
      await stream.ends();
      return stream.messages.at(-1).code as string;
    };
  },
  async "plain sse"(t, { url }, principal) {
    const stream = await StreamClient.open(t, `${url}/channels/a`, { headers: as(principal) });
    await stream.receives("id:");
    return async () => {
      await stream.ends();
      return "ended";
    };
  },
  async events(t, { url }, principal) {
    const stream = await StreamClient.open(t, `${url}/events?channel=a&channel=b`, {
      headers: as(principal),
    });
    await stream.receives("id:");
    return async () => {
      await stream.ends();
      return "ended";
    };
  },
  async "long poll"(_t, { url, holdfast }, principal) {
    const before = holdfast.stats().waiters;
    const answer = call(`${url}/channels/a?wait=50&after=latest`, { headers: as(principal) });
    await until(() => holdfast.stats().waiters > before);
    return async () => {
      const { status, json } = await answer;
      return `${status} ${json.code}`;
    };
  },
  async "session answer"(_t, { url, holdfast }, principal) {
    const before = holdfast.stats().readers;
    const answer = post(`${url}/connect?wait=50`, JSON.stringify(hello(principal, "a")));
    await until(() => holdfast.stats().readers > before);
    return async () => {
      const { json } = await answer;
      return json.messages.at(-1).code as string;
    };
  },
};

const ends: Record<string, { revoked: string; lost: string }> = {
  websocket: { revoked: "4401 token_revoked", lost: "" },
  msgpack: { revoked: "4401 token_revoked", lost: "" },
  "plain websocket": { revoked: "4401 token_revoked", lost: "4403 forbidden" },
  "sse session": { revoked: "token_revoked", lost: "" },
  "plain sse": { revoked: "ended", lost: "ended" },
  events: { revoked: "ended", lost: "ended" },
  "long poll": { revoked: "401 token_revoked", lost: "403 forbidden" },
  "session answer": { revoked: "token_revoked", lost: "" },
};

for (const [name, open] of Object.entries(openings)) {
  test(`[REV-1] [REV-4] what was revoked on one node ends on another: ${name}`, async (t) => {
    const [first, second = first] = await startNodes(t, 2);
    const end = await open(t, second, ada);
    const other = await SocketClient.open(t, `${second.url}/connect`);
    other.say(hello({ user: "bob" }, "a"));
    await other.message(1);
    const { status, json } = await revoke(first, { user: "ada" });
    assert.deepEqual([status, json.user], [201, "ada"]);
    assert.equal(await end(), ends[name]?.revoked);
    await first.holdfast.publish("a", 1);
    assert.equal((await other.message(2)).type, "events");
    await until(() => second.holdfast.stats().sessions + second.holdfast.stats().waiters === 1);
  });

  if (ends[name]?.lost !== "") {
    test(`[REV-5] [REV-10] who may not read any more is let go: ${name}`, async (t) => {
      let may = true;
      const [first, second = first] = await startNodes(t, 2, {
        ...believing,
        authorize: ({ user }, action) => user === "root" || (action === "read" && may),
      });
      const end = await open(t, second, ada);
      may = false;
      assert.equal((await changePermissions(first, "bob")).status, 202);
      assert.equal((await changePermissions(first, "ada")).status, 202);
      assert.equal(await end(), ends[name]?.lost);
      await until(() => second.holdfast.stats().readers === 0);
    });
  }
}

test("[REV-5] a session loses what it may not have, is told so once, and reads on", async (t) => {
  const lost = new Set<string>();
  const [first, second = first] = await startNodes(t, 2, {
    ...believing,
    authorize: ({ user }, _action, channel) => user === "root" || !lost.has(channel),
  });
  const client = await SocketClient.open(t, `${second.url}/connect`);
  const { type, subscriptions, token } = hello(ada, "a", "b", "c") as {
    type: string;
    token: string;
    subscriptions: object[];
  };
  client.say({ type, token, subscriptions: subscriptions.map((one) => ({ ...one, join: { name: "ada" } })) });
  await client.message(3);
  await until(() => second.holdfast.stats().readers === 3);
  const members = async (channel: string) =>
    (await call(`${second.url}/channels/${channel}/presence`, { headers: root })).json.members
      .length as number;
  assert.deepEqual([await members("a"), await members("b")], [1, 1]);
  lost.add("a").add("c");
  await first.holdfast.permissionsChanged({ user: "ada" });
  const told = [await client.message(4), await client.message(5)];
  assert.deepEqual(
    told.map(({ type, channel, code, reason }) => [type, channel, code, typeof reason]),
    [
      ["unsubscribed", "a", "forbidden", "string"],
      ["unsubscribed", "c", "forbidden", "string"],
    ],
  );
  // At once, and not after the time that a member has to come back.
  assert.deepEqual([await members("a"), await members("b")], [0, 1]);
  for (const channel of ["a", "b", "c"]) await first.holdfast.publish(channel, 1);
  assert.equal((await client.message(6)).channel, "b");
});

for (const transport of ["websocket", "sse", "long-poll"] as const) {
  test(`[REV-5] [MOVE-1] a client that loses a channel misses nothing of the others: ${transport}`, async (t) => {
    let may = true;
    const [first, second = first] = await startNodes(t, 2, {
      ...believing,
      authorize: ({ user }, _action, channel) => user === "root" || may || channel !== "lost",
    });
    const client = connect(second.url, { token: JSON.stringify(ada), transports: [transport] });
    t.after(() => client.close());
    const errors: unknown[] = [];
    const seen: unknown[] = [];
    const last: unknown[] = [];
    client.subscribe("lost", {
      onEvent: ({ data }) => last.push(data),
      onError: (error) => errors.push(error),
    });
    client.subscribe("kept", { onEvent: ({ data }) => seen.push(data) });
    await until(() => second.holdfast.stats().readers === 2);
    let count = 0;
    const publishBoth = async () => {
      await first.holdfast.publish("kept", ++count);
      await first.holdfast.publish("lost", count);
      // The log answers at once; the sockets have their turn as well.
      await setImmediate();
    };
    while (last.length === 0) await publishBoth();
    may = false;
    // The publishes go on while it is found out.
    const changed = first.holdfast.permissionsChanged({ user: "ada" });
    for (let more = 0; more < 20; more++) await publishBoth();
    await changed;
    await until(() => errors.length === 1);
    const { length } = last;
    for (let more = 0; more < 20; more++) await publishBoth();
    await until(() => seen.length === count);
    assert.equal((errors[0] as { code: string }).code, "forbidden");
    assert.deepEqual(
      seen,
      Array.from({ length: count }, (_, index) => index + 1),
    );
    assert.equal(last.length, length);
  });
}

/** A client that takes nothing until it is told to, and what it then has got. */
async function stalled(
  t: TestContext,
  { port, holdfast }: Pick<Rig, "port" | "holdfast">,
  head: readonly string[],
  said?: Buffer,
) {
  const socket = dial({ port, host: "127.0.0.1" });
  t.after(() => socket.destroy());
  let received = "";
  let isClosed = false;
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    isClosed = true;
  });
  socket.write([...head, "Host: 127.0.0.1", "", ""].join("\r\n"));
  await until(() => received.includes("\r\n\r\n"));
  if (said !== undefined) socket.write(said);
  await until(() => holdfast.stats().readers > 0);
  socket.pause();
  return async () => {
    socket.resume();
    await until(() => isClosed);
    return received;
  };
}

/** A frame of a client. RFC 6455 §5.2; the key that masks it is zero. */
function maskedFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([
    Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255, 0, 0, 0, 0]),
    payload,
  ]);
}

const upgrade = [
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
];
interface Stalling {
  readonly head: readonly string[];
  readonly said?: Buffer;
  /** On a server of somebody else. */
  readonly isAttached?: boolean;
}

const stalling: Record<string, Stalling> = {
  websocket: {
    head: ["GET /connect HTTP/1.1", ...upgrade],
    said: maskedFrame(`${JSON.stringify(hello(ada, "a", "b"))}${" ".repeat(200)}`),
  },
  "plain websocket": { head: ["GET /channels/a HTTP/1.1", authorization, ...upgrade] },
  sse: { head: ["GET /channels/a HTTP/1.1", authorization, "Accept: text/event-stream"] },
  "sse on another's server": {
    head: ["GET /channels/a HTTP/1.1", authorization, "Accept: text/event-stream"],
    isAttached: true,
  },
  "sse over HTTP/1.0": { head: ["GET /channels/a HTTP/1.0", authorization, "Accept: text/event-stream"] },
};
for (const [name, { head, said, isAttached = false }] of Object.entries(stalling)) {
  for (const [what, act] of Object.entries({
    "[REV-4] of a user that was revoked": (rig: Rig) => revoke(rig, { user: "ada" }),
    "[REV-5] of a channel that was lost": (rig: Rig) => changePermissions(rig, "ada"),
  })) {
    test(`${what}, nothing is sent that waits behind a client that takes nothing: ${name}`, async (t) => {
      let may = true;
      const rig = await startNode(t, {
        ...believing,
        authorize: ({ user }, _action, channel) => user === "root" || may || channel !== "a",
        // All of it is written, and waits in the socket.
        limits: { connectionBufferBytesMax: 100_000_000, pageBytesMax: 50_000_000 },
      });
      const { holdfast } = rig;
      const server = createServer();
      t.after(holdfast.attach(server));
      t.after(() => server.close());
      await once(server.listen(0, "127.0.0.1"), "listening");
      const { port } = isAttached ? (server.address() as AddressInfo) : rig;
      const readAll = await stalled(t, { holdfast, port }, head, said);
      for (let n = 1; n <= 80; n++) await holdfast.publish("a", `event ${n}! ${"x".repeat(250_000)}`);
      await until(() => holdfast.stats().unsentBytes > 1_000_000);
      may = false;
      await act(rig);
      await until(() => holdfast.stats().sessions === 0);
      const received = await readAll();
      assert.ok(!received.includes("event 80!"));
    });
  }
}
