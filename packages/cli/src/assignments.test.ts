import assert from "node:assert/strict";
import { test } from "node:test";
import { assign } from "./assignments.ts";

function assigned(flags: string[], { onto = {}, variable }: { onto?: object; variable?: string } = {}) {
  const mistakes: string[] = [];
  const { values, sources } = assign(onto as Record<string, unknown>, flags, variable, mistakes);
  return { values, sources, mistakes };
}

test("a path is walked into the values of the config file, and nothing beside it is touched", () => {
  const onto = {
    open: true,
    limits: { heartbeatMs: 1, waitMsMax: 2 },
    namespaces: { chat: { mode: "latest" } },
  };
  const { values, mistakes } = assigned(
    [
      "limits.heartbeatMs=5000",
      "namespaces.chat.retention.eventsMax=10",
      "brokerDeadlineMs=9",
      "memory.bytesMax=4",
      "close.noticeMs=3",
    ],
    { onto },
  );
  assert.deepEqual(mistakes, []);
  assert.deepEqual(values, {
    open: true,
    limits: { heartbeatMs: 5000, waitMsMax: 2 },
    namespaces: { chat: { mode: "latest", retention: { eventsMax: 10 } } },
    brokerDeadlineMs: 9,
    memory: { bytesMax: 4 },
    close: { noticeMs: 3 },
  });
  assert.equal(onto.limits.heartbeatMs, 1);
});

test("compression is switched as a whole, or by one of its settings", () => {
  assert.deepEqual(assigned(["compression=true"]).values, { compression: true });
  const onto = { compression: { level: 6 } };
  assert.deepEqual(assigned(["compression=false"], { onto }).values, { compression: false });
  const { values, mistakes } = assigned(["compression.thresholdBytes=0"], { onto });
  assert.deepEqual(values, { compression: { level: 6, thresholdBytes: 0 } });
  assert.deepEqual(mistakes, []);
});

test("flags are stronger than the variable, and the later flag than the earlier", () => {
  const { values, sources } = assigned(["limits.heartbeatMs=2", "limits.heartbeatMs=3"], {
    variable: "limits.heartbeatMs=1  limits.waitMsMax=7\n",
  });
  assert.deepEqual(values, { limits: { heartbeatMs: 3, waitMsMax: 7 } });
  assert.equal(sources.get("limits.heartbeatMs"), "--set limits.heartbeatMs=3");
  assert.equal(sources.get("limits.waitMsMax"), "HOLDFAST_SET limits.waitMsMax=7");
});

test("[NAME-2] namespaces may have dots, and * is the default one", () => {
  const { values } = assigned([
    "namespaces.a.b.mode=latest",
    "namespaces.a.b.retention.eventsMax=1",
    "namespaces.*.maxLag=5",
  ]);
  assert.deepEqual(values, {
    namespaces: { "a.b": { mode: "latest", retention: { eventsMax: 1 } }, "": { maxLag: 5 } },
  });
});

test("a name of Object.prototype is a name like any other", () => {
  const { values } = assigned(["namespaces.__proto__.mode=latest", "limits.constructor=1"]);
  assert.equal(({} as { mode?: unknown }).mode, undefined);
  assert.deepEqual(Object.keys(values["namespaces"] as object), ["__proto__"]);
  assert.ok(Object.hasOwn(values["limits"] as object, "constructor"));
});

test("what is no assignment is answered with what one looks like, each with its source", () => {
  const { values, mistakes } = assigned(["port=1", "limits.heartbeatMs", "namespaces.chat=1"], {
    variable: "=",
  });
  assert.deepEqual(values, {});
  const form = "looks like limits.heartbeatMs=5000 or namespaces.chat.retention.eventsMax=1000";
  assert.deepEqual(mistakes, [
    `HOLDFAST_SET ${form}, not "=".`,
    `--set ${form}, not "port=1".`,
    `--set ${form}, not "limits.heartbeatMs".`,
    `--set ${form}, not "namespaces.chat=1".`,
  ]);
});
