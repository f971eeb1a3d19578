import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

const ignored = new Set(["node_modules", "dist"]);
const filesMax = 20_000;

/** The files below a folder, sorted, without what was installed or built, and without hidden folders. */
export async function listFiles(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  const open = [""];
  for (let below = open.pop(); below !== undefined && found.length < filesMax; below = open.pop()) {
    for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
      const path = join(below, entry.name);
      const isHidden = entry.isDirectory() && entry.name.startsWith(".");
      if (entry.isDirectory() && !isHidden && !ignored.has(entry.name)) open.push(path);
      else if (entry.isFile()) found.push(path);
    }
  }
  return found.slice(0, filesMax).sort();
}

export interface Checksum {
  /** SHA-256 in hex. */
  readonly digest: string;
  readonly bytes: number;
}

/** Reads a file to its end; rejects when it cannot be read. */
export async function checksum(path: string, signal: AbortSignal): Promise<Checksum> {
  const hash = createHash("sha256");
  let bytes = 0;
  const file = createReadStream(path);
  file.on("data", (chunk) => {
    bytes += chunk.length;
  });
  await pipeline(file, hash, { signal });
  return { digest: hash.digest("hex"), bytes };
}
