import { join } from "node:path";
import { createPrimary } from "@holdfast/server/workers";
import { conformanceNamespaces, transportConformance } from "@holdfast/testkit";
import { drawSeed, HalfDeaf, transportsUnderTest } from "./transports-under-test.ts";

const script = join(import.meta.dirname, "worker.ts");
/** What one process does with its own input, how much of it, and with tokens; the suite over a single one tries that. */
const leaveOut = /a thousand channels|a hundred thousand events|swallows frames|EXP-/;

// Whoever connects is served by one worker or the other, and must not be able to tell.
transportConformance(
  {
    ...transportsUnderTest(),
    async start({ heartbeatMs }) {
      let isDeaf = false;
      const limits = { heartbeatMs };
      const primary = createPrimary(
        {
          logger: () => {},
          namespaces: conformanceNamespaces,
          limits,
          broker: ({ clock, retention }) =>
            new HalfDeaf({ clock, retention, epochSeed: drawSeed() }, () => isDeaf),
        },
        { workers: 2, script, args: [JSON.stringify(limits)] },
      );
      const { url } = await primary.listen({ port: 0 });
      const total = async (of: "unsentBytes" | "sessions") => {
        const { workers } = await primary.stats();
        return workers.reduce((sum, { stats }) => sum + (stats?.[of] ?? 0), 0);
      };
      return {
        url,
        stop: () => primary.close({ spreadMs: 0, deadlineMs: 1000 }),
        unsentBytes: () => total("unsentBytes"),
        sessions: () => total("sessions"),
        deafen: (is) => {
          isDeaf = is;
        },
      };
    },
  },
  { leaveOut },
);
