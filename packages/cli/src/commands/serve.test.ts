import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, symlinkSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { folder, run, selfSigned, startServer } from "../rig.test.ts";

test("serve says where to look on stdout, in one line, and who may come in", async (t) => {
  const { server, url } = await startServer(t);
  assert.match(url, /^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
  assert.equal(
    server.stdout,
    `Holdfast listens on ${url} (for this machine alone: no authentication is configured)\n`,
  );
  assert.equal((await fetch(`${url}/health/ready`)).status, 200);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`[CALM] ${signal} lets every client go in peace and ends with 0`, async (t) => {
    const { server, url } = await startServer(t);
    const stream = await fetch(`${url}/channels/a`, { headers: { Accept: "text/event-stream" } });
    server.kill(signal);
    assert.match(await stream.text(), /^event: reconnect$/m);
    const { code, stderr } = await server.exited;
    assert.equal(code, 0);
    // Nobody had to be cut off: the connection that is kept alive was let go.
    assert.match(
      stderr,
      new RegExp(`^\\{"time":"[^"]*","level":"info","message":"Closing; [^"]*","signal":"${signal}"\\}\n$`),
    );
  });
}

for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  test(`a second ${signal} leaves at once with ${code}`, async (t) => {
    const { server } = await startServer(t, ["--set", "close.noticeMs=600000"]);
    server.kill(signal);
    await server.says("stderr", /Closing/);
    server.kill(signal);
    assert.equal((await server.exited).code, code);
  });
}

test("a port in use ends with 8 and says what to do", async (t) => {
  const taken = createServer().listen(0, "127.0.0.1");
  t.after(() => taken.close());
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  const { code, stdout, stderr } = await run(t, ["serve", "--port", `${port}`]);
  assert.equal(code, 8);
  assert.equal(stdout, "");
  assert.equal(
    stderr,
    `holdfast: Port ${port} of 127.0.0.1 is in use, perhaps by another server of this kind. Choose another with --port, or any free one with --port 0.\n`,
  );
});

test("an address that is not this machine's ends with 8", async (t) => {
  const { code, stderr } = await run(t, ["serve", "--port", "0", "--host", "192.0.2.1", "--open"]);
  assert.equal(code, 8);
  assert.match(
    stderr,
    /^holdfast: Cannot listen on 192\.0\.2\.1: this machine has no such address\. Choose another with --host\.\n$/,
  );
});

test("[AUTH] without authentication another host than this machine's is refused, and --open lifts that", async (t) => {
  const { code, stderr } = await run(t, ["serve", "--port", "0", "--host", "0.0.0.0"]);
  assert.equal(code, 2);
  assert.equal(
    stderr,
    'holdfast: On 0.0.0.0 other machines could read and publish everything, as no authentication is configured. Give HOLDFAST_TOKEN_SECRET, "auth" in holdfast.config.ts, or --open if that is meant.\n',
  );
  const { server } = await startServer(t, ["--open"]);
  assert.match(server.stdout, /\(open to everybody who can reach it\)\n$/);
});

test("the config file in the working directory counts, functions included", async (t) => {
  const cwd = folder(t, {
    "holdfast.config.ts": `
      const secret: string = "s3cret";
      export default {
        authenticate: (token: string | undefined) => (token === secret ? { user: "ada" } : null),
        authorize: (_: unknown, action: string) => action === "publish",
        namespaces: { small: { retention: { eventsMax: 1 } } },
      };`,
  });
  const { server, url } = await startServer(t, [], { cwd });
  assert.match(server.stdout, /\(with authentication\)\n$/);
  const post = (headers: Record<string, string>) =>
    fetch(`${url}/channels/a`, {
      method: "POST",
      body: "1",
      headers: { "Content-Type": "application/json", ...headers },
    });
  assert.equal((await post({})).status, 401);
  assert.equal((await post({ Authorization: "Bearer s3cret" })).status, 201);
  assert.equal(
    (await fetch(`${url}/channels/a`, { headers: { Authorization: "Bearer s3cret" } })).status,
    403,
  );
});

test("a config file may be typed by defineConfig of the package", async (t) => {
  const cwd = folder(t, {
    "holdfast.config.ts": `
      import { type Config, defineConfig } from "holdfast";
      const config: Config = defineConfig({ open: true, log: "silent" });
      export default config;`,
  });
  mkdirSync(join(cwd, "node_modules"));
  symlinkSync(fileURLToPath(new URL("../..", import.meta.url)), join(cwd, "node_modules", "holdfast"));
  const { server } = await startServer(t, [], { cwd });
  assert.match(server.stdout, /\(open to everybody who can reach it\)\n$/);
});

test("--config names a file, HOLDFAST_CONFIG does so less strongly, and flags and variables are stronger than either", async (t) => {
  const cwd = folder(t, {
    "holdfast.config.mjs": `export default { log: "not even looked at" };`,
    "one.mjs": `export default { log: "silent", limits: { eventBytesMax: 10 } };`,
    "two.mjs": `export default { log: "loud" };`,
  });
  const env = { HOLDFAST_CONFIG: "two.mjs", HOLDFAST_SET: "limits.eventBytesMax=100" };
  const { server, url } = await startServer(t, ["--config", "one.mjs"], { cwd, env });
  const post = async (length: number) => {
    const body = "x".repeat(length);
    return (
      await fetch(`${url}/channels/a`, { method: "POST", body, headers: { "Content-Type": "text/plain" } })
    ).status;
  };
  assert.deepEqual([await post(100), await post(101)], [201, 413]);
  server.kill("SIGTERM");
  assert.equal((await server.exited).stderr, "");
});

test("every mistake is told at once, each with its source, and nothing listens", async (t) => {
  const cwd = folder(t, {
    "holdfast.config.mjs": `export default {
      prot: 7070,
      host: "0.0.0.0",
      limits: { heartbeatMs: "often", pageEventsMax: 5 },
      namespaces: { chat: { mode: "some" } },
      authorize: () => true,
      close: { deadlineMs: -1, soon: true },
    };`,
  });
  const { code, stdout, stderr } = await run(
    t,
    [
      "serve",
      "--port",
      "x",
      "--tls-cert",
      "none.pem",
      "--set",
      "limits.wait=1",
      "--set",
      "namespaces.chat.maxLag=-1",
      "--set",
      "nothing",
    ],
    { cwd, env: { HOLDFAST_LGO: "json", HOLDFAST_OPEN: "perhaps", HOLDFAST_SET: "limits.waitMsMax=0" } },
  );
  assert.equal(code, 2);
  assert.equal(stdout, "");
  const file = "holdfast.config.mjs";
  assert.deepEqual(
    stderr.trimEnd().split("\n").sort(),
    [
      'holdfast: --port must be a whole number from 0 to 65535, not "x".',
      'holdfast: --set limits.wait=1: There is no option "limits.wait".',
      'holdfast: --set looks like limits.heartbeatMs=5000 or namespaces.chat.retention.eventsMax=1000, not "nothing".',
      'holdfast: --set namespaces.chat.maxLag=-1: The option "namespaces.chat.maxLag" must be a whole number from 0 up.',
      "holdfast: --tls-cert needs --tls-key as well.",
      'holdfast: HOLDFAST_OPEN must be true or false, not "perhaps".',
      'holdfast: HOLDFAST_SET limits.waitMsMax=0: The option "limits.waitMsMax" must be a whole number from 1 up.',
      'holdfast: On 0.0.0.0 other machines could read and publish everything, as no authentication is configured. Give HOLDFAST_TOKEN_SECRET, "auth" in holdfast.config.ts, or --open if that is meant.',
      "holdfast: There is no variable HOLDFAST_LGO; did you mean HOLDFAST_LOG?",
      `holdfast: ${file}: The option "close.deadlineMs" must be a whole number from 0 up.`,
      `holdfast: ${file}: The option "limits.heartbeatMs" must be a whole number from 1 up.`,
      `holdfast: ${file}: The option "namespaces.chat.mode" must be "every" or "latest".`,
      `holdfast: ${file}: There is no option "close.soon".`,
      `holdfast: ${file}: There is no option "prot".`,
    ].sort(),
  );
});

const brokenConfigs: readonly [
  what: string,
  files: Record<string, string>,
  args: string[],
  expected: RegExp,
][] = [
  ["that is not there", {}, ["--config", "no.ts"], /^holdfast: There is no config file "no\.ts"\.\n$/],
  [
    "without a default export",
    { "holdfast.config.js": "export const port = 1;" },
    [],
    /^holdfast: holdfast\.config\.js must export an object by default, as in: export default \{ port: 7070 \};\n$/,
  ],
  [
    "that throws",
    { "holdfast.config.ts": "\nthrow new Error('no secret');" },
    [],
    /^holdfast: holdfast\.config\.ts could not be loaded: Error: no secret \(holdfast\.config\.ts:2\)\n$/,
  ],
  [
    "that is no TypeScript",
    { "holdfast.config.ts": "export default {\n  port: \n};" },
    [],
    /^holdfast: holdfast\.config\.ts could not be loaded: .*SyntaxError.*\n/,
  ],
  [
    "that imports what is not there",
    { "holdfast.config.mjs": "import 'nowhere';" },
    [],
    /^holdfast: holdfast\.config\.mjs could not be loaded: .*nowhere.*\n/,
  ],
  [
    "beside another",
    { "holdfast.config.mts": "", "holdfast.config.js": "" },
    [],
    /^holdfast: There are holdfast\.config\.mts and holdfast\.config\.js here; keep one, or name one with --config\.\n$/,
  ],
];

for (const [what, files, args, expected] of brokenConfigs) {
  test(`a config file ${what} is told with 2`, async (t) => {
    const { code, stderr } = await run(t, ["serve", "--port", "0", ...args], { cwd: folder(t, files) });
    assert.match(stderr, expected);
    assert.equal(code, 2);
  });
}

test("with certificate and key it speaks HTTP/2 and HTTP/1.1 over TLS", async (t) => {
  const { cert, cwd } = await selfSigned(t);
  const { url, port } = await startServer(t, ["--tls-cert", "cert.pem", "--tls-key", "key.pem"], { cwd });
  assert.equal(url, `https://127.0.0.1:${port}`);

  const http2 = connectHttp2(url, { ca: cert });
  t.after(() => http2.destroy());
  const [headers] = (await once(http2.request({ ":path": "/health/live" }).end(), "response")) as [
    { ":status": number },
  ];
  assert.equal(headers[":status"], 200);
  http2.close();

  const request = httpsRequest(`${url}/health/live`, { ca: cert, agent: false }).end();
  const [response] = (await once(request, "response")) as [import("node:http").IncomingMessage];
  assert.deepEqual([response.statusCode, response.httpVersion], [200, "1.1"]);
  response.resume();
});

test("what keeps certificate and key from being used is told", async (t) => {
  const { cwd } = await selfSigned(t);
  const { key } = await selfSigned(t);
  const other = folder(t, { "other.pem": key, "junk.pem": "junk" });
  const cases: readonly [cert: string, key: string, expected: RegExp][] = [
    [
      "none.pem",
      "key.pem",
      /^holdfast: The certificate "none\.pem" cannot be read: there is no such file\.\n$/,
    ],
    ["cert.pem", ".", /^holdfast: The key "\." cannot be read: it is a directory\.\n$/],
    [
      "cert.pem",
      `${other}/other.pem`,
      /^holdfast: The certificate "cert\.pem" and the key .* cannot be used: key values mismatch\.\n$/,
    ],
    [
      `${other}/junk.pem`,
      "key.pem",
      /^holdfast: The certificate .* and the key "key\.pem" cannot be used: .*\.\n$/,
    ],
  ];
  for (const [certPath, keyPath, expected] of cases) {
    const env = { HOLDFAST_TLS_CERT: certPath, HOLDFAST_TLS_KEY: keyPath };
    const { code, stderr } = await run(t, ["serve", "--port", "0"], { cwd, env });
    assert.match(stderr, expected);
    assert.equal(code, 2);
  }
});

test("the log is pretty when that is asked for, and names colours only to a terminal", async (t) => {
  const { server } = await startServer(t, ["--log", "pretty"]);
  server.kill("SIGTERM");
  const { stderr } = await server.exited;
  assert.match(
    stderr,
    /^\d\d:\d\d:\d\d info {2}Closing; the same signal again leaves at once\. signal=SIGTERM\n$/,
  );
});

test("[AUTH] what a request says cannot speak to the terminal that shows the log", async (t) => {
  const cwd = folder(t, {
    "holdfast.config.mjs": `export default {
      authenticate: () => { throw new Error("\\u001b]0;owned\\u0007 by\\nnobody"); },
      authorize: () => true,
    };`,
  });
  const { server, url } = await startServer(t, ["--log", "pretty"], { cwd });
  assert.equal((await fetch(`${url}/channels/a`)).status, 503);
  await server.says("stderr", /error "authenticate" failed\. .*owned/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it is about
  assert.doesNotMatch(server.stderr, /[\u0000-\u0009\u000b-\u001f]/);
});
