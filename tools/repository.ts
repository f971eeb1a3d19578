import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Files by their path from the root, with "/" on every platform. The tests pass trees that exist only in memory. */
export type Tree = ReadonlyMap<string, string>;

export interface Package {
  /** "" is the root. */
  folder: string;
  name: string;
  /** Entry points, e.g. "." or "./server", with the file each stands for. */
  entries: ReadonlyMap<string, string>;
  dependencies: ReadonlySet<string>;
  devDependencies: ReadonlySet<string>;
}

export const root = join(import.meta.dirname, "..");

const ignored = ["**/node_modules", "**/dist", "**/.tsbuild", "**/.git"];

export function readTree(...patterns: string[]): Tree {
  const paths = globSync(patterns, { cwd: root, exclude: ignored });
  return new Map(
    paths.sort().map((path) => [path.replaceAll("\\", "/"), readFileSync(join(root, path), "utf8")]),
  );
}

export function readPackages(tree: Tree): Package[] {
  const packages: Package[] = [];
  for (const [path, text] of tree) {
    if (path !== "package.json" && !path.endsWith("/package.json")) continue;
    const folder = path.slice(0, -"/package.json".length);
    const manifest = JSON.parse(text) as Record<string, Record<string, unknown> | undefined>;
    const keys = (...fields: string[]) =>
      new Set(fields.flatMap((field) => Object.keys(manifest[field] ?? {})));
    packages.push({
      folder,
      name: String(manifest.name),
      entries: new Map(
        Object.entries(manifest.exports ?? {}).map(([entry, file]) => [
          entry,
          inFolder(folder, String(file)),
        ]),
      ),
      dependencies: keys("dependencies", "peerDependencies", "optionalDependencies"),
      devDependencies: keys("devDependencies"),
    });
  }
  // The longest folder first, so that the first match owns a file.
  return packages.sort((a, b) => b.folder.length - a.folder.length);
}

export function packageOf(path: string, packages: readonly Package[]): Package | undefined {
  return packages.find(({ folder }) => folder === "" || path.startsWith(`${folder}/`));
}

function inFolder(folder: string, file: string): string {
  return join(folder, file).replaceAll("\\", "/");
}
