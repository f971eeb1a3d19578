import assert from "node:assert/strict";
import { test } from "node:test";
import { HoldfastError, toProblem } from "@holdfast/protocol";
import { createWire } from "./wire.ts";

/** What a probe makes of an answer to it. */
async function probed(answer: () => Response | Promise<Response>) {
  const asked: string[] = [];
  const fetch = async (url: URL | RequestInfo, { method = "GET" }: RequestInit = {}) => {
    asked.push(`${method} ${String(url)}`);
    return await answer();
  };
  const wire = createWire(new URL("https://example.com/live/"), { fetch, WebSocket: undefined });
  const result = await wire.probe(new AbortController().signal);
  assert.deepEqual(asked, ["GET https://example.com/live/connect"]);
  return result;
}

function problem(error: HoldfastError): () => Response {
  const headers = { "Content-Type": "application/problem+json" };
  return () => new Response(JSON.stringify(toProblem(error)), { status: error.status, headers });
}

test("[CLI-6] [LIM-11] a server that refuses a request without an upgrade as such is there", async () => {
  assert.deepEqual(await probed(problem(new HoldfastError("method_not_allowed"))), { works: true });
});

test("[CLI-6] [LIM-11] a server that has no room says when to come back", async () => {
  const full = new HoldfastError("overloaded", undefined, { retryAfterMs: 2345 });
  assert.deepEqual(await probed(problem(full)), { works: false, busyForMs: 2345 });
});

test("[CLI-6] nothing else is a sign of life", async () => {
  const page = new Response("<html>", { headers: { "Content-Type": "text/html" } });
  const json = new Response("{}", { headers: { "Content-Type": "application/json" } });
  assert.deepEqual(await probed(() => page), { works: false });
  assert.deepEqual(await probed(() => json), { works: false });
  assert.deepEqual(await probed(() => Promise.reject(new TypeError("fetch failed"))), { works: false });
  assert.deepEqual(await probed(problem(new HoldfastError("internal"))), { works: false });
});
