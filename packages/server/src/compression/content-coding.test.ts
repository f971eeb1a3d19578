import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { codings, readAcceptEncoding } from "./content-coding.ts";

for (const [header, coding, takesIdentity] of [
  [undefined, undefined, true],
  ["", undefined, true],
  ["identity", undefined, true],
  ["gzip", "gzip", true],
  ["GZIP ; Q=0.5", "gzip", true],
  ["x-gzip", "gzip", true],
  // Browsers; curl; Node's fetch.
  ["gzip, deflate, br, zstd", "zstd", true],
  ["deflate, gzip, br, zstd", "zstd", true],
  ["gzip, deflate", "gzip", true],
  ["br", undefined, true],
  ["*", "zstd", true],
  ["*;q=0.1, zstd;q=0", "gzip", true],
  ["gzip;q=1.0, zstd;q=0.5", "gzip", true],
  ["gzip;q=0.2, zstd;q=0.3", "zstd", true],
  ["gzip;q=0", undefined, true],
  ["gzip;q=0.5, identity", undefined, true],
  ["gzip;q=0.5, identity;q=0.5", "gzip", true],
  ["gzip, identity;q=0", "gzip", false],
  ["gzip, *;q=0", "gzip", false],
  ["identity;q=0, *;q=0.1", "zstd", false],
  ["*;q=0, identity", undefined, true],
  ["gzip;q=0, gzip", "gzip", true],
  ["gzip;q=7, ;;, nonsense", "gzip", true],
] as const) {
  test(`[ZIP-8] Accept-Encoding: ${header} asks for ${coding}`, () => {
    assert.deepEqual(readAcceptEncoding(header), { coding, takesIdentity });
  });
}

for (const header of ["identity;q=0", "*;q=0", "br, identity;q=0", "gzip;q=0, zstd;q=0, *;q=0"]) {
  test(`[ZIP-8] Accept-Encoding: ${header} allows nothing that is spoken here`, () => {
    assert.throws(() => readAcceptEncoding(header), { code: "not_acceptable" });
  });
}

test("[ZIP-8] whatever the header says, it asks for a coding of ours, for none, or is refused", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("gzip", "zstd", "identity", "*", ";q=0", ";q=0.5", ",", "q", " "),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      try {
        const { coding, takesIdentity } = readAcceptEncoding(pieces.join(""));
        assert.ok(coding === undefined ? takesIdentity : codings.includes(coding));
      } catch (error) {
        assert.equal((error as { code?: string }).code, "not_acceptable");
      }
    }),
  );
});
