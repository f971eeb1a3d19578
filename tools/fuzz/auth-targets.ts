import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { actions, isChannelPattern, isUserId, permits } from "@holdfast/core/server";
import { isRecord } from "@holdfast/protocol";
import { credentialOf, principalFrom } from "@holdfast/server/decoders";
import fc from "fast-check";
import { anyOf, jsonNear, mutated, sentences } from "./input.ts";
import { type FuzzTarget, target, unlessRefused } from "./target.ts";

const now = 1_790_000_000_000;
const limits = { lifetimeMsMax: 86_400_000, clockToleranceMs: 5000 };

const claims = [
  '{"sub":"ada","iat":1790000000,"exp":1790000900,"jti":"a","sid":"b","holdfast":{"grants":["read,publish chat:*"]}}',
  '{"iat":1790000000,"exp":1790000900,"holdfast":{"grants":[{"actions":["read","admin"],"channels":["user:{user}:**"]}]}}',
];

function checkClaims(input: string): void {
  const json = parsed(input);
  const principal = isRecord(json) ? unlessRefused(() => principalFrom(json, now, limits)) : undefined;
  if (principal === undefined) return;
  const { user, issuedAt = Number.NaN, expiresAt = Number.NaN, tokenId = "x", session = "x" } = principal;
  assert.ok(user === undefined || isUserId(user));
  assert.ok(issuedAt <= now + limits.clockToleranceMs);
  assert.ok(expiresAt - issuedAt <= limits.lifetimeMsMax + limits.clockToleranceMs);
  for (const id of [tokenId, session]) assert.ok(id.length >= 1 && id.length <= 256);
  for (const grant of principal.grants ?? []) {
    assert.ok(grant.actions.length > 0 && grant.actions.every((action) => actions.includes(action)));
    assert.ok(grant.channels.length > 0 && grant.channels.every(isChannelPattern));
    for (const action of actions) permits(principal, action, "user:ada:x");
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const words = ["Bearer", "Basic", " ", "abc", "=", ";", '"', "session", "__Host-", "%", "token=", "?", "&"];

export const authTargets: readonly FuzzTarget[] = [
  target("claims", jsonNear(claims, []), checkClaims),
  target(
    "credential",
    fc.record({
      authorization: anyOf(mutated(["Bearer abc"], words), sentences(words)),
      cookie: anyOf(mutated(["session=abc; other=1"], words), sentences(words)),
      url: mutated(["/channels/a?after=oldest&ticket=abc"], words),
    }),
    ({ authorization, cookie, url }) => {
      const request = { headers: { authorization, cookie }, url } as unknown as IncomingMessage;
      const credential = unlessRefused(() => credentialOf(request, "session"));
      if (credential?.token === undefined) return;
      const source = credential.by === "header" ? authorization : cookie;
      assert.ok(credential.token !== "" && source.includes(credential.token));
      assert.ok(
        !/[?&](?:access_)?token=/i.test(url),
        "a token in the URL is refused, whatever else there is",
      );
    },
  ),
];
