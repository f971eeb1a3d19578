import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { acceptDeflate } from "./permessage-deflate.ts";

const answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

for (const [offers, accepted] of [
  // What Chromium, Firefox and `ws` send.
  ["permessage-deflate; client_max_window_bits", answer],
  ["permessage-deflate", answer],
  ["permessage-deflate; server_no_context_takeover; client_no_context_takeover", answer],
  ["permessage-deflate; client_max_window_bits=10", answer],
  ['permessage-deflate; client_max_window_bits="15"', answer],
  ["x-other; a=1, permessage-deflate", answer],
  ['x-other; a="1;2,3", permessage-deflate', answer],
  ["permessage-deflate;server_max_window_bits=15", `${answer}; server_max_window_bits=15`],
  // The offer to fall back to, after one for less memory.
  ["permessage-deflate; server_max_window_bits=10, permessage-deflate", answer],
] as const) {
  test(`[ZIP-2] takes ${offers}`, () => assert.equal(acceptDeflate(offers), accepted));
}

for (const offers of [
  undefined,
  "",
  "x-webkit-deflate-frame",
  "permessage-bzip2",
  "PERMESSAGE-DEFLATE",
  "permessage-deflate; server_max_window_bits=10",
  "permessage-deflate; server_max_window_bits",
  "permessage-deflate; server_max_window_bits=16",
  "permessage-deflate; server_max_window_bits=015",
  "permessage-deflate; client_max_window_bits=7",
  "permessage-deflate; client_max_window_bits=",
  "permessage-deflate; client_max_window_bits; client_max_window_bits",
  "permessage-deflate; server_no_context_takeover=true",
  "permessage-deflate; level=9",
  "permessage-deflate;",
]) {
  test(`[ZIP-3] declines ${offers}`, () => assert.equal(acceptDeflate(offers), undefined));
}

test("[ZIP-3] whatever is offered, it is taken as it may be or declined", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("permessage-deflate", ";", ",", "=", '"', "server_max_window_bits=15", " "),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const accepted = acceptDeflate(pieces.join(""));
      assert.ok(accepted === undefined || accepted.startsWith(answer));
    }),
  );
});
