import { parseSync, Visitor } from "oxc-parser";

export interface Import {
  specifier: string;
  line: number;
  /** Erased before the code runs. `import { type A }` is not: it leaves an empty import behind. */
  typeOnly: boolean;
}

export interface ParsedImports {
  imports: Import[];
  /** Lines with `/// <reference … />`, which bring in types behind the tsconfig's back. */
  references: number[];
}

interface Node {
  start: number;
  source: unknown;
}

export function parseImports(path: string, text: string): ParsedImports {
  const { program, comments } = parseSync(path, text);
  const imports: Import[] = [];
  const lineAt = (offset: number) => text.slice(0, offset).split("\n").length;
  const add = (node: Node, typeOnly: boolean) => {
    const specifier = literal(node.source);
    if (specifier !== undefined) imports.push({ specifier, line: lineAt(node.start), typeOnly });
  };
  new Visitor({
    ImportDeclaration: (node) => add(node, node.importKind === "type"),
    ExportNamedDeclaration: (node) => add(node, node.exportKind === "type"),
    ExportAllDeclaration: (node) => add(node, node.exportKind === "type"),
    ImportExpression: (node) => add(node, false),
    TSImportType: (node) => add(node, true),
  }).visit(program);
  const references = comments
    .filter(({ type, value }) => type === "Line" && /^\/\s*<reference\s/.test(value))
    .map(({ start }) => lineAt(start));
  return { imports, references };
}

/** The value of a string, or of a template without holes. */
function literal(source: unknown): string | undefined {
  if (source === null || typeof source !== "object") return undefined;
  const node = source as { value?: unknown; quasis?: { value: { cooked: string } }[] };
  if (typeof node.value === "string") return node.value;
  return node.quasis?.length === 1 ? node.quasis[0]?.value.cooked : undefined;
}

/** Each cycle once, as the files along it. */
export function findCycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push(path.slice(start));
    if (start >= 0 || done.has(file)) return;
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return cycles;
}
