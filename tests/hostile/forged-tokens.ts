import { createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

const encode = (value: string | Uint8Array) => Buffer.from(value).toString("base64url");
const part = (value: unknown) => encode(typeof value === "string" ? value : JSON.stringify(value));

export const secret = randomBytes(32).toString("base64");
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const otherRsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pemOf = (key: KeyObject) => key.export({ type: "spki", format: "pem" }) as string;
export const rsaPem = pemOf(rsa.publicKey);
export const ecPem = pemOf(ec.publicKey);

const issuer = "https://issuer.example";
const audience = "live";
export const tokenSettings = {
  keys: [
    { secret, kid: "hs" },
    { publicKey: rsaPem, kid: "rs" },
    { publicKey: ecPem, kid: "es" },
  ],
  issuer,
  audience,
};

const now = () => Math.floor(Date.now() / 1000);
const claims = () => ({
  iss: issuer,
  aud: audience,
  sub: "ada",
  iat: now(),
  exp: now() + 600,
  holdfast: { grants: ["read,publish,admin **"] },
});

type Claims = Record<string, unknown>;
type Signer = (input: string) => Uint8Array;

const byHmac =
  (key: string | Uint8Array): Signer =>
  (input) =>
    createHmac("sha256", key).update(input).digest();
const byRsa =
  (key: KeyObject): Signer =>
  (input) =>
    sign("sha256", Buffer.from(input), key);

function token(header: unknown, payload: unknown, signer: Signer): string {
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${encode(signer(input))}`;
}

const hs = { alg: "HS256", kid: "hs" };

/** A token that is right but for what is said. */
export function tokenWith(changes: Claims = {}, header: Claims = {}): string {
  return token({ ...hs, ...header }, { ...claims(), ...changes }, byHmac(secret));
}

function without(name: string): string {
  const { [name]: _, ...rest } = claims() as Claims;
  return token(hs, rest, byHmac(secret));
}

const nothing: Signer = () => new Uint8Array();
const good = tokenWith();
const [goodHeader, goodPayload, goodSignature] = good.split(".") as [string, string, string];
const jwk = otherRsa.publicKey.export({ format: "jwk" });

/** Tokens that nobody may be let in with, and the code of their refusal. */
export const forgeries: readonly (readonly [name: string, token: string, code: string])[] = [
  ...["none", "None", "NONE", "nOnE", ""].map(
    (alg) => [`the algorithm "${alg}"`, token({ alg }, claims(), nothing), "unauthenticated"] as const,
  ),
  [
    "the algorithm none with a signature",
    token({ alg: "none" }, claims(), byHmac(secret)),
    "unauthenticated",
  ],
  ["no signature", `${goodHeader}.${goodPayload}.`, "unauthenticated"],
  ["no third part", `${goodHeader}.${goodPayload}`, "unauthenticated"],
  ["half a signature", good.slice(0, -20), "unauthenticated"],
  ["a signature that is padded", `${good}=`, "unauthenticated"],
  [
    "a signature that is of another's payload",
    `${goodHeader}.${part({ ...claims(), sub: "root" })}.${goodSignature}`,
    "unauthenticated",
  ],
  [
    "a signature that is of another's header",
    `${part({ alg: "HS256" })}.${goodPayload}.${goodSignature}`,
    "unauthenticated",
  ],
  [
    "an RSA key as the secret",
    token({ alg: "HS256", kid: "rs" }, claims(), byHmac(rsaPem)),
    "unauthenticated",
  ],
  [
    "an RSA key as the secret, by no name",
    token({ alg: "HS256" }, claims(), byHmac(rsaPem)),
    "unauthenticated",
  ],
  [
    "an RSA key as the secret, without its line breaks",
    token({ alg: "HS256", kid: "rs" }, claims(), byHmac(rsaPem.trim())),
    "unauthenticated",
  ],
  [
    "an RSA key as the secret, in bytes",
    token(
      { alg: "HS256", kid: "rs" },
      claims(),
      byHmac(rsa.publicKey.export({ type: "spki", format: "der" })),
    ),
    "unauthenticated",
  ],
  [
    "a secret as the RSA key",
    token({ alg: "RS256", kid: "hs" }, claims(), byRsa(otherRsa.privateKey)),
    "unauthenticated",
  ],
  [
    "another's RSA key",
    token({ alg: "RS256", kid: "rs" }, claims(), byRsa(otherRsa.privateKey)),
    "unauthenticated",
  ],
  ["a key of its own", token({ alg: "RS256", jwk }, claims(), byRsa(otherRsa.privateKey)), "unauthenticated"],
  [
    "the address of a key",
    token({ alg: "RS256", jku: "http://127.0.0.1:1/", kid: "x" }, claims(), byRsa(otherRsa.privateKey)),
    "unauthenticated",
  ],
  [
    "the address of a certificate",
    token({ alg: "RS256", x5u: "http://127.0.0.1:1/" }, claims(), byRsa(otherRsa.privateKey)),
    "unauthenticated",
  ],
  [
    "a key by the name of a file",
    token({ alg: "HS256", kid: "../../../../dev/null" }, claims(), byHmac("")),
    "unauthenticated",
  ],
  [
    "a key by the name of a prototype",
    token({ alg: "HS256", kid: "__proto__" }, claims(), byHmac("")),
    "unauthenticated",
  ],
  ["an empty secret", token(hs, claims(), byHmac("")), "unauthenticated"],
  [
    "a signature of nothing but zeros",
    token({ alg: "ES256", kid: "es" }, claims(), () => new Uint8Array(64)),
    "unauthenticated",
  ],
  [
    "an algorithm that is not taken",
    token({ alg: "HS512", kid: "hs" }, claims(), byHmac(secret)),
    "unauthenticated",
  ],
  ["a header that must be understood", tokenWith({}, { crit: ["x"], x: 1 }), "unauthenticated"],
  ["a payload that is not encoded", tokenWith({}, { b64: false, crit: ["b64"] }), "unauthenticated"],
  ["a payload that is no object", token(hs, "[]", byHmac(secret)), "unauthenticated"],
  ["a payload that is no JSON", token(hs, "{", byHmac(secret)), "unauthenticated"],
  [
    "a payload that is deep",
    token(hs, `${"[".repeat(700)}${"]".repeat(700)}`, byHmac(secret)),
    "unauthenticated",
  ],
  ["five parts", `${good}.x.y`, "unauthenticated"],
  ["nothing but points", "..", "unauthenticated"],
  ["an end that has passed", tokenWith({ iat: now() - 700, exp: now() - 60 }), "token_expired"],
  ["a start that is to come", tokenWith({ nbf: now() + 300 }), "unauthenticated"],
  ["an issue that is to come", tokenWith({ iat: now() + 300, exp: now() + 600 }), "unauthenticated"],
  ["another audience", tokenWith({ aud: "other" }), "unauthenticated"],
  ["a list of other audiences", tokenWith({ aud: ["other", "live2"] }), "unauthenticated"],
  ["no audience", without("aud"), "unauthenticated"],
  ["another issuer", tokenWith({ iss: "https://issuer.example.evil" }), "unauthenticated"],
  ["no issuer", without("iss"), "unauthenticated"],
  ["no end", without("exp"), "unauthenticated"],
  ["no issue", without("iat"), "unauthenticated"],
  ["a life of a year", tokenWith({ exp: now() + 365 * 86_400 }), "unauthenticated"],
  ["an end that is text", tokenWith({ exp: String(now() + 600) }), "unauthenticated"],
  [
    "an end beyond all numbers",
    token(hs, JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e999'), byHmac(secret)),
    "unauthenticated",
  ],
  ["a user that is no text", tokenWith({ sub: { toString: "root" } }), "unauthenticated"],
  ["a user with line breaks", tokenWith({ sub: "ada\r\nX: y" }), "unauthenticated"],
  ["a user without a name", tokenWith({ sub: "" }), "unauthenticated"],
  ["grants that are none", tokenWith({ holdfast: { grants: "everything" } }), "unauthenticated"],
];
