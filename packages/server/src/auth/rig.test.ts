import { createSecretKey } from "node:crypto";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { exportJWK, exportPKCS8, exportSPKI, generateKeyPair, SignJWT } from "jose";

export const secret = "a secret of the tests, that is long enough";
export const issuer = "https://issuer.example";
export const audience = "holdfast";

/** The key of the other side, with which tokens are signed. */
type SigningKey = Parameters<SignJWT["sign"]>[0];

export interface Minting {
  readonly algorithm?: string;
  readonly key?: SigningKey;
  readonly header?: Readonly<Record<string, unknown>>;
}

const now = () => Math.floor(Date.now() / 1000);

/** A token of these claims: valid for a minute, and for these tests, unless they say otherwise; undefined leaves one out. */
export async function mint(
  claims: Readonly<Record<string, unknown>> = {},
  { algorithm = "HS256", key = createSecretKey(Buffer.from(secret)), header = {} }: Minting = {},
): Promise<string> {
  const all = { iss: issuer, aud: audience, sub: "ada", iat: now(), exp: now() + 60, ...claims };
  const given = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  return await new SignJWT(given).setProtectedHeader({ ...header, alg: algorithm }).sign(key);
}

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** A token of which nobody has to know a key. */
export function unsigned(claims: Readonly<Record<string, unknown>>): string {
  return `${base64({ alg: "none" })}.${base64({ iss: issuer, aud: audience, iat: now(), exp: now() + 60, ...claims })}.`;
}

/** A new pair of keys, in each form that a configuration may have it in. */
export async function keyPair(algorithm: string) {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return {
    privateKey,
    pem: await exportSPKI(publicKey),
    jwk: { ...(await exportJWK(publicKey)) },
    privatePem: await exportPKCS8(privateKey),
    privateJwk: { ...(await exportJWK(privateKey)) },
  };
}

/** A server of somebody else, on a port of its own. */
export async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
