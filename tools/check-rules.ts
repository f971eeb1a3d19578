import type { CallExpression } from "oxc-parser";
import { parseSync, Visitor } from "oxc-parser";
import type { Tree } from "./repository.ts";
import { readTree } from "./repository.ts";

interface Rule {
  id: string;
  line: number;
}

interface Citation {
  id: string;
  path: string;
  line: number;
}

interface Report {
  rules: Rule[];
  citations: Citation[];
  problems: string[];
}

const protocolPath = "PROTOCOL.md";

export function checkRules(tree: Tree): Report {
  const { rules, problems } = findRules(tree.get(protocolPath) ?? "");
  if (rules.length === 0) problems.push(`${protocolPath} holds no rules.`);
  const lines = new Map<string, number>();
  for (const { id, line } of rules) {
    const first = lines.get(id);
    if (first) problems.push(`${protocolPath}:${line} repeats ${id} of line ${first}.`);
    else lines.set(id, line);
  }
  // SHA-256 and RFC-9457 look like ids as well: only the prefixes of the protocol count.
  const prefixes = new Set(rules.map(({ id }) => prefixOf(id)));
  const citations: Citation[] = [];
  for (const [path, text] of tree) {
    if (!/\.test\.tsx?$/.test(path) && !/^packages\/testkit\/src\/.*\.ts$/.test(path)) continue;
    citations.push(...findCitations(path, text).filter(({ id }) => prefixes.has(prefixOf(id))));
  }
  const cited = new Set(citations.map(({ id }) => id));
  for (const [id, line] of lines) {
    if (!cited.has(id)) problems.push(`${protocolPath}:${line} ${id} is cited by no test title.`);
  }
  for (const { id, path, line } of citations) {
    if (!lines.has(id)) problems.push(`${path}:${line} cites ${id}, which ${protocolPath} does not have.`);
  }
  return { rules, citations, problems };
}

function findRules(text: string): { rules: Rule[]; problems: string[] } {
  const rules: Rule[] = [];
  const problems: string[] = [];
  let fenced = false;
  for (const [index, content] of text.split("\n").entries()) {
    if (/^\s*(```|~~~)/.test(content)) fenced = !fenced;
    const start = /^\s*- \*\*([A-Z]+-\d[^*\s]*)/.exec(content)?.[1];
    if (fenced || start === undefined) continue;
    const id = /^\s*- \*\*([A-Z]{2,5}-\d+)\*\* \S/.exec(content)?.[1];
    if (id) rules.push({ id, line: index + 1 });
    else problems.push(`${protocolPath}:${index + 1} ${start} is not written as "- **ABC-1** text".`);
  }
  return { rules, problems };
}

function findCitations(path: string, text: string): Citation[] {
  const citations: Citation[] = [];
  const visitCall = (call: CallExpression) => {
    if (!isTest(call)) return;
    const line = text.slice(0, call.start).split("\n").length;
    for (const [, id = ""] of titleOf(call.arguments[0]).matchAll(/\b([A-Z]{2,5}-\d+)\b/g)) {
      citations.push({ id, path, line });
    }
  };
  new Visitor({ CallExpression: visitCall }).visit(parseSync(path, text).program);
  return citations;
}

/** A skipped test, or one with a title alone, proves nothing; nor is `pattern.test(text)` a test. */
function isTest({ callee, arguments: given }: CallExpression): boolean {
  const name = nameOf(callee);
  if (name === "rule") return true;
  if (given.length < 2) return false;
  if (name === "only" && callee.type === "MemberExpression") return isTestName(nameOf(callee.object));
  return isTestName(name);
}

function isTestName(name: string | undefined): boolean {
  return name === "test" || name === "it" || name === "describe" || name === "suite";
}

function nameOf(callee: CallExpression["callee"]): string | undefined {
  if (callee.type === "Identifier") return callee.name;
  if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return undefined;
  return callee.property.name;
}

function titleOf(argument: CallExpression["arguments"][number] | undefined): string {
  switch (argument?.type) {
    case "Literal":
      return typeof argument.value === "string" ? argument.value : "";
    case "TemplateLiteral":
      return argument.quasis.map(({ value }) => value.cooked).join("\0");
    case "BinaryExpression":
      return argument.left.type === "PrivateIdentifier"
        ? ""
        : `${titleOf(argument.left)}\0${titleOf(argument.right)}`;
    default:
      return "";
  }
}

function prefixOf(id: string): string {
  return id.slice(0, id.indexOf("-"));
}

if (import.meta.main) {
  const { rules, citations, problems } = checkRules(readTree(protocolPath, "**/*.{ts,tsx}"));
  if (process.argv.includes("--list")) {
    const counts = Map.groupBy(citations, ({ id }) => id);
    for (const { id } of rules) console.log(`${id} ${counts.get(id)?.length ?? 0}`);
  }
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log(`${rules.length} rules: each has a test that cites it.`);
}
