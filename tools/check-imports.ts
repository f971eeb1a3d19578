import { isBuiltin } from "node:module";
import { posix } from "node:path";
import type { Import } from "./import-graph.ts";
import { findCycles, parseImports } from "./import-graph.ts";
import type { Package, Tree } from "./repository.ts";
import { packageOf, readPackages, readTree } from "./repository.ts";

interface Area {
  name: string;
  /** "*" stands for one folder name. */
  folder: string;
  /** Names of the areas it may import. */
  may: readonly string[];
  /** What it may import from outside the repository. */
  outside?: readonly ("node" | "npm")[];
}

// protocol <- core <- {server, client, broker-*} <- {react, cli, console}. The first match owns a file.
const areas: readonly Area[] = [
  { name: "protocol", folder: "packages/protocol", may: [] },
  { name: "core/broker", folder: "packages/core/src/broker", may: ["protocol"] },
  { name: "core/server", folder: "packages/core/src/server", may: ["protocol", "core", "core/broker"] },
  { name: "core/client", folder: "packages/core/src/client", may: ["protocol", "core"] },
  { name: "core", folder: "packages/core", may: ["protocol"] },
  {
    name: "server",
    folder: "packages/server",
    may: ["protocol", "core/server", "core/broker"],
    outside: ["node", "npm"],
  },
  { name: "client", folder: "packages/client", may: ["protocol", "core/client"] },
  {
    name: "broker-*",
    folder: "packages/broker-*",
    may: ["protocol", "core/broker"],
    outside: ["node", "npm"],
  },
  { name: "react", folder: "packages/react", may: ["protocol", "client"], outside: ["npm"] },
  {
    name: "cli",
    folder: "packages/cli",
    may: ["protocol", "core/broker", "server", "client", "broker-*"],
    outside: ["node", "npm"],
  },
  { name: "console", folder: "packages/console", may: ["protocol", "client"] },
  {
    name: "testkit",
    folder: "packages/testkit",
    may: ["protocol", "core", "core/broker", "core/server", "core/client"],
    outside: ["node"],
  },
];

/** They may import any package by its entry points. */
const free = /^(tests|examples|tools|bench)\/|\.test\.tsx?$/;
/** They may also use the root's devDependencies, and every package of the repository. */
const undeclared = /^(tests|tools|bench)\/|\.test\.tsx?$/;
/** Names that say nothing about what is inside. */
const vague = new Set(["utils", "util", "helpers", "helper", "common", "types"]);

export function checkImports(tree: Tree): string[] {
  const packages = readPackages(tree);
  const problems: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [path, text] of tree) {
    if (!/\.tsx?$/.test(path)) continue;
    const vagueName = path.split("/").find((segment) => vague.has(segment.replace(/\..*/, "")));
    if (vagueName) problems.push(`${path}: "${vagueName}" says nothing; name it after what it holds.`);
    if (!free.test(path) && !areaOf(path) && path.includes("/")) {
      problems.push(`${path} belongs to no area; add its folder to the table in tools/check-imports.ts.`);
    }
    const { imports, references } = parseImports(path, text);
    for (const line of references) {
      problems.push(`${path}:${line} references types by a comment; only the tsconfig decides what is seen.`);
    }
    const file = { path, package: packageOf(path, packages), packages };
    for (const one of imports) {
      const { target, problem } = resolve(file, one.specifier);
      if (problem) problems.push(`${path}:${one.line} imports "${one.specifier}": ${problem}`);
      if (target && !one.typeOnly) graph.set(path, [...(graph.get(path) ?? []), target]);
    }
  }
  for (const cycle of findCycles(graph)) {
    problems.push(`${cycle[0]}: import cycle ${[...cycle, cycle[0]].join(" -> ")}.`);
  }
  return problems;
}

interface Importer {
  path: string;
  package: Package | undefined;
  packages: readonly Package[];
}

interface Resolved {
  /** The file of this repository that is meant. */
  target?: string;
  problem?: string | undefined;
}

function resolve(from: Importer, specifier: Import["specifier"]): Resolved {
  if (/^\.\.?(\/|$)/.test(specifier)) return resolveRelative(from, specifier);
  if (isBuiltin(specifier)) return { problem: outsideProblem(from, "node") };
  const [, name = specifier, rest = ""] = /^(@[^/]+\/[^/]+|[^/]+)(.*)$/.exec(specifier) ?? [];
  const owner = from.packages.find((one) => one.name === name && one.folder !== "");
  if (!owner) return { problem: outsideProblem(from, "npm") ?? declarationProblem(from, name) };
  const target = owner.entries.get(`.${rest}`);
  if (!target) return { problem: `${name} has no entry point ".${rest}".` };
  return {
    target,
    problem:
      directionProblem(from, target) ??
      (owner === from.package || undeclared.test(from.path) ? undefined : declarationProblem(from, name)),
  };
}

function resolveRelative(from: Importer, specifier: string): Resolved {
  const target = posix.join(posix.dirname(from.path), specifier);
  if (packageOf(target, from.packages) !== from.package) {
    return { problem: "it is in another package; import that by its name." };
  }
  if (!/\.(tsx?|json)$/.test(specifier)) return { problem: "the file's extension is missing." };
  return { target, problem: directionProblem(from, target) };
}

function directionProblem(from: Importer, target: string): string | undefined {
  const area = areaOf(from.path);
  const wanted = areaOf(target);
  if (free.test(from.path) || !area) return undefined;
  if (wanted && area.may.includes(wanted.name)) return undefined;
  if (wanted === area && packageOf(target, from.packages) === from.package) return undefined;
  const may = area.may.length ? `only ${area.may.join(", ")}` : "nothing else";
  return `${area.name} may import ${may}.`;
}

function outsideProblem(from: Importer, kind: "node" | "npm"): string | undefined {
  const area = areaOf(from.path);
  if (free.test(from.path) || !area || area.outside?.includes(kind)) return undefined;
  return `${area.name} may import ${kind === "node" ? "no Node module" : "no npm package"}.`;
}

function declarationProblem(from: Importer, name: string): string | undefined {
  const own = from.package;
  if (own?.dependencies.has(name)) return undefined;
  if (free.test(from.path) && own?.devDependencies.has(name)) return undefined;
  const top = from.packages.find(({ folder }) => folder === "");
  if (undeclared.test(from.path) && top?.devDependencies.has(name)) return undefined;
  return `${name} is not among the dependencies in ${own?.folder ? `${own.folder}/` : ""}package.json.`;
}

function areaOf(path: string): Area | undefined {
  return areas.find(({ folder }) => posix.matchesGlob(path, `${folder}/**`));
}

if (import.meta.main) {
  const tree = readTree("**/*.{ts,tsx}", "**/package.json");
  const problems = checkImports(tree);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log(`${tree.size} files: every import points the right way.`);
}
