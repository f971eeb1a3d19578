import { type ChannelEvent, connect } from "@holdfast/client";
import { talking } from "./connections.ts";
import { create, find } from "./find.ts";
import { formatBytes, formatCount, formatTime } from "./format.ts";
import { Meter, type Reading } from "./meter.ts";
import { follow } from "./visitor/following.ts";
import { visitor } from "./visitor/visitor.ts";
import { Vitals } from "./vitals.ts";

/** The cursor up to which this visitor's notifications were read in this browser. */
const bookmark = {
  get: () => localStorage.getItem(`read-up-to ${visitor.user}`) ?? "oldest",
  set: (cursor: string) => localStorage.setItem(`read-up-to ${visitor.user}`, cursor),
};

const examples = [
  "Your order has shipped",
  "Ada has replied to you",
  "The build has passed",
  "Your table is ready",
];
const shownMax = 3;

/** Counts the notifications that came since the visitor last read them. */
export async function startBadge(): Promise<void> {
  const badge = new Badge();
  const meter = new Meter((reading) => badge.showReading(reading));
  const { origin } = location;
  const { fetch } = meter;
  const { user } = visitor;
  const token = visitor.source();
  // #region connect
  const client = connect(origin, { toleranceMs: 10_000, token, fetch });
  // #endregion
  visitor.clients.add(client);
  const vitals = new Vitals(find("#badge-vitals", HTMLElement), client);
  // #region read
  const inbox = follow(client, `inbox:${user}`, {
    after: bookmark.get(),
    onGap: () => badge.forget(),
  });
  for await (const event of inbox) {
    badge.add(event);
    vitals.took(event);
  }
  // #endregion
}

class Badge {
  readonly #count = find("#badge-count", HTMLElement);
  readonly #list = find("#badge-list", HTMLElement);
  readonly #readAll = find("#badge-read", HTMLButtonElement);
  readonly #error = find("#badge-error", HTMLElement);
  #unread: ChannelEvent[] = [];

  constructor() {
    this.#readAll.addEventListener("click", () => this.#markAllRead());
    find("#badge-send", HTMLButtonElement).addEventListener("click", () => void this.#send());
    this.#show();
  }

  async #send(): Promise<void> {
    this.#error.textContent = "";
    try {
      // #region send
      const text = pick(examples);
      await talking.publish(`inbox:${visitor.user}`, { text });
      // #endregion
    } catch (error) {
      this.#error.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  add(event: ChannelEvent): void {
    this.#unread.push(event);
    this.#show();
  }

  /** What was unread and is gone from the log cannot be counted any more. */
  forget(): void {
    this.#unread = [];
    this.#show();
  }

  #markAllRead(): void {
    const newest = this.#unread.at(-1);
    if (newest !== undefined) bookmark.set(newest.cursor);
    this.#unread = [];
    this.#show();
  }

  #show(): void {
    const unread = this.#unread.length;
    this.#count.hidden = unread === 0;
    this.#count.textContent = unread > 99 ? "99+" : String(unread);
    this.#readAll.disabled = unread === 0;
    const newest = this.#unread.slice(-shownMax).reverse();
    this.#list.replaceChildren(
      ...newest.map(({ data, at }) => {
        const item = create("li", textOf(data));
        item.append(create("time", formatTime(at)));
        return item;
      }),
    );
    if (unread === 0) this.#list.append(create("li", "Nothing unread.", "none"));
  }

  showReading({ requests, empty, bytes, lastAt }: Reading): void {
    const show = (id: string, text: string) => {
      find(`#badge-${id}`, HTMLElement).textContent = text;
    };
    show("requests", formatCount(requests));
    show("empty", formatCount(empty));
    show("bytes", formatBytes(bytes));
    show("last", formatTime(lastAt));
  }
}

function pick(texts: readonly string[]): string {
  return texts[Math.floor(Math.random() * texts.length)] ?? "";
}

/** Anybody may publish here, and anything. */
function textOf(data: unknown): string {
  const text = typeof data === "object" && data !== null && "text" in data ? data.text : undefined;
  return typeof text === "string" ? text.slice(0, 120) : "A notification without text";
}
