/** The server's answer was a refusal, with its code. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;

  constructor(code: string, sentence: string) {
    super(sentence);
    this.code = code;
  }
}

/** Asks the demo's server for something beside channels; rejects with a `Refusal`, or because nobody answers. */
export async function ask(path: string, body: object): Promise<unknown> {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }).catch(() => {
    throw new Error("The server cannot be reached.");
  });
  const answer: unknown = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const { code = "", detail = `The server answered ${response.status}.` } = answer as Partial<
    Record<"code" | "detail", unknown>
  >;
  throw new Refusal(String(code), String(detail));
}
