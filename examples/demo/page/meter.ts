export interface Reading {
  readonly requests: number;
  /** Answers without an event. */
  readonly empty: number;
  /** Of the answers' bodies. */
  readonly bytes: number;
  /** When the last answer came, in ms since 1970. */
  readonly lastAt: number;
}

/** A `fetch` that counts what it is used for. */
export class Meter {
  #reading: Reading = { requests: 0, empty: 0, bytes: 0, lastAt: 0 };
  readonly #changed: (reading: Reading) => void;

  constructor(changed: (reading: Reading) => void) {
    this.#changed = changed;
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    this.#count(response.clone()).catch(() => {});
    return response;
  };

  async #count(response: Response): Promise<void> {
    const text = await response.text();
    const { requests, empty, bytes } = this.#reading;
    const isEmpty = !text.includes('"type":"events"');
    this.#reading = {
      requests: requests + 1,
      empty: empty + (isEmpty ? 1 : 0),
      bytes: bytes + new TextEncoder().encode(text).length,
      lastAt: Date.now(),
    };
    this.#changed(this.#reading);
  }
}
