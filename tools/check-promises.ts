import { globSync } from "node:fs";
import { join, relative } from "node:path";
import type { CallExpression, Expression, Node, SourceFile } from "typescript/unstable/ast";
import {
  isArrowFunction,
  isBinaryExpression,
  isBlock,
  isCallExpression,
  isConditionalExpression,
  isExpressionStatement,
  isFunctionExpression,
  isIdentifier,
  isNewExpression,
  isParenthesizedExpression,
  isPropertyAccessExpression,
} from "typescript/unstable/ast/is";
import {
  API,
  type Checker,
  ModifierFlags,
  SignatureKind,
  type Type,
  TypeFlags,
} from "typescript/unstable/sync";
import { root } from "./repository.ts";

// The linter's rule of this name does not see types from node_modules, and so misses every promise of Node's own.

const dropped = "drops a promise: await it, return it, catch it, or void it where it cannot fail.";
const unawaited = "is a function whose promise nobody awaits: if it rejects, the process ends.";

export function checkPromises(folder: string, configs: readonly string[]): string[] {
  const api = new API({ cwd: folder });
  try {
    const snapshot = api.updateSnapshot({ openProjects: configs.map((config) => join(folder, config)) });
    const problems = snapshot.getProjects().flatMap(({ checker, program, rootFiles }) =>
      rootFiles.flatMap((path) => {
        const file = program.getSourceFile(path);
        if (!file) return [];
        return findProblems(file, checker).map(({ node, problem }) => {
          const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
          return `${relative(folder, path).replaceAll("\\", "/")}:${line + 1} ${problem}`;
        });
      }),
    );
    return [...new Set(problems)];
  } finally {
    api.close();
  }
}

interface Problem {
  node: Node;
  problem: string;
}

function findProblems(file: SourceFile, checker: Checker): Problem[] {
  const problems: Problem[] = [];
  const visit = (node: Node): void => {
    if (isExpressionStatement(node)) {
      for (const call of resultsOf(node.expression)) {
        if (isHandled(call) || isTest(call)) continue;
        if (isThenable(checker.getTypeAtLocation(call), checker))
          problems.push({ node: call, problem: dropped });
      }
    } else if (isUnawaited(node, checker)) {
      problems.push({ node, problem: unawaited });
    }
    node.forEachChild(visit);
  };
  visit(file);
  return problems;
}

/** The calls whose result is the value of the expression. */
function resultsOf(node: Expression): Node[] {
  if (isCallExpression(node) || isNewExpression(node)) return [node];
  if (isParenthesizedExpression(node)) return resultsOf(node.expression);
  if (isConditionalExpression(node)) return [...resultsOf(node.whenTrue), ...resultsOf(node.whenFalse)];
  // An assignment keeps what is on its right; && || ?? and the comma drop it.
  if (isBinaryExpression(node)) {
    return /^(&&|\|\||\?\?|,)$/.test(node.operatorToken.getText()) ? resultsOf(node.right) : [];
  }
  return [];
}

function isHandled(node: Node): boolean {
  if (!isCallExpression(node) || !isPropertyAccessExpression(node.expression)) return false;
  const { name, expression } = node.expression;
  if (name.text === "catch") return node.arguments.length > 0;
  if (name.text === "then") return node.arguments.length > 1;
  return name.text === "finally" && isHandled(expression);
}

/** The runner awaits the tests of a file itself. It does not await those begun inside a test: `t.test()`. */
function isTest(node: Node): boolean {
  const callee = (node as CallExpression).expression;
  const name = isPropertyAccessExpression(callee) ? callee.expression : callee;
  return isIdentifier(name) && /^(test|it|describe|suite)$/.test(name.text);
}

function isUnawaited(node: Node, checker: Checker): boolean {
  if (!isArrowFunction(node) && !isFunctionExpression(node)) return false;
  const async = (node.modifierFlags & ModifierFlags.Async) !== 0;
  if (!async && (!node.body || isBlock(node.body))) return false;
  const wanted = returnTypes(checker.getContextualType(node), checker);
  if (wanted.length === 0 || !wanted.every(({ flags }) => flags & TypeFlags.Void)) return false;
  return returnTypes(checker.getTypeAtLocation(node), checker).some((type) => isThenable(type, checker));
}

function returnTypes(type: Type | undefined, checker: Checker): Type[] {
  return membersOf(type)
    .flatMap((member) => checker.getSignaturesOfType(member, SignatureKind.Call))
    .flatMap((signature) => checker.getReturnTypeOfSignature(signature) ?? []);
}

function isThenable(type: Type | undefined, checker: Checker): boolean {
  return membersOf(type).some((member) => checker.getPropertyOfType(member, "then") !== undefined);
}

function membersOf(type: Type | undefined): readonly Type[] {
  if (!type) return [];
  return type.isUnionType() ? type.getTypes() : [type];
}

if (import.meta.main) {
  const configs = globSync("{packages/*,examples/*,bench,tests,tools}/tsconfig*.json", { cwd: root });
  const problems = checkPromises(root, configs);
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
  else console.log("No promise is dropped.");
}
