import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { roomFor } from "./files.ts";

test("[BND-2] the room is that of connectionsMax, unless the process may open fewer files", () => {
  assert.deepEqual(roomFor(15_000, 20_000, 30), { served: 15_000, told: 16_000, because: "connectionsMax" });
  assert.deepEqual(roomFor(15_000, undefined, 30), {
    served: 15_000,
    told: 16_000,
    because: "connectionsMax",
  });
  assert.deepEqual(roomFor(15_000, 1024, 30), {
    served: 880,
    told: 978,
    because: "its process may open 1024 files",
  });
});

test("[BND] connections never need more files than there are, and whoever is served is within connectionsMax", () => {
  const wholes = fc.tuple(fc.integer({ min: 1, max: 50_000 }), fc.integer({ min: 100, max: 60_000 }));
  fc.assert(
    fc.property(wholes, fc.integer({ min: 3, max: 80 }), ([connectionsMax, files], used) => {
      const { served, told } = roomFor(connectionsMax, files, used);
      assert.ok(served >= 1 && served <= connectionsMax && served < told);
      assert.ok(used + told < files);
    }),
  );
});
