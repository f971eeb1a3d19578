import { type Loss, toError } from "@holdfast/core/client";
import { HoldfastError, isErrorCode, isRecord } from "@holdfast/protocol";

/** An answer larger than this is not a server's of this protocol; in characters. */
const answerCharsMax = 64 * 1024 * 1024;

/** Whether an answer has this media type. */
export function hasType(response: Response, type: string): boolean {
  return response.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() === type;
}

/** Reads text piece by piece, the next when `onPiece` is done; throws `bad_utf8`, or what the network throws. */
export async function readText(response: Response, onPiece: (piece: string) => unknown): Promise<void> {
  if (response.body === null) return;
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      await onPiece(decode(decoder, value, done));
      if (done) return;
    }
  } finally {
    // What is left of it would keep its connection from being used again, or from being closed.
    reader.cancel().catch(() => {});
  }
}

function decode(decoder: TextDecoder, bytes: Uint8Array | undefined, done: boolean): string {
  try {
    return decoder.decode(bytes, { stream: !done });
  } catch (cause) {
    throw new HoldfastError("bad_utf8", "The answer is not UTF-8.", { cause });
  }
}

/** Reads a JSON answer; throws `bad_json`, `too_large`, and what `readText` throws. */
export async function readJson(response: Response, onPiece: () => void): Promise<unknown> {
  const pieces: string[] = [];
  let chars = 0;
  await readText(response, (piece) => {
    chars += piece.length;
    if (chars > answerCharsMax) throw new HoldfastError("too_large", "The answer is too large.");
    pieces.push(piece);
    onPiece();
  });
  return parse(pieces.join(""));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HoldfastError("bad_json", "The answer is not JSON.", { cause });
  }
}

/** What an answer that is not the one hoped for means. Rules HTTP-1 and CLI-9. */
export async function toLoss(response: Response): Promise<Loss> {
  const type = response.headers.get("content-type");
  const failed: Loss = {
    type: "failed",
    reason: `The answer was ${response.status} ${type ?? "without a type"}.`,
  };
  if (!hasType(response, "application/problem+json")) {
    response.body?.cancel().catch(() => {});
    return failed;
  }
  const problem = await readJson(response, () => {});
  if (!isRecord(problem) || typeof problem["code"] !== "string") return failed;
  if (!isErrorCode(problem["code"]) && typeof problem["retry"] !== "string") return failed;
  return { type: "refused", error: toError({ retryAfterMs: retryAfterMs(response), ...problem }) };
}

/** In whole seconds; the document says it more exactly. */
function retryAfterMs(response: Response): number | undefined {
  const text = response.headers.get("retry-after");
  return text !== null && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : undefined;
}

/** What a request that threw means: whatever it was, nothing that speaks this protocol answered. */
export function toFailure(error: unknown): Loss {
  return { type: "failed", reason: error instanceof Error ? error.message : String(error) };
}
