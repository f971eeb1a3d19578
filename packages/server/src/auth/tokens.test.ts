import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "@holdfast/core/server";
import fc from "fast-check";
import type { TokenOptions } from "./options.ts";
import { readAuth } from "./options.ts";
import { audience, issuer, keyPair, mint, secret } from "./rig.test.ts";
import { Tokens } from "./tokens.ts";

const wall: Clock = { now: () => Date.now() };

function tokensOf(options: TokenOptions, clock = wall): Tokens {
  const mistakes: string[] = [];
  const { tokens } = readAuth({ tokens: options }, {}, mistakes);
  assert.deepEqual(mistakes, []);
  if (tokens === undefined) throw new Error("There are settings.");
  return new Tokens(tokens, clock, undefined);
}

const usual = { keys: [{ secret }], issuer, audience };
const second = () => Math.floor(Date.now() / 1000);

for (const algorithm of ["RS256", "ES256", "EdDSA"]) {
  test(`[AUTH-5] a key for ${algorithm} takes what it has signed, as PEM and as JWK, and nothing else`, async () => {
    const { privateKey, pem, jwk } = await keyPair(algorithm);
    const token = await mint({}, { algorithm, key: privateKey });
    for (const publicKey of [pem, jwk]) {
      const tokens = tokensOf({ ...usual, keys: [{ publicKey }] });
      assert.equal((await tokens.principalOf(token)).user, "ada");
      await assert.rejects(tokens.principalOf(await mint()), {
        code: "unauthenticated",
        message: `The token must be signed with ${algorithm}: this server has keys for nothing else.`,
      });
    }
    const others = tokensOf({ ...usual, keys: [{ publicKey: (await keyPair(algorithm)).pem }] });
    await assert.rejects(others.principalOf(token), { code: "unauthenticated", message: /no key/ });
  });
}

test("[AUTH-5] keys are rotated: each is tried, unless the token names one", async () => {
  const [old, next] = ["an old secret of more than 32 bytes.", "the next secret of more than 32 bytes"];
  const both = tokensOf({ ...usual, keys: [{ secret: old }, { secret: next }] });
  for (const key of [old, next]) {
    assert.equal((await both.principalOf(await mint({}, { key: Buffer.from(key) }))).user, "ada");
  }
  const named = tokensOf({
    ...usual,
    keys: [{ secret: old, kid: "old" }, { secret: next, kid: "next" }, { secret }],
  });
  const minted = (key: string, kid: string) => mint({}, { key: Buffer.from(key), header: { kid } });
  assert.equal((await named.principalOf(await minted(next, "next"))).user, "ada");
  await assert.rejects(named.principalOf(await minted(next, "old")), { code: "unauthenticated" });
  // A name that no key has may be that of a key without one.
  assert.equal((await named.principalOf(await minted(secret, "other"))).user, "ada");
  await assert.rejects(named.principalOf(await minted(next, "other")), { code: "unauthenticated" });
  assert.equal((await named.principalOf(await mint({}, { key: Buffer.from(next) }))).user, "ada");
});

test("[AUTH-6] the claims say who it is, until when, and by what it can be revoked", async () => {
  const iat = second() - 10;
  const grants = [{ actions: ["read"], channels: ["chat:*"] }, "read,publish user:{user}:**,inbox"];
  const token = await mint({ iat, exp: iat + 600, jti: "t1", sid: "s1", holdfast: { grants } });
  assert.deepEqual(await tokensOf(usual).principalOf(token), {
    user: "ada",
    issuedAt: iat * 1000,
    // Where the clocks differ, a token must not end before its issuer thinks that it does.
    expiresAt: (iat + 600) * 1000 + 5000,
    tokenId: "t1",
    session: "s1",
    grants: [
      { actions: ["read"], channels: ["chat:*"] },
      { actions: ["read", "publish"], channels: ["user:{user}:**", "inbox"] },
    ],
  });
  const bare = await tokensOf(usual).principalOf(await mint({ sub: undefined }));
  assert.deepEqual([bare.user, bare.grants], [undefined, []]);
});

for (const [claims, code, sentence] of [
  [
    { exp: undefined },
    "unauthenticated",
    'The token needs "iat" and "exp", the times at which it was issued and ends.',
  ],
  [
    { iat: undefined },
    "unauthenticated",
    'The token needs "iat" and "exp", the times at which it was issued and ends.',
  ],
  [{ iss: undefined }, "unauthenticated", 'The token has no "iss", which is needed here.'],
  [{ aud: undefined }, "unauthenticated", 'The token has no "aud", which is needed here.'],
  [{ aud: ["a", "b"] }, "unauthenticated", "The token is for another audience."],
  [{ iss: "nobody" }, "unauthenticated", "The token is from another issuer."],
  [{ exp: "tomorrow" }, "unauthenticated", 'The token\'s "exp" is malformed.'],
  [{ nbf: second() + 600 }, "unauthenticated", "The token is not valid yet."],
  [{ iat: second() + 600, exp: second() + 660 }, "unauthenticated", "The token was issued in the future."],
  [{ iat: second() - 600, exp: second() - 60 }, "token_expired", "The token has expired."],
  [
    { exp: second() + 90_000 },
    "unauthenticated",
    "The token lives for longer than 86400 seconds (auth.tokens.lifetimeMsMax).",
  ],
  [{ jti: 7 }, "unauthenticated", 'The token\'s "jti" must be text of 1 to 256 characters.'],
  [{ sid: "x".repeat(257) }, "unauthenticated", 'The token\'s "sid" must be text of 1 to 256 characters.'],
  [
    { holdfast: ["read **"] },
    "unauthenticated",
    'The token\'s claim "holdfast" must be {"grants":[…]}, with nothing else in it.',
  ],
  [
    { holdfast: { grants: [], grant: [] } },
    "unauthenticated",
    'The token\'s claim "holdfast" must be {"grants":[…]}, with nothing else in it.',
  ],
  [
    { holdfast: { grants: "read **" } },
    "unauthenticated",
    'The token\'s claim "holdfast" is wrong: grants must be a list of grants.',
  ],
  [
    { holdfast: { grants: [{ actions: ["write"], channels: ["a"] }] } },
    "unauthenticated",
    'The token\'s claim "holdfast" is wrong: grants.0.actions must be some of read, publish, presence, signal, admin.',
  ],
  [
    { holdfast: { grants: ["read **", "read a b"] } },
    "unauthenticated",
    'The token\'s claim "holdfast" is wrong: grants.1 must be a grant such as "read,publish chat:*" or {"actions":["read"],"channels":["chat:*"]}.',
  ],
  [
    { holdfast: { grants: ["read a/b"] } },
    "unauthenticated",
    'The token\'s claim "holdfast" is wrong: grants.0.channels must be patterns of channels such as "chat:*", of at most 128 characters; "*" stops at ":", "**" does not.',
  ],
] as const) {
  test(`[AUTH-6] a token with ${JSON.stringify(claims).replace(/\d{5,}/g, "…")} is refused with a sentence`, async () => {
    await assert.rejects(tokensOf(usual).principalOf(await mint(claims)), { code, message: sentence });
  });
}

for (const sub of ["", 7, "a\nb", "x".repeat(257), "\ud800"]) {
  test(`[AUTH-4] a token whose sub is ${JSON.stringify(sub)} is refused`, async () => {
    await assert.rejects(tokensOf(usual).principalOf(await mint({ sub })), {
      code: "unauthenticated",
      message: /user id/,
    });
  });
}

test("[AUTH-4] a user id may have any other characters, and is nobody's pattern", async () => {
  for (const sub of ["*", "auth0|7", "ада", "a:b", "x".repeat(256)]) {
    assert.equal((await tokensOf(usual).principalOf(await mint({ sub }))).user, sub);
  }
});

test("[AUTH-6] clocks may differ by the tolerance, and by no more", async () => {
  const at = second();
  const at30 = tokensOf({ ...usual, clockToleranceMs: 30_000 }, { now: () => at * 1000 });
  const ends = async (exp: number) => (await at30.principalOf(await mint({ iat: at - 100, exp }))).expiresAt;
  assert.equal(await ends(at - 29), (at + 1) * 1000);
  await assert.rejects(ends(at - 30), { code: "token_expired" });
  await at30.principalOf(await mint({ nbf: at + 30, iat: at + 30, exp: at + 60 }));
  await assert.rejects(at30.principalOf(await mint({ nbf: at + 31 })), { message: /not valid yet/ });
  await assert.rejects(at30.principalOf(await mint({ iat: at + 31 })), { message: /in the future/ });
});

test("[AUTH-6] a token for somebody is not taken where nobody said for whom this server is", async () => {
  const { audience: _, ...rest } = usual;
  await assert.rejects(tokensOf(rest).principalOf(await mint()), { message: /auth\.tokens\.audience/ });
  assert.equal((await tokensOf(rest).principalOf(await mint({ aud: undefined }))).user, "ada");
  assert.equal((await tokensOf({ ...rest, audience: [] }).principalOf(await mint())).user, "ada");
  const several = tokensOf({ ...usual, audience: ["one", audience], issuer: ["x", issuer] });
  assert.equal((await several.principalOf(await mint({ aud: ["z", audience] }))).user, "ada");
});

test("[AUTH-6] whatever is brought as a token is refused, and never repeated", async () => {
  const tokens = tokensOf(usual);
  const [header = "", claims = "", signature = ""] = (await mint()).split(".");
  const part = fc.oneof(
    fc.constantFrom(header, claims, signature, "", "e30", "bnVsbA"),
    fc.base64String().map((text) => text.replaceAll("=", "")),
  );
  await assert.doesNotReject(tokens.principalOf(`${header}.${claims}.${signature}`));
  await fc.assert(
    fc.asyncProperty(fc.tuple(part, part, part), async (parts) => {
      const token = parts.join(".");
      fc.pre(token !== `${header}.${claims}.${signature}`);
      await assert.rejects(
        tokens.principalOf(token),
        ({ code, message }: { code: string; message: string }) => {
          assert.equal(code, "unauthenticated");
          for (const one of parts) assert.ok(one.length < 12 || !message.includes(one));
          return true;
        },
      );
    }),
  );
});
