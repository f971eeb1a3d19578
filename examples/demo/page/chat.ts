import type { ChannelEvent } from "@holdfast/client";
import { Company } from "./company.ts";
import { talking } from "./connections.ts";
import { create, find } from "./find.ts";
import { formatTime } from "./format.ts";
import { Typing } from "./typing.ts";
import { follow } from "./visitor/following.ts";
import { visitor } from "./visitor/visitor.ts";
import { Vitals } from "./vitals.ts";

interface Said {
  readonly name: string;
  readonly text: string;
}

const room = "chat:lobby";
/** Messages that stay on the page. */
const shownMax = 200;

/** Lets visitors talk with everybody who has the page open. */
export async function startChat(): Promise<void> {
  const chat = new Chat();
  const vitals = new Vitals(find("#chat-vitals", HTMLElement), talking);
  // #region read
  const lobby = follow(talking, room, {
    last: 50,
    onGap: () => chat.note("Older messages are gone."),
    onSignal: (signal) => chat.typing.heard(signal),
    onPresence: (change) => chat.company.changed(change),
    join: { name: chat.name },
  });
  chat.renamed = () => lobby.join({ name: chat.name });
  for await (const message of lobby) {
    chat.show(message);
    vitals.took(message);
  }
  // #endregion
}

class Chat {
  readonly typing: Typing;
  readonly company = new Company(find("#chat-presence", HTMLElement));
  /** Called when the visitor has another name. */
  renamed = () => {};
  readonly #list = find("#chat-messages", HTMLElement);
  readonly #name = find("#chat-name", HTMLInputElement);
  readonly #text = find("#chat-text", HTMLInputElement);
  readonly #error = find("#chat-error", HTMLElement);
  /** What was said here and is not in the log yet, by its id. */
  readonly #sending = new Map<string, HTMLElement>();

  constructor() {
    this.#name.value = localStorage.getItem("name") ?? visitor.user;
    this.#name.addEventListener("change", () => {
      localStorage.setItem("name", this.name);
      this.renamed();
    });
    this.typing = new Typing(find("#chat-typing", HTMLElement), (key, data) => {
      if (talking.state.type !== "closed") talking.signal(room, data, { key });
    });
    this.#text.addEventListener("input", () => this.typing.typed(this.name));
    find("#chat-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  get name(): string {
    return this.#name.value.trim().slice(0, 24) || "Guest";
  }

  #send(): void {
    const text = this.#text.value.trim();
    if (text === "") return;
    this.#text.value = "";
    this.#error.textContent = "";
    this.typing.stopped();
    void this.#say({ name: this.name, text });
  }

  async #say(said: Said): Promise<void> {
    // #region say
    const id = crypto.randomUUID();
    const shown = this.#showSending(id, said);
    try {
      await talking.publish(room, said, { id });
    } catch (error) {
      this.#showFailed(shown, error);
    }
    // #endregion
  }

  #showSending(id: string, said: Said): HTMLElement {
    const item = this.#item(said, Date.now());
    item.dataset.state = "sending";
    this.#sending.set(id, item);
    this.#append(item);
    return item;
  }

  #showFailed(item: HTMLElement, error: unknown): void {
    item.dataset.state = "failed";
    this.#error.textContent = `Your message was not sent. ${error instanceof Error ? error.message : ""}`;
  }

  /** An event of the log, which may be what was said here: then it takes the place that the log gave it. */
  show({ id, at, data, from }: ChannelEvent): void {
    const own = id === undefined ? undefined : this.#sending.get(id);
    if (id !== undefined) this.#sending.delete(id);
    own?.remove();
    this.#append(this.#item(toSaid(data), at, from));
  }

  note(text: string): void {
    this.#append(create("li", text, "note"));
  }

  /** Anybody may call themselves anything; `from` is what the server says. */
  #item({ name, text }: Said, at: number, from?: string): HTMLElement {
    const item = create("li");
    if (from !== undefined) item.title = `Said by ${from}`;
    const time = create("time", formatTime(at));
    time.dateTime = new Date(at).toISOString();
    item.append(create("b", name), create("span", text), time);
    return item;
  }

  #append(item: HTMLElement): void {
    const list = this.#list;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    list.append(item);
    while (list.childElementCount > shownMax) list.firstElementChild?.remove();
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  }
}

/** Anybody may publish here, and anything. */
function toSaid(data: unknown): Said {
  const { name, text } = typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
  return typeof name === "string" && typeof text === "string"
    ? { name: name.slice(0, 24), text: text.slice(0, 500) }
    : { name: "Somebody", text: "(no text)" };
}
