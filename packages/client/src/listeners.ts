/** Listeners by the name of what they hear. */
export class Listeners<Events extends Record<string, unknown>> {
  readonly #byName = new Map<keyof Events, Set<(value: never) => void>>();

  /** Calls `listener` whenever `name` happens; returns how to stop. */
  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void {
    const listeners = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, listeners);
    // A function of its own, so that the same listener given twice is two.
    const own = (value: Events[Name]) => listener(value);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  tell<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of this.#byName.get(name) ?? []) {
      guard(() => listener(value as never));
    }
  }
}

/** Runs a function of the application: what it throws is its own affair, but never silent. */
export function guard(call: () => unknown): void {
  try {
    const result = call();
    if (result instanceof Promise) result.catch(uncaught);
  } catch (error) {
    uncaught(error);
  }
}

/** Reports an error that no caller can be given, as the platform reports one of an event listener. */
export function uncaught(error: unknown): void {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else
    queueMicrotask(() => {
      throw error;
    });
}
