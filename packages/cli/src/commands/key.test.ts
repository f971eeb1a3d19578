import assert from "node:assert/strict";
import { test } from "node:test";
import { folder, run, startServer } from "../rig.test.ts";

test("[AUTH-9] a key of the command line opens a server that has its line", async (t) => {
  const args = ["--id", "shop", "--user", "shop", "--grant", "publish orders:*"];
  const { code, stdout, stderr } = await run(t, ["key", ...args]);
  assert.deepEqual([code, stderr], [0, ""]);
  const [key = "", line = ""] = stdout.split("\n");
  assert.match(key, /^hfk_shop_[\w-]{43}$/);
  assert.match(
    line,
    /^\{ id: "shop", hash: "sha256:[0-9a-f]{64}", user: "shop", grants: \["publish orders:\*"\] \},$/,
  );
  const cwd = folder(t, { "holdfast.config.mjs": `export default { auth: { keys: [${line}] } };` });
  const { url } = await startServer(t, [], { cwd });
  const publish = async (channel: string, token: string) =>
    (await run(t, ["publish", channel, "1"], { env: { HOLDFAST_URL: url, HOLDFAST_TOKEN: token } })).code;
  assert.deepEqual(
    [await publish("orders:1", key), await publish("users:1", key), await publish("orders:1", `${key}x`)],
    [0, 4, 4],
  );
});

test("a key that cannot be is refused with a sentence for each mistake", async (t) => {
  const { code, stdout, stderr } = await run(t, ["key", "--id", "a_b", "--grant", "all x"]);
  assert.deepEqual([code, stdout], [2, ""]);
  assert.equal(
    stderr,
    "holdfast: The key's id must be 1 to 40 of A-Z a-z 0-9 . -.\nholdfast: The key's grants.0.actions must be some of read, publish, presence, signal, admin.\n",
  );
  assert.match((await run(t, ["key"])).stderr, /required option '--id <id>' not specified/);
});
