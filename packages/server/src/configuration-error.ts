/** A configuration that cannot be served; `mistakes` has a sentence for each. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(
      mistakes.length === 1 ? mistakes[0] : `The configuration has mistakes:\n- ${mistakes.join("\n- ")}`,
    );
    this.mistakes = mistakes;
  }
}
