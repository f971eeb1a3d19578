/** Asks the demo's server for something beside channels; rejects with the sentence that the server gave. */
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
  throw new Error(detailOf(answer) ?? `The server answered ${response.status}.`);
}

function detailOf(problem: unknown): string | undefined {
  if (typeof problem !== "object" || problem === null || !("detail" in problem)) return undefined;
  return String(problem.detail);
}
