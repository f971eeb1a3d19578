/** What a process can be asked to do: by name, with one value that JSON can say, for another. */
export type Operations = Readonly<Record<string, (...given: never[]) => unknown>>;

export interface Asked {
  readonly id: number;
  readonly name: string;
  readonly given: unknown;
}

export type Answered =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string };

/** Serves the process that forked this one, and ends with it. */
export function answerParent(operations: object): void {
  const named = operations as Readonly<Record<string, (given: unknown) => unknown>>;
  process.on("message", ({ id, name, given }: Asked) => {
    const reply = (answer: Answered) => {
      if (process.connected) process.send?.(answer);
    };
    Promise.resolve()
      .then(() => {
        const operation = named[name];
        if (operation === undefined) throw new Error(`There is no operation "${name}".`);
        return operation(given);
      })
      .then(
        (result) => reply({ id, result }),
        (error: unknown) =>
          reply({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
      );
  });
  // Nothing of a bench outlives it. Ended here, a profile that was asked for is still written.
  process.on("disconnect", () => process.exit(0));
}
