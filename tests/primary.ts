import { join } from "node:path";
import { createPrimary } from "@holdfast/server/workers";

// A primary in a process of its own, which says where it listens and which its workers are.
const script = join(import.meta.dirname, "worker.ts");
const primary = createPrimary({ logger: () => {} }, { workers: 2, script });
const { url } = await primary.listen({ port: 0 });
const { workers } = await primary.stats();
console.log(JSON.stringify({ url, pids: workers.map(({ pid }) => pid) }));
