import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { exitCodes } from "./exit-codes.ts";
import { folder, run, serveHere, startServer } from "./rig.test.ts";
import { readerSettings, serveSettings } from "./settings.ts";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

test("--version prints the version, and nothing else", async (t) => {
  const { code, stdout } = await run(t, ["--version"]);
  assert.deepEqual([code, stdout], [0, `${manifest.version}\n`]);
});

test("--help names the commands, where settings come from, and every exit code", async (t) => {
  const { code, stdout, stderr } = await run(t, ["--help"]);
  assert.deepEqual([code, stderr], [0, ""]);
  for (const name of ["serve", "publish", "subscribe", "token", "key"])
    assert.match(stdout, new RegExp(`^  ${name} `, "m"));
  assert.match(stdout, /HOLDFAST_\* variables, and from holdfast\.config\.ts/);
  const [, codes = ""] = stdout.split("Exit codes:");
  assert.deepEqual(
    [...codes.matchAll(/(?:^| )(\d+)(?=[ ,])/gm)].map(([, number]) => Number(number)).sort((a, b) => a - b),
    Object.values(exitCodes),
  );
});

for (const name of ["serve", "publish", "subscribe"]) {
  test(`help ${name} is the same as ${name} --help, and names every flag and variable`, async (t) => {
    const { code, stdout } = await run(t, ["help", name]);
    assert.equal(code, 0);
    assert.equal(stdout, (await run(t, [name, "--help"])).stdout);
    const settings = name === "serve" ? serveSettings : { ...readerSettings };
    for (const [key, { flags, env }] of Object.entries(settings)) {
      if (name === "publish" && key === "via") continue;
      assert.ok(stdout.includes(flags) && stdout.replace(/\s+/g, " ").includes(`(env: ${env})`), flags);
    }
    for (const line of stdout.split("\n")) assert.ok(line.length <= 120, line);
  });
}

test("without a command the help is on stderr, and the code is 2", async (t) => {
  const { code, stdout, stderr } = await run(t, []);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.match(stderr, /Usage: holdfast/);
});

for (const [args, expected] of [
  [["sreve"], /unknown command 'sreve'\n\(Did you mean serve\?\)\n.*holdfast --help/],
  [["serve", "--prot", "1"], /unknown option '--prot'\n\(Did you mean --port\?\)\n.*holdfast help serve/],
  [["publish"], /missing required argument 'channel'\n.*holdfast help publish/],
  [["publish", "a", "1", "2"], /too many arguments/],
  [["subscribe"], /missing required argument 'channel'/],
] as const) {
  test(`holdfast ${args.join(" ")} ends with 2 and says what was meant`, async (t) => {
    const { code, stdout, stderr } = await run(t, args);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, expected);
  });
}

/** Runs a line as a shell does that has `holdfast` in its path; interrupts it when it follows. */
async function runLine(
  t: TestContext,
  line: string,
  cwd: string,
  url: string,
): Promise<{ code: number; stderr: string }> {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  writeFileSync(join(cwd, "holdfast"), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  chmodSync(join(cwd, "holdfast"), 0o755);
  const isFollowing =
    line.startsWith("holdfast subscribe") && !line.includes("|") && !line.includes("--count");
  const child = spawn("sh", ["-c", isFollowing ? `exec ${line}` : line], {
    cwd,
    env: { PATH: `${cwd}:${process.env.PATH}`, HOLDFAST_URL: url },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  if (isFollowing) child.stdout.once("data", () => child.kill("SIGINT"));
  child.stdout.resume();
  const stderr = text(child.stderr);
  const [code] = (await once(child, "close")) as [number];
  return { code, stderr: await stderr };
}

test("the examples of publish and subscribe work as they stand", async (t) => {
  const { holdfast, url } = await serveHere(t);
  const cwd = folder(t, { "photo.jpg": "a photo" });
  for (let total = 0; total < 10; total++) await holdfast.publish("orders", { total });
  const examples: string[] = [];
  for (const name of ["publish", "subscribe"]) {
    const { stdout } = await run(t, ["help", name]);
    const [, below = ""] = stdout.split("Examples:\n");
    examples.push(
      ...below
        .trimEnd()
        .split("\n")
        .map((line) => line.trim()),
    );
  }
  assert.ok(examples.length > 10);
  for (const example of examples) {
    // The one asks another machine, the other a program that may not be here.
    if (/example\.com|jq/.test(example)) continue;
    const interval = setInterval(() => void holdfast.publish("orders", { later: true }), 50);
    const { code, stderr } = await runLine(t, example, cwd, url);
    clearInterval(interval);
    const expected = example.includes("--strict") ? 7 : /subscribe (?!.*--count)/.test(example) ? 130 : 0;
    assert.equal(code, expected, `${example}\n${stderr}`);
  }
  assert.equal(readFileSync(join(cwd, "photo.jpg"), "utf8"), "a photo");
});

test("the config file in the help of serve works as it stands", async (t) => {
  const { stdout } = await run(t, ["help", "serve"]);
  const [, text = ""] = /\/\/ holdfast\.config\.ts\n([\s\S]*?\n {2}\};)/.exec(stdout) ?? [];
  const cwd = folder(t, { "holdfast.config.ts": text });
  const { server, url } = await startServer(t, [], { cwd, env: { SECRET: "s3cret" } });
  assert.match(server.stdout, /\(with authentication\)/);
  const headers = { Authorization: "Bearer s3cret", "Content-Type": "application/json" };
  assert.equal((await fetch(`${url}/channels/chat:a`, { method: "POST", body: "1", headers })).status, 201);
  assert.equal((await fetch(`${url}/channels/orders`, { method: "POST", body: "1", headers })).status, 403);
});
