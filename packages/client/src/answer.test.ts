import assert from "node:assert/strict";
import { test } from "node:test";
import { hasType, readJson, readText, toLoss } from "./answer.ts";

const problem = (body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), {
    status: 503,
    headers: { "Content-Type": "application/problem+json; charset=utf-8", ...headers },
  });

test("[HTTP-1] a problem says what is wrong, and when to come back", async () => {
  const refused = { code: "overloaded", detail: "too many", retry: "retry" };
  const loss = await toLoss(problem(refused, { "Retry-After": "7" }));
  assert.ok(loss.type === "refused");
  assert.deepEqual(
    [loss.error.code, loss.error.message, loss.error.retryAfterMs],
    ["overloaded", "too many", 7_000],
  );
  const exact = await toLoss(problem({ ...refused, retryAfterMs: 6_100 }, { "Retry-After": "7" }));
  assert.ok(exact.type === "refused" && exact.error.retryAfterMs === 6_100);
  const other = await toLoss(problem(refused, { "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT" }));
  assert.ok(other.type === "refused" && other.error.retryAfterMs === undefined);
});

test("[CLI-9] a problem of a later version counts by its retry; what is no problem of ours is a failure", async () => {
  const unknown = await toLoss(problem({ code: "too_shiny", retry: "never" }));
  assert.ok(unknown.type === "refused" && unknown.error.retry === "never");
  for (const body of [{ code: "too_shiny" }, { title: "Bad Gateway" }, [], null]) {
    assert.equal((await toLoss(problem(body))).type, "failed");
  }
  const page = new Response("<html>", { status: 401, headers: { "Content-Type": "text/html" } });
  assert.deepEqual(await toLoss(page), { type: "failed", reason: "The answer was 401 text/html." });
  await assert.rejects(
    toLoss(new Response("{", { headers: { "Content-Type": "application/problem+json" } })),
    {
      code: "bad_json",
    },
  );
});

test("[EVT-3] an answer that is no UTF-8 is refused, not repaired", async () => {
  await assert.rejects(
    readText(new Response(Uint8Array.of(0x61, 0xc3, 0x28)), () => {}),
    { code: "bad_utf8" },
  );
  const pieces: string[] = [];
  const halves = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Uint8Array.of(0x61, 0xc3));
      controller.enqueue(Uint8Array.of(0xa9));
      controller.close();
    },
  });
  await readText(new Response(halves), (piece) => pieces.push(piece));
  assert.equal(pieces.join(""), "aé");
});

test("a media type is compared without its parameters and its case", () => {
  const typed = (type: string) => new Response("", { headers: { "Content-Type": type } });
  assert.ok(hasType(typed("Text/Event-Stream;charset=utf-8"), "text/event-stream"));
  assert.ok(!hasType(typed("text/event-streams"), "text/event-stream"));
  assert.ok(!hasType(new Response(null), "text/event-stream"));
});

test("[BND-2] an answer without end is not kept", async () => {
  const piece = new Uint8Array(1024 * 1024).fill(0x20);
  const endless = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(piece) });
  await assert.rejects(
    readJson(new Response(endless), () => {}),
    { code: "too_large" },
  );
});
