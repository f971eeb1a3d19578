import { exitCodes, Failure } from "./exit-codes.ts";
import type { Interruption } from "./interruption.ts";
import { systemReason } from "./system-errors.ts";

const timeoutMs = 10_000;

/** Throws a `Failure` when no server of ours answers at `url`, which a client would wait for in patience. */
export async function checkReachable(url: string, interruption: Interruption): Promise<void> {
  let answer: Response;
  try {
    const signal = AbortSignal.any([interruption.signal, AbortSignal.timeout(timeoutMs)]);
    answer = await fetch(`${url}/health/live`, { signal });
  } catch (error) {
    if (interruption.exitCode !== undefined) throw new Failure(interruption.exitCode, []);
    throw unavailable(
      `No server answers at ${url}: ${systemReason(error)}. Start one with "holdfast serve", or name another with --url.`,
      error,
    );
  }
  await answer.body?.cancel();
  const type = answer.headers.get("content-type")?.split(";", 1)[0] ?? "no type";
  if (/^application\/(problem\+)?json$/.test(type)) return;
  throw unavailable(
    `What answers at ${url} is no Holdfast server: GET /health/live gave ${answer.status} with ${type}. Name another with --url.`,
  );
}

function unavailable(sentence: string, cause?: unknown): Failure {
  return new Failure(exitCodes.unavailable, sentence, cause);
}
