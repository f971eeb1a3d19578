import { createPublicKey, createSecretKey, type KeyObject, type webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { isRecord } from "@holdfast/protocol";

/** What signs tokens; each kind of key is for one of them, and no other is taken. */
export type Algorithm = "HS256" | "RS256" | "ES256" | "EdDSA";

/** A key that tokens are checked with. Give one of its forms; `kid` names it where there are several. */
export interface TokenKey {
  /** A secret that is shared with who signs, for HS256: at least 32 bytes, text as UTF-8. */
  readonly secret?: string | Uint8Array;
  /** The path of a file that holds nothing but the secret; a line break at its end does not count. */
  readonly secretFile?: string;
  /** A public key in PEM, or as a JWK: RSA for RS256, P-256 for ES256, Ed25519 for EdDSA. */
  readonly publicKey?: string | Readonly<Record<string, unknown>>;
  /** The path of a file with a public key in PEM, a JWK, or a set of JWKs. */
  readonly publicKeyFile?: string;
  readonly kid?: string;
}

/** A key that is ready, and the one algorithm that it is for. */
export interface VerificationKey {
  readonly algorithm: Algorithm;
  readonly key: webcrypto.CryptoKey;
  readonly kid: string | undefined;
}

/** RFC 7518 §3.2: a key at least as long as the hash. */
const secretBytesMin = 32;
const rsaBitsMin = 2048;

/** Why a key cannot be used; the message continues `The option "…"`. */
class KeyMistake extends Error {}

/** Reads configured keys; what is wrong is told to `refuse` with the place, as in `0.secret`. Rule AUTH-7. */
export function readTokenKeys(
  keys: readonly TokenKey[],
  refuse: (path: string, message: string) => void,
): readonly VerificationKey[] {
  return keys.flatMap((key, index) => {
    const forms = keyForms.filter((form) => key[form] !== undefined);
    const [form] = forms;
    if (form === undefined || forms.length > 1) {
      refuse(`${index}`, `must have one of ${keyForms.join(", ")}`);
      return [];
    }
    try {
      return readForm(key, form);
    } catch (error) {
      if (!(error instanceof KeyMistake)) throw error;
      refuse(`${index}.${form}`, error.message);
      return [];
    }
  });
}

const keyForms = ["secret", "secretFile", "publicKey", "publicKeyFile"] as const;

function readForm(given: TokenKey, form: (typeof keyForms)[number]): readonly VerificationKey[] {
  const { secret = "", publicKey = "", kid } = given;
  switch (form) {
    case "secret":
      return [secretKey(secret, kid)];
    case "secretFile":
      return [secretKey(readKeyFile(given.secretFile).replace(/\r?\n$/, ""), kid)];
    case "publicKey":
      return typeof publicKey === "string" ? publicKeys(publicKey, kid) : [fromJwk(publicKey, kid)];
    case "publicKeyFile":
      return publicKeys(readKeyFile(given.publicKeyFile), kid);
  }
}

function readKeyFile(path = ""): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const { code = "it failed" } = error as NodeJS.ErrnoException;
    throw new KeyMistake(`names a file that cannot be read (${code})`);
  }
}

/** A key for HS256. Refuses what is a public key: whoever knows that could sign. */
function secretKey(secret: string | Uint8Array, kid: string | undefined): VerificationKey {
  const bytes = typeof secret === "string" ? Buffer.from(secret) : secret;
  if (/-----BEGIN|"kty"/.test(Buffer.from(bytes).toString("latin1"))) {
    throw new KeyMistake("holds a key in PEM or JWK, which is no secret; give it as publicKey");
  }
  if (bytes.length < secretBytesMin) {
    throw new KeyMistake(
      `must have at least ${secretBytesMin} bytes, as "openssl rand -base64 32" draws them; it has ${bytes.length}`,
    );
  }
  return verificationKey("HS256", createSecretKey(bytes), kid);
}

/** Public keys from text: PEM, a JWK, or a set of them. */
function publicKeys(text: string, kid: string | undefined): readonly VerificationKey[] {
  if (/^\s*\{/.test(text)) {
    const json = parsed(text);
    return isRecord(json) && Array.isArray(json.keys)
      ? json.keys.map((one: unknown) => fromJwk(one, undefined))
      : [fromJwk(json, kid)];
  }
  if (/PRIVATE KEY-----/.test(text)) throw new KeyMistake(isPrivate);
  return [ready(() => createPublicKey(text), kid)];
}

const isPrivate = "holds a private key; the server needs the public one alone";

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new KeyMistake("is neither PEM nor JSON");
  }
}

function fromJwk(jwk: unknown, kid: string | undefined): VerificationKey {
  if (!isRecord(jwk)) throw new KeyMistake("must be a public key in PEM, or a JWK");
  if (jwk.kty === "oct") throw new KeyMistake("holds a secret; give it as secret");
  if (jwk.d !== undefined) throw new KeyMistake(isPrivate);
  if (jwk.use !== undefined && jwk.use !== "sig")
    throw new KeyMistake("holds a key that is not for signatures");
  const named = kid ?? (typeof jwk.kid === "string" ? jwk.kid : undefined);
  const key = ready(() => createPublicKey({ key: jwk as webcrypto.JsonWebKey, format: "jwk" }), named);
  if (jwk.alg !== undefined && jwk.alg !== key.algorithm) {
    throw new KeyMistake(`holds a key for another algorithm than ${key.algorithm}`);
  }
  return key;
}

function ready(create: () => KeyObject, kid: string | undefined): VerificationKey {
  let key: KeyObject;
  try {
    key = create();
  } catch {
    throw new KeyMistake("is no public key in PEM or JWK");
  }
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) {
    throw new KeyMistake(`must be a key of RSA with at least ${rsaBitsMin} bits, of P-256, or of Ed25519`);
  }
  return verificationKey(algorithm, key, kid);
}

const imports: Readonly<Record<Algorithm, Parameters<KeyObject["toCryptoKey"]>[0]>> = {
  HS256: { name: "HMAC", hash: "SHA-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  EdDSA: { name: "Ed25519" },
};

/** Imported once: `jose` would do so for each token that a secret has signed, which takes a third of its time. */
function verificationKey(algorithm: Algorithm, key: KeyObject, kid: string | undefined): VerificationKey {
  return { algorithm, key: key.toCryptoKey(imports[algorithm], false, ["verify"]), kid };
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails: details }: KeyObject): Algorithm | undefined {
  if (asymmetricKeyType === "rsa" && (details?.modulusLength ?? 0) >= rsaBitsMin) return "RS256";
  if (asymmetricKeyType === "ec" && details?.namedCurve === "prime256v1") return "ES256";
  return asymmetricKeyType === "ed25519" ? "EdDSA" : undefined;
}
