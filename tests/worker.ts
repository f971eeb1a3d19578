import { serveAsWorker } from "@holdfast/server/workers";
import { conformanceNamespaces } from "@holdfast/testkit";

// A worker of the tests' primaries; its one argument is the limits of its node, in JSON.
const limits = JSON.parse(process.argv[2] ?? "{}");
await serveAsWorker({ logger: () => {}, namespaces: conformanceNamespaces, limits });
