import { test } from "node:test";
import { liveThrough } from "./worlds.ts";

test("[ORD-1] [GAP-1] [GAP-3] [DUP-1] [READ-1] [AUTH-1] worlds 0 to 549 keep every promise", async () => {
  await liveThrough(0, 550);
});

test("[END-1] [ACK-1] [ACK-4] [MOVE-1] [BND-1] [EXP-3] worlds 550 to 1099 keep every promise", async () => {
  await liveThrough(550, 550);
});
