/** Gives a token that is valid now; may reject, and is then asked again later. */
export type TokenSource = () => Promise<string>;

/** A fixed token, or how to get one. Asked again when the server refused the last, or when it ends soon. */
export type TokenOption = string | (() => string | Promise<string>);

/** One answer for all who ask while it is awaited. */
export function tokenSource(option: TokenOption, onError: (error: unknown) => void): TokenSource {
  let pending: Promise<string> | undefined;
  return () => {
    pending ??= give(option)
      .catch((error: unknown) => {
        onError(error);
        throw error;
      })
      .finally(() => (pending = undefined));
    return pending;
  };
}

async function give(option: TokenOption): Promise<string> {
  const token: unknown = typeof option === "string" ? option : await option();
  if (typeof token !== "string" || token === "") throw new TypeError("`token` is to give a string.");
  return token;
}
