import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { jwtVerify } from "jose";
import { keyPair, mint, secret } from "./rig.test.ts";
import { readTokenKeys, type TokenKey } from "./token-keys.ts";

function mistakesIn(...keys: TokenKey[]): string[] {
  const mistakes: string[] = [];
  readTokenKeys(keys, (path, message) => mistakes.push(`${path} ${message}`));
  return mistakes;
}

const pemOf = (pair: { publicKey: { export(options: { type: "spki"; format: "pem" }): unknown } }) =>
  String(pair.publicKey.export({ type: "spki", format: "pem" }));

test("[AUTH-7] a key that is too weak, or meant for something else, is refused with a sentence", async () => {
  const { pem, jwk, privateJwk, privatePem } = await keyPair("ES256");
  const weak = pemOf(generateKeyPairSync("rsa", { modulusLength: 1024 }));
  const other = pemOf(generateKeyPairSync("ec", { namedCurve: "secp384r1" }));
  const kinds = "must be a key of RSA with at least 2048 bits, of P-256, or of Ed25519";
  for (const [key, mistake] of [
    [
      { secret: "short" },
      '0.secret must have at least 32 bytes, as "openssl rand -base64 32" draws them; it has 5',
    ],
    [{ secret: pem }, "0.secret holds a key in PEM or JWK, which is no secret; give it as publicKey"],
    [
      { secret: JSON.stringify(jwk) },
      "0.secret holds a key in PEM or JWK, which is no secret; give it as publicKey",
    ],
    [{ publicKey: weak }, `0.publicKey ${kinds}`],
    [{ publicKey: other }, `0.publicKey ${kinds}`],
    [{ publicKey: "nonsense" }, "0.publicKey is no public key in PEM or JWK"],
    [{ publicKey: "{nonsense" }, "0.publicKey is neither PEM nor JSON"],
    [{ publicKey: privatePem }, "0.publicKey holds a private key; the server needs the public one alone"],
    [{ publicKey: privateJwk }, "0.publicKey holds a private key; the server needs the public one alone"],
    [{ publicKey: { kty: "oct", k: "AAAA" } }, "0.publicKey holds a secret; give it as secret"],
    [{ publicKey: { ...jwk, use: "enc" } }, "0.publicKey holds a key that is not for signatures"],
    [{ publicKey: { ...jwk, alg: "ES384" } }, "0.publicKey holds a key for another algorithm than ES256"],
    [{ publicKeyFile: "/no/such/file" }, "0.publicKeyFile names a file that cannot be read (ENOENT)"],
    [{}, "0 must have one of secret, secretFile, publicKey, publicKeyFile"],
    [{ secret, publicKey: pem }, "0 must have one of secret, secretFile, publicKey, publicKeyFile"],
  ] as const) {
    assert.deepEqual(mistakesIn(key as TokenKey), [mistake]);
  }
  assert.deepEqual(mistakesIn({ secret }, { publicKey: pem }, { publicKey: jwk }), []);
});

test("[AUTH-7] keys come from files as well, and a set of keys is several", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-keys-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const [first, second] = [await keyPair("ES256"), await keyPair("EdDSA")];
  const keys = readTokenKeys(
    [
      { secretFile: file("secret", `${secret}\n`) },
      { publicKeyFile: file("key.pem", first.pem), kid: "first" },
      { publicKeyFile: file("jwks.json", JSON.stringify({ keys: [{ ...second.jwk, kid: "second" }] })) },
    ],
    (path, message) => assert.fail(`${path} ${message}`),
  );
  assert.deepEqual(
    keys.map(({ algorithm, kid }) => [algorithm, kid]),
    [
      ["HS256", undefined],
      ["ES256", "first"],
      ["EdDSA", "second"],
    ],
  );
  assert.ok(keys[0] !== undefined);
  await jwtVerify(await mint(), keys[0].key);
});
