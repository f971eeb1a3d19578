import assert from "node:assert/strict";
import { test } from "node:test";
import { checkVariables, readerSettings, resolveSettings, type Sources, serveSettings } from "./settings.ts";

type Given = Partial<{ [Name in keyof Sources]: Sources[Name] }>;

function resolved(given: Given) {
  const mistakes: string[] = [];
  const sources = { flags: {}, env: {}, config: undefined, ...given };
  const serve = resolveSettings(serveSettings, sources, mistakes);
  const reader = resolveSettings(readerSettings, sources, mistakes);
  return { values: { ...serve, ...reader }, mistakes };
}

const config = (values: Record<string, unknown>) => ({ file: "holdfast.config.ts", values });

/** Each setting in the words of each source, with what it must come to. */
const examples = {
  port: { flag: ["port", "1"], env: ["HOLDFAST_PORT", "2"], config: 3, values: [1, 2, 3] },
  host: { flag: ["host", "a"], env: ["HOLDFAST_HOST", "b"], config: "c", values: ["a", "b", "c"] },
  open: { flag: ["open", true], env: ["HOLDFAST_OPEN", "false"], config: true, values: [true, false, true] },
  tlsCert: { flag: ["tlsCert", "a"], env: ["HOLDFAST_TLS_CERT", "b"], config: "c", values: ["a", "b", "c"] },
  tlsKey: { flag: ["tlsKey", "a"], env: ["HOLDFAST_TLS_KEY", "b"], config: "c", values: ["a", "b", "c"] },
  origins: {
    flag: ["origin", ["a", "b"]],
    env: ["HOLDFAST_ORIGINS", "b, c"],
    config: ["d"],
    values: [["a", "b"], ["b", "c"], ["d"]],
  },
  trustedProxies: {
    flag: ["trustedProxy", ["loopback", "10.0.0.0/8"]],
    env: ["HOLDFAST_TRUSTED_PROXIES", "192.0.2.1, ::1"],
    config: ["loopback"],
    values: [["loopback", "10.0.0.0/8"], ["192.0.2.1", "::1"], ["loopback"]],
  },
  workers: { flag: ["workers", "1"], env: ["HOLDFAST_WORKERS", "auto"], config: 3, values: [1, "auto", 3] },
  log: {
    flag: ["log", "json"],
    env: ["HOLDFAST_LOG", "pretty"],
    config: "silent",
    values: ["json", "pretty", "silent"],
  },
  logLevel: {
    flag: ["logLevel", "debug"],
    env: ["HOLDFAST_LOG_LEVEL", "warn"],
    config: "error",
    values: ["debug", "warn", "error"],
  },
  url: {
    flag: ["url", "http://a"],
    env: ["HOLDFAST_URL", "https://b:1/live/"],
    config: "http://[::1]:7",
    values: ["http://a", "https://b:1/live", "http://[::1]:7"],
  },
  token: { flag: ["token", "a"], env: ["HOLDFAST_TOKEN", "b"], config: "c", values: ["a", "b", "c"] },
  codec: {
    flag: ["codec", "msgpack"],
    env: ["HOLDFAST_CODEC", "json"],
    config: "msgpack",
    values: ["msgpack", "json", "msgpack"],
  },
  via: {
    flag: ["via", "sse"],
    env: ["HOLDFAST_VIA", "poll"],
    config: "auto",
    values: ["sse", "poll", "auto"],
  },
} as const;

for (const [name, { flag, env, config: value, values }] of Object.entries(examples)) {
  test(`${name} comes from its flag, else its variable, else the config file`, () => {
    const flags = { [flag[0]]: flag[1] };
    const variables = { [env[0]]: env[1] };
    const file = config({ [name]: value });
    const found = [
      resolved({ flags, env: variables, config: file }),
      resolved({ env: variables, config: file }),
      resolved({ env: { [env[0]]: "" }, config: file }),
      resolved({}),
    ];
    assert.deepEqual(
      found.flatMap((one) => one.mistakes),
      [],
    );
    assert.deepEqual(
      found.map((one) => (one.values as Record<string, unknown>)[name]),
      [...values, undefined],
    );
  });
}

test("every setting there is has an example above", () => {
  assert.deepEqual(Object.keys(examples).sort(), Object.keys({ ...serveSettings, ...readerSettings }).sort());
});

test("every mistake has its sentence, with its source, and all are found at once", () => {
  const { values, mistakes } = resolved({
    flags: { port: "70000", log: "loud", url: "ws://127.0.0.1:7070", via: "pigeon" },
    env: { HOLDFAST_OPEN: "maybe", HOLDFAST_TLS_KEY: "key.pem", HOLDFAST_TOKEN: "not a token" },
    config: config({ host: 7, tlsCert: "", origins: 5 }),
  });
  assert.deepEqual(values, { tlsKey: "key.pem" });
  assert.deepEqual(mistakes, [
    '--port must be a whole number from 0 to 65535, not "70000".',
    '"host" in holdfast.config.ts must be a host name or an IP address, not 7.',
    'HOLDFAST_OPEN must be true or false, not "maybe".',
    '"tlsCert" in holdfast.config.ts must be the path of a PEM file, not "".',
    '"origins" in holdfast.config.ts must be a list of origins, not 5.',
    '--log must be one of pretty, json, silent, not "loud".',
    '--url must be an http:// or https:// URL such as http://127.0.0.1:7070, without user, query or fragment, not "ws://127.0.0.1:7070".',
    "HOLDFAST_TOKEN must be visible ASCII characters without spaces.",
    '--via must be one of auto, websocket, sse, long-poll, poll, not "pigeon".',
  ]);
});

for (const text of ["-1", "65536", "7070.5", "1e3", "0x10", " 7070", "abc", "99999999999999999999"]) {
  test(`${JSON.stringify(text)} is no port`, () => {
    assert.equal(resolved({ flags: { port: text } }).mistakes.length, 1);
  });
}

for (const url of [
  "127.0.0.1:7070",
  "ftp://a",
  "http://ada:pw@a",
  "http://a/?b",
  "http://a/#b",
  "http://",
  "",
]) {
  test(`${JSON.stringify(url)} is no server's URL`, () => {
    assert.equal(resolved({ flags: { url } }).mistakes.length, 1);
  });
}

test("[AUTH] a token is in no sentence", () => {
  const { mistakes } = resolved({ flags: { token: "se cret" }, config: config({ token: "se cret" }) });
  assert.equal(mistakes.length, 1);
  assert.doesNotMatch(mistakes.join(), /cret/);
});

test("a variable that Kubernetes set for a Service is known as such", () => {
  const { mistakes } = resolved({ env: { HOLDFAST_PORT: "tcp://10.0.0.7:7070" } });
  assert.match(
    mistakes.join(),
    /^HOLDFAST_PORT must be .*Kubernetes sets that for a Service named "holdfast"/,
  );
});

test("a misspelt variable is told from one that is none of ours", () => {
  const mistakes: string[] = [];
  const env = {
    HOLDFAST_PRT: "1",
    HOLDFAST_PROT: "1",
    HOLDFAST_PORTS: "1",
    HOLDFAST_BORT: "1",
    HOLDFAST_PORT: "1",
    HOLDFAST_CHROMIUM: "1",
    HOLDFAST_SERVICE_HOST: "1",
    HOLDFAST_PORT_7070_TCP: "1",
    HOLDFAS_PORT: "1",
  };
  checkVariables(env, mistakes);
  assert.deepEqual(
    mistakes,
    ["PRT", "PROT", "PORTS", "BORT"].map(
      (name) => `There is no variable HOLDFAST_${name}; did you mean HOLDFAST_PORT?`,
    ),
  );
});
