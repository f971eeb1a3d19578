import type { Client } from "@holdfast/client";
import { create } from "./find.ts";
import { formatDuration } from "./format.ts";
import { describe } from "./standing.ts";

/** A line under an example: how its connection stands, where its cursor is, and how late its last event came. */
export class Vitals {
  readonly #list: HTMLElement;
  readonly #values = new Map<string, HTMLElement>();

  constructor(list: HTMLElement, client: Client) {
    this.#list = list;
    const state = this.#value("State");
    state.className = "state";
    const show = () => {
      state.dataset.state = client.state.type;
      state.textContent = describe(client.state);
    };
    client.on("state", show);
    show();
  }

  /** Shows where an event left the cursor, and how long it was under way. */
  took({ cursor, at }: { readonly cursor: string; readonly at: number }): void {
    this.#value("Cursor").textContent = cursor;
    this.#value("Came after").textContent = formatDuration(Math.max(0, Date.now() - at));
  }

  #value(name: string): HTMLElement {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const value = create("dd");
    value.dataset.kind = name.toLowerCase();
    const pair = create("div");
    pair.append(create("dt", name), value);
    this.#list.append(pair);
    this.#values.set(name, value);
    return value;
  }
}
