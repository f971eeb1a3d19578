import assert from "node:assert/strict";
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";
import { folder, selfSigned, startServer, until } from "../rig.test.ts";

/** The fingerprint of the certificate that a new connection is shown. */
function fingerprint(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
  });
}

for (const workers of [undefined, "2"]) {
  test(`SIGHUP shows new connections a new certificate${workers ? ", of all workers" : ""}, and keeps the old one while the new one is wrong`, async (t) => {
    const { cwd } = await selfSigned(t);
    const { cwd: renewed } = await selfSigned(t);
    const flags = [
      "--tls-cert",
      "cert.pem",
      "--tls-key",
      "key.pem",
      ...(workers ? ["--workers", workers] : []),
    ];
    const { server, port } = await startServer(t, flags, { cwd });
    const before = await fingerprint(Number(port));
    writeFileSync(join(cwd, "cert.pem"), "junk");
    server.kill("SIGHUP");
    await server.says("stderr", /"level":"error","message":"The certificate .* cannot be used/);
    assert.equal(await fingerprint(Number(port)), before);
    for (const name of ["cert.pem", "key.pem"]) copyFileSync(join(renewed, name), join(cwd, name));
    server.kill("SIGHUP");
    await server.says("stderr", /New connections get the certificate as it is now\./);
    // Each worker has it once it has read what its primary said.
    for (let renewedInRow = 0; renewedInRow < 4; ) {
      renewedInRow = (await fingerprint(Number(port))) === before ? 0 : renewedInRow + 1;
    }
  });
}

test("SIGHUP to a service without a certificate ends nothing, and is told", async (t) => {
  const { server, url } = await startServer(t);
  server.kill("SIGHUP");
  await server.says("stderr", /There is nothing to read anew/);
  assert.equal((await fetch(`${url}/health/live`)).status, 200);
});

test("[CALM] systemd is told that the server serves, and that it is about to leave", async (t) => {
  const cwd = folder(t, { "systemd-notify": '#!/bin/sh\necho "$@" >> "$NOTICES"\n' });
  chmodSync(join(cwd, "systemd-notify"), 0o755);
  const notices = join(cwd, "notices");
  const env = { NOTIFY_SOCKET: "/run/nobody", NOTICES: notices, PATH: `${cwd}:${process.env["PATH"]}` };
  const { server } = await startServer(t, [], { cwd, env });
  const said = () => {
    try {
      return readFileSync(notices, "utf8");
    } catch {
      return "";
    }
  };
  const { pid } = server.process;
  await until(() => said() === `--ready --pid=${pid}\n`);
  server.kill("SIGTERM");
  assert.equal((await server.exited).code, 0);
  assert.equal(said(), `--ready --pid=${pid}\n--stopping --pid=${pid}\n`);
});

test("[SEE] where systemd cannot be told, the log says so, and the server serves", async (t) => {
  const env = { NOTIFY_SOCKET: "/run/nobody", PATH: folder(t) };
  const { server, url } = await startServer(t, [], { env });
  await server.says(
    "stderr",
    /"level":"warn","message":"systemd waits to hear of this service, and could not be told/,
  );
  assert.equal((await fetch(`${url}/health/live`)).status, 200);
});
