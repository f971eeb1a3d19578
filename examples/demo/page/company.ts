import type { Presence } from "@holdfast/client";

const namesMax = 4;

/** Who is in the room. */
export class Company {
  readonly #line: HTMLElement;
  readonly #names = new Map<string, string>();

  constructor(line: HTMLElement) {
    this.#line = line;
  }

  changed({ full, members, left }: Presence): void {
    if (full) this.#names.clear();
    for (const instance of left) this.#names.delete(instance);
    for (const { instance, data } of members) this.#names.set(instance, nameOf(data));
    const names = [...this.#names.values()];
    const others = names.length > namesMax ? ` and ${names.length - namesMax} more` : "";
    this.#line.textContent = `${names.length} here: ${names.slice(0, namesMax).join(", ")}${others}`;
  }
}

/** Anybody may join, and as anything. */
function nameOf(data: unknown): string {
  const name = typeof data === "object" && data !== null && "name" in data ? data.name : undefined;
  return typeof name === "string" && name.trim() !== "" ? name.slice(0, 24) : "Guest";
}
