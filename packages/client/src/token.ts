import { clock } from "./clock.ts";

/**
 * Gives a token that is valid now, another than `instead`; may reject, and is then asked again later.
 *
 * `instead` is the last one it gave to who asks.
 */
export type TokenSource = (instead?: string) => Promise<string>;

/**
 * A fixed token, or how to get one. Asked again when the server refused the last, and before it ends; it must not answer
 * with one that it gave before and that has ended by now.
 */
export type TokenOption = string | (() => string | Promise<string>);

export interface TokenSourceOptions {
  /** After how many ms without an answer it is asked anew by whoever asks next. */
  readonly timeoutMs: number;
  /** It could not give a token. */
  onError(error: unknown): void;
}

/** One answer for all who need a token: while it is awaited, and for those who have an older one. Rule CLI-10. */
export function tokenSource(option: TokenOption, { timeoutMs, onError }: TokenSourceOptions): TokenSource {
  let latest: string | undefined;
  let asked: { readonly answer: Promise<string>; readonly at: number } | undefined;

  const ask = () => {
    const one = { answer: give(option), at: clock.now() };
    asked = one;
    const isOver = () => {
      if (asked === one) asked = undefined;
    };
    one.answer.then(
      (token) => {
        // One that was given up may still answer, but not in the place of a newer one.
        if (asked === one) latest = token;
        isOver();
      },
      (error: unknown) => {
        isOver();
        onError(error);
      },
    );
    return one.answer;
  };

  return (instead) => {
    if (asked !== undefined && clock.now() - asked.at >= timeoutMs) {
      onError(new Error(`\`token\` has not answered within ${Math.round(timeoutMs / 1000)} s.`));
      asked = undefined;
    }
    if (asked !== undefined) return asked.answer;
    return latest !== undefined && latest !== instead ? Promise.resolve(latest) : ask();
  };
}

async function give(option: TokenOption): Promise<string> {
  const token: unknown = typeof option === "string" ? option : await option();
  if (typeof token !== "string" || token === "") throw new TypeError("`token` is to give a string.");
  return token;
}
