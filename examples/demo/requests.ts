import type { IncomingMessage, ServerResponse } from "node:http";
import { HoldfastError, isRecord, toHoldfastError, toProblem } from "@holdfast/protocol";
import type { Holdfast } from "@holdfast/server";
import type { Bench } from "./bench/bench.ts";
import type { Application } from "./fleet/address.ts";
import type { Pool } from "./fleet/pool.ts";
import { isOwnHost } from "./own-host.ts";
import type { Site } from "./site/site.ts";
import type { Jobs } from "./sources/job.ts";
import { readSession, type Visitors } from "./visitors/visitors.ts";

const bodyBytesMax = 1024;

/** What the page asks of the demo's server beside channels. */
export interface Parts {
  readonly site: Site;
  readonly bench: Bench;
  readonly jobs: Jobs;
  readonly pool: Pool;
  readonly visitors: Visitors;
  /** The application's own node. */
  readonly holdfast: Holdfast;
}

const laneFaults = /^\/demo\/lanes\/([a-z-]+)\/(faults|restart)$/;

/** Signs visitors in and out, starts jobs, deploys, and breaks and mends the bench's lines. */
export function createApplication({ site, bench, jobs, pool, visitors, holdfast }: Parts): Application {
  async function act(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (request.method !== "POST") throw new HoldfastError("not_found", "There is nothing here.");
    const body = await readJson(request);
    const [, lane, what] = laneFaults.exec(path) ?? [];
    const user = await visitors.userOf(request);
    if (path === "/demo/token") return await giveToken(response, user, body);
    if (path === "/demo/jobs") return answerJson(response, 201, { id: jobs.start(user) });
    if (path === "/demo/revoke") await visitors.revoke(readSession(known(user), body), holdfast);
    else if (path === "/demo/deploy") await pool.deploy();
    else if (lane !== undefined && what === "faults") bench.setFaults(lane, body);
    else if (lane !== undefined) await bench.restart(lane);
    else if (path === "/demo/rate") bench.setRate(isRecord(body) ? body.perSecond : undefined);
    else if (path === "/demo/shake") bench.shake();
    else if (path === "/demo/mend") bench.mend();
    else throw new HoldfastError("not_found", "There is nothing here.");
    answerJson(response, 200, {});
  }

  async function giveToken(response: ServerResponse, user: string | undefined, body: unknown): Promise<void> {
    if (user !== undefined) {
      answerJson(response, 200, await visitors.pass(readSession(user, body)));
      return;
    }
    const { user: newcomer, cookie } = await visitors.welcome();
    response.setHeader("Set-Cookie", cookie);
    answerJson(response, 200, await visitors.pass(readSession(newcomer, body)));
  }

  return (request, response) => {
    const [path = "/"] = (request.url ?? "/").split("?");
    if (!path.startsWith("/demo/") && !site.has(path)) return false;
    try {
      admit(request);
      if (site.serve(request, response, path)) return true;
      act(request, response, path).catch((error: unknown) => answerProblem(response, error));
    } catch (error) {
      answerProblem(response, error);
    }
    return true;
  };
}

function known(user: string | undefined): string {
  if (user !== undefined) return user;
  throw new HoldfastError("unauthenticated", "Nobody has signed in here. Ask for a token first.");
}

/**
 * Refuses, with `forbidden`, what a page of elsewhere asks for: either under a name of its own for this machine, or
 * across origins.
 */
function admit({ headers }: IncomingMessage): void {
  const { host, origin } = headers;
  if (!isOwnHost(host))
    throw new HoldfastError("forbidden", "Open the demo at http://127.0.0.1 or localhost.");
  if (origin !== undefined && origin !== `http://${host}`) {
    throw new HoldfastError("forbidden", "Only the demo's own page may ask for this.");
  }
}

/** The body as JSON; rejects with `unsupported_media_type`, `too_large` or `bad_json`. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  // A form of another site cannot send this type without asking first.
  if (!/^application\/json\b/.test(request.headers["content-type"] ?? "")) {
    throw new HoldfastError("unsupported_media_type", "Send application/json.");
  }
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > bodyBytesMax) {
      throw new HoldfastError("too_large", `A body is at most ${bodyBytesMax} bytes here.`);
    }
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new HoldfastError("bad_json", "The body is not JSON.");
  }
}

function answerJson(response: ServerResponse, status: number, json: unknown): void {
  const headers = { "Content-Type": "application/json", "Cache-Control": "no-store" };
  response.writeHead(status, headers).end(JSON.stringify(json));
}

/** Answers with what went wrong, as RFC 9457 has it; faults of the demo itself are printed as well. */
function answerProblem(response: ServerResponse, thrown: unknown): void {
  const error = toHoldfastError(thrown);
  if (error.code === "internal") console.error("A request failed:", thrown);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const headers = { "Content-Type": "application/problem+json", "Cache-Control": "no-store" };
  // What is left of a body that was refused is not read.
  response.writeHead(error.status, { ...headers, Connection: "close" }).end(JSON.stringify(toProblem(error)));
}
