import { test } from "node:test";
import { liveThrough } from "./worlds.ts";

// In a file of its own, so that two cores share the work.
test("[ORD-1] [GAP-1] [GAP-3] [DUP-1] [READ-1] [AUTH-1] worlds 1100 to 1649 keep every promise", async () => {
  await liveThrough(1100, 550);
});

test("[END-1] [ACK-1] [ACK-4] [MOVE-1] [BND-1] [EXP-3] worlds 1650 to 2199 keep every promise", async () => {
  await liveThrough(1650, 550);
});
