import assert from "node:assert/strict";
import { test } from "node:test";
import { until, using } from "./fake-server.test.ts";

/** What a page has and Node has not, as far as it tells of its device. */
class Page {
  readonly window = new EventTarget();
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  listeners = 0;

  install(): () => void {
    const { window, document } = this;
    for (const target of [window, document]) this.#count(target);
    const addEventListener = window.addEventListener.bind(window);
    Object.assign(globalThis, { addEventListener, document });
    return () => {
      for (const name of ["addEventListener", "document"]) Reflect.deleteProperty(globalThis, name);
    };
  }

  #count(target: EventTarget): void {
    const add = target.addEventListener.bind(target);
    target.addEventListener = (type: string, listener: unknown, options: { signal: AbortSignal }) => {
      this.listeners++;
      options.signal.addEventListener("abort", () => this.listeners--);
      add(type, listener as EventListener, options);
    };
  }
}

async function onPage(run: (page: Page) => Promise<void>): Promise<void> {
  const page = new Page();
  const uninstall = page.install();
  try {
    await run(page);
  } finally {
    uninstall();
  }
}

test("a page that comes back from the cache makes a new link, and drops the old one", async () => {
  await onPage(async (page) => {
    await using({ transports: ["websocket"] }, async (client, server) => {
      await client.subscribe("a").ready;
      page.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
      await until(() => server.hellos.length === 2);
      await until(() => server.sessions.length === 1);
      page.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }));
      page.document.dispatchEvent(new Event("visibilitychange"));
      await client.publish("a", 1);
      assert.equal(server.hellos.length, 2, "a page that merely shows itself disturbs no healthy link");
    });
  });
});

test("without a network it waits for one, and goes on at once when there is", async () => {
  await onPage(async (page) => {
    const timing = { backoffBaseMs: 600_000, backoffCapMs: 600_000, graceMs: 0 };
    await using({ transports: ["sse"], timing }, async (client, server) => {
      await client.subscribe("a").ready;
      server.onRequest = ({ socket }) => {
        socket.destroy();
        return true;
      };
      page.window.dispatchEvent(new Event("offline"));
      server.cut();
      await until(() => client.state.type === "offline");
      server.onRequest = undefined;
      page.window.dispatchEvent(new Event("online"));
      await until(() => client.state.type === "live");
    });
  });
});

test("it listens to the device only as long as there is something to keep", async () => {
  await onPage(async (page) => {
    await using({}, async (client) => {
      assert.equal(page.listeners, 0);
      const subscription = client.subscribe("a");
      await subscription.ready;
      assert.equal(page.listeners, 5);
      subscription.close();
      await until(() => page.listeners === 0);
      client.subscribe("a");
      await until(() => page.listeners === 5);
      client.close();
      assert.equal(page.listeners, 0);
    });
  });
});
