import type { Principal } from "@holdfast/core/server";
import { serveAsWorker } from "@holdfast/server/workers";

// A worker whose tokens say in so many words whom they stand for; root alone administers.
await serveAsWorker({
  logger: () => {},
  authenticate: (token) => (token === undefined ? null : (JSON.parse(token) as Principal)),
  authorize: ({ user }, action) => user === "root" || action !== "admin",
});
