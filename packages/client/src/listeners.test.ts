import assert from "node:assert/strict";
import { test } from "node:test";
import { Listeners } from "./listeners.ts";
import { memoryOf } from "./memory.ts";

test("a listener hears until it stops, and one that throws keeps none from hearing", async () => {
  const reported: unknown[] = [];
  Object.assign(globalThis, { reportError: (error: unknown) => reported.push(error) });
  const listeners = new Listeners<{ state: string }>();
  const heard: string[] = [];
  const failure = new Error("a mistake of the application");
  listeners.on("state", () => {
    throw failure;
  });
  const rejecting: () => unknown = () => Promise.reject(failure);
  listeners.on("state", rejecting);
  const listener = (state: string) => heard.push(state);
  const stop = listeners.on("state", listener);
  listeners.on("state", listener);
  listeners.tell("state", "one");
  stop();
  listeners.tell("state", "two");
  await new Promise((resolve) => setImmediate(resolve));
  Reflect.deleteProperty(globalThis, "reportError");
  assert.deepEqual(heard, ["one", "one", "two"]);
  assert.deepEqual(reported, [failure, failure, failure, failure]);
});

test("what is found out about an origin is known to all its clients, and to no other", () => {
  assert.equal(memoryOf("https://a.example"), memoryOf("https://a.example"));
  assert.notEqual(memoryOf("https://a.example"), memoryOf("https://b.example"));
  const first = memoryOf("https://first.example");
  for (let i = 0; i < 100; i++) memoryOf(`https://${i}.example`);
  assert.notEqual(memoryOf("https://first.example"), first, "there is a limit");
});
