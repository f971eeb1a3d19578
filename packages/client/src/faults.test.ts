import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { type FakeServer, take, until, using } from "./fake-server.test.ts";

const data = (events: readonly { data: unknown }[]) => events.map((event) => event.data);
const wantsStream = ({ headers }: IncomingMessage) => headers.accept === "text/event-stream";
const count = (server: FakeServer, pattern: RegExp) =>
  server.requests.filter((one) => pattern.test(one)).length;

/** What a client asks to find out whether it is an outage. Rule LIM-11. */
const probes = /^GET \/connect \*/;

/** Accepts the upgrade, as a proxy would, and then passes nothing on. */
function acceptAndSwallow({ headers }: IncomingMessage, socket: Duplex): boolean {
  const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = createHash("sha1").update(`${headers["sec-websocket-key"]}${guid}`).digest("base64");
  socket.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: holdfast.v1.json\r\n\r\n`,
  );
  socket.resume();
  return true;
}

/** Opens the stream, and keeps what follows to itself. */
function openAndHold(request: IncomingMessage, response: ServerResponse): boolean {
  if (!wantsStream(request)) return false;
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.flushHeaders();
  return true;
}

function answerWith(status: number, type: string, body: string) {
  return (request: IncomingMessage, response: ServerResponse) => {
    if (!wantsStream(request)) return false;
    response.writeHead(status, { "Content-Type": type });
    response.end(body);
    return true;
  };
}

test("[CLI-6] behind a proxy that accepts a WebSocket and swallows its frames, events come another way", async () => {
  await using({ need: "duplex" }, async (client, server) => {
    server.onUpgrade = acceptAndSwallow;
    const subscription = client.subscribe("a", { after: "oldest" });
    server.publish("a", 1);
    assert.deepEqual(data(await take(subscription, 1)), [1]);
    assert.equal(client.transport, "sse");
    assert.equal(count(server, /websocket/), 1, "one silence is proof enough");
  });
});

test("[CLI-6] behind a proxy that buffers streams, events come another way", async () => {
  await using({ transports: ["sse", "long-poll"] }, async (client, server) => {
    server.onRequest = openAndHold;
    const subscription = client.subscribe("a", { after: "oldest" });
    server.publish("a", 1);
    assert.deepEqual(data(await take(subscription, 1)), [1]);
    assert.equal(client.transport, "long-poll");
  });
});

test("[CLI-7] [MOVE-1] once the proxy is gone it climbs back, and no event is lost or repeated", async () => {
  await using({ transports: ["websocket", "sse", "poll"] }, async (client, server) => {
    server.onUpgrade = acceptAndSwallow;
    const subscription = client.subscribe<number>("a", { after: "oldest" });
    const seen: unknown[] = [];
    let published = 0;
    const via = () => client.transport;
    const step = async () => {
      server.publish("a", ++published);
      seen.push(...data(await take(subscription, 1)));
    };
    await step();
    assert.equal(via(), "sse");
    server.onUpgrade = undefined;
    while (via() !== "websocket") await step();
    await step();
    assert.deepEqual(
      seen,
      Array.from(seen, (_, index) => index + 1),
    );
  });
});

const impostors = {
  "a page of HTML": answerWith(200, "text/html", "<html>please log in</html>"),
  "an error as JSON": answerWith(200, "application/json", '{"error":"no"}'),
  "an error in a stream": answerWith(200, "text/event-stream", '{"error":"no"}\n\n'),
  "an event that is no message": answerWith(200, "text/event-stream", 'data: {"error":"no"}\n\n'),
  "an event that is no JSON": answerWith(200, "text/event-stream", "data: <html>\n\n"),
  "an empty stream": answerWith(200, "text/event-stream", ""),
  "an error of a proxy": answerWith(502, "text/html", "bad gateway"),
};

for (const [name, impostor] of Object.entries(impostors)) {
  test(`[CLI-6] ${name} with a 200 is a failure, tried once more and then avoided`, async () => {
    await using({ transports: ["sse", "long-poll"] }, async (client, server) => {
      server.onRequest = impostor;
      const subscription = client.subscribe("a", { after: "oldest" });
      server.publish("a", 1);
      assert.deepEqual(data(await take(subscription, 1)), [1]);
      assert.equal(client.transport, "long-poll");
      assert.equal(count(server, /connect text\/event-stream/), 2);
      assert.equal(count(server, probes), 2, "each failure was looked into");
    });
  });
}

test("[CLI-6] when plain HTTP is answered by a portal it is an outage, and nothing is downgraded", async () => {
  await using({ transports: ["sse", "long-poll"] }, async (client, server) => {
    let isCaptive = true;
    server.onRequest = (_, response) => {
      if (isCaptive)
        response.writeHead(200, { "Content-Type": "text/html" }).end("<html>please log in</html>");
      return isCaptive;
    };
    const subscription = client.subscribe("a", { after: "oldest" });
    await until(() => count(server, probes) >= 4);
    isCaptive = false;
    server.publish("a", 1);
    assert.deepEqual(data(await take(subscription, 1)), [1]);
    assert.equal(client.transport, "sse");
    assert.equal(count(server, /application\/json/), 0);
  });
});

test("[CLI-6] a server that is not there is an outage, and nothing is downgraded", async () => {
  await using({ need: "duplex" }, async (client, server) => {
    const subscription = client.subscribe("a", { after: "oldest" });
    server.onUpgrade = (_, socket) => {
      socket.destroy();
      return true;
    };
    server.onRequest = ({ socket }) => {
      socket.destroy();
      return true;
    };
    await until(() => count(server, probes) >= 4);
    server.onUpgrade = undefined;
    server.onRequest = undefined;
    server.publish("a", 1);
    assert.deepEqual(data(await take(subscription, 1)), [1]);
    assert.equal(client.transport, "websocket");
  });
});

test("[MOVE-1] a stream cut in the middle of a message loses nothing and repeats nothing", async () => {
  await using({ transports: ["sse"] }, async (client, server) => {
    const subscription = client.subscribe<number>("a");
    await subscription.ready;
    let cuts = 0;
    server.onRequest = (request, response) => {
      if (!wantsStream(request) || cuts++ > 5) return false;
      const write = response.write.bind(response);
      let left = 300 + 40 * cuts;
      response.write = ((text: string) => {
        left -= text.length;
        if (left > 0) return write(text);
        write(text.slice(0, left));
        setImmediate(() => request.socket.destroy());
        return true;
      }) as typeof response.write;
      return false;
    };
    server.cut();
    const expected = Array.from({ length: 30 }, (_, index) => index);
    for (const one of expected) {
      server.publish("a", one);
      assert.deepEqual(data(await take(subscription, 1)), [one]);
    }
    assert.ok(cuts > 3);
  });
});

test("[MOVE-1] an answer to a poll that is cut in its middle counts for nothing", async () => {
  await using({ transports: ["long-poll"] }, async (client, server) => {
    const subscription = client.subscribe<number>("a", { after: "oldest" });
    await subscription.ready;
    let cuts = 0;
    server.onRequest = (request, response) => {
      const end = response.end.bind(response);
      response.end = ((text: string) => {
        if (!text.includes('"events"') || cuts++ % 2 === 1) return end(text);
        response.write(text.slice(0, -10));
        setImmediate(() => request.socket.destroy());
        return response;
      }) as typeof response.end;
      return false;
    };
    for (const one of [1, 2, 3, 4, 5]) {
      server.publish("a", one);
      assert.deepEqual(data(await take(subscription, 1)), [one]);
    }
    assert.ok(cuts >= 5);
  });
});

const garbage: Record<string, (socket: Duplex) => void> = {
  "text that is no JSON": (socket) => socket.write(Buffer.from([0x81, 0x02, 0x7b, 0x7b])),
  "a binary frame": (socket) => socket.write(Buffer.from([0x82, 0x02, 0x7b, 0x7d])),
  "text that is no UTF-8": (socket) => socket.write(Buffer.from([0x81, 0x02, 0xc3, 0x28])),
  "a frame out of protocol": (socket) => socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff])),
  "a message without a type": (socket) => socket.write(Buffer.from([0x81, 0x02, 0x5b, 0x5d])),
  "half a frame, and then nothing more": (socket) => {
    socket.write(Buffer.from([0x81, 0x7d, 0x7b]));
    socket.destroy();
  },
};

for (const [name, send] of Object.entries(garbage)) {
  test(`[MOVE-1] a WebSocket that sends ${name} is replaced, and nothing is lost`, async () => {
    await using({ transports: ["websocket"] }, async (client, server) => {
      const subscription = client.subscribe("a");
      await subscription.ready;
      server.publish("a", 1);
      assert.deepEqual(data(await take(subscription, 1)), [1]);
      const [session] = server.sessions;
      if (session !== undefined) send(session.socket);
      await until(() => server.hellos.length > 1);
      server.publish("a", 2);
      assert.deepEqual(data(await take(subscription, 1)), [2]);
    });
  });
}

test("[CLI-2] a server that drops a batch is found out, and asked again from the position", async () => {
  for (const transport of ["websocket", "sse"] as const) {
    await using({ transports: [transport] }, async (client, server) => {
      const subscription = client.subscribe<number>("a");
      await subscription.ready;
      let batches = 0;
      server.onSay = ({ type }) => type === "events" && ++batches % 3 === 2;
      const expected = Array.from({ length: 20 }, (_, index) => index);
      for (const one of expected) server.publish("a", one);
      assert.deepEqual(data(await take(subscription, 20)), expected);
    });
  }
});

test("[BEAT-2] so is one that drops the last batch of an idle channel", async () => {
  for (const transport of ["websocket", "sse"] as const) {
    await using({ transports: [transport] }, async (client, server) => {
      const subscription = client.subscribe("a");
      await subscription.ready;
      server.onSay = ({ type }) => type === "events";
      server.publish("a", "lost");
      server.onSay = undefined;
      server.sessions[0]?.say({ type: "heartbeat", heads: { a: "k-1" } });
      assert.deepEqual(data(await take(subscription, 1)), ["lost"]);
    });
  }
});

test("[CLI-5] a link that has gone silent is given up, on every transport", async () => {
  for (const transport of ["websocket", "sse", "long-poll", "poll"] as const) {
    await using({ transports: [transport] }, async (client, server) => {
      // Every other session is one that a dead server still seems to hold.
      let sessions = 0;
      server.onSay = (message, session) => {
        if (message.type === "welcome") {
          sessions++;
          if (sessions === 1) session.force({ ...message, heartbeatMs: 50 });
        }
        return sessions === 1 && message.type !== "subscribed";
      };
      const subscription = client.subscribe("a");
      await subscription.ready;
      server.publish("a", 1);
      if (transport.endsWith("poll")) server.cut();
      assert.deepEqual(data(await take(subscription, 1)), [1]);
      assert.ok(sessions > 1);
    });
  }
});

test("[CLI-8] told to come back later, it does, from where it stood", async () => {
  await using({ transports: ["websocket"] }, async (client, server) => {
    const subscription = client.subscribe("a");
    await subscription.ready;
    server.sessions[0]?.say({ type: "reconnect", delayMs: 20, reason: "drain" });
    server.cut();
    server.publish("a", 1);
    assert.deepEqual(data(await take(subscription, 1)), [1]);
    assert.equal(server.hellos.at(-1)?.subscriptions[0]?.after, "k-0");
  });
});

test("early answers are no sign of life", async () => {
  await using({ transports: ["sse", "long-poll"] }, async (client, server) => {
    const held: NodeJS.Timeout[] = [];
    server.onRequest = (request, response) => {
      if (!wantsStream(request)) return false;
      // Only 1xx, ever, as a proxy that waits for its upstream sends.
      held.push(setInterval(() => response.writeProcessing(), 20));
      request.socket.on("close", () => held.forEach(clearInterval));
      return true;
    };
    const subscription = client.subscribe("a", { after: "oldest" });
    server.publish("a", 1);
    assert.deepEqual(data(await take(subscription, 1)), [1]);
    assert.equal(client.transport, "long-poll");
    held.forEach(clearInterval);
  });
});

test("a platform without WebSocket goes the other ways", async () => {
  const { WebSocket } = globalThis;
  Reflect.deleteProperty(globalThis, "WebSocket");
  try {
    await using({ need: "duplex" }, async (client, server) => {
      server.publish("a", 1);
      assert.deepEqual(data(await take(client.subscribe("a", { last: 1 }), 1)), [1]);
      assert.equal(client.transport, "sse");
    });
  } finally {
    Object.assign(globalThis, { WebSocket });
  }
});

test("a WebSocket that may not be opened at all is a failure like any other", async () => {
  class Forbidden {
    constructor() {
      throw new DOMException("mixed content", "SecurityError");
    }
  }
  await using({ need: "duplex", WebSocket: Forbidden as never }, async (client, server) => {
    server.publish("a", 1);
    assert.deepEqual(data(await take(client.subscribe("a", { last: 1 }), 1)), [1]);
    assert.equal(client.transport, "sse");
  });
});
