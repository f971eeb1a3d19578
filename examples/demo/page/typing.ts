/** A person is told to be typing at most this often, and shown so for a little longer. */
const everyMs = 2000;
const shownMs = 3500;

type Timer = ReturnType<typeof setTimeout>;

/** Who is typing. These are signals: they are in no log, and nobody is told of them later. */
export class Typing {
  readonly #line: HTMLElement;
  readonly #signal: (key: string, data: unknown) => void;
  /** What tells this page's signals from those of others. */
  readonly #key = crypto.randomUUID();
  readonly #typing = new Map<string, { readonly name: string; readonly timer: Timer }>();
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(line: HTMLElement, signal: (key: string, data: unknown) => void) {
    this.#line = line;
    this.#signal = signal;
  }

  /** A key was pressed here. */
  typed(name: string): void {
    if (performance.now() - this.#toldAt < everyMs) return;
    this.#toldAt = performance.now();
    this.#signal(this.#key, { name, typing: true });
  }

  /** What was typed here was sent. */
  stopped(): void {
    this.#toldAt = Number.NEGATIVE_INFINITY;
    this.#signal(this.#key, { typing: false });
  }

  heard({ key, data }: { readonly key: string; readonly data: unknown }): void {
    if (key === this.#key) return;
    const { name, typing } =
      typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
    clearTimeout(this.#typing.get(key)?.timer);
    this.#typing.delete(key);
    if (typing === true && typeof name === "string") {
      const timer = setTimeout(() => this.#forget(key), shownMs);
      this.#typing.set(key, { name: name.slice(0, 24), timer });
    }
    this.#show();
  }

  #forget(key: string): void {
    this.#typing.delete(key);
    this.#show();
  }

  #show(): void {
    const names = [...this.#typing.values()].map(({ name }) => name);
    if (names.length === 0) this.#line.textContent = "\u00a0";
    else if (names.length <= 2) this.#line.textContent = `${names.join(" and ")} typing…`;
    else this.#line.textContent = `${names.length} people typing…`;
  }
}
