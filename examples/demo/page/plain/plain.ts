import { create, find } from "../find.ts";
import { visitor } from "../visitor/visitor.ts";
import { openEventSource } from "./event-source.ts";
import type { Reader, Said } from "./reader.ts";
import { openWebSocket } from "./web-socket.ts";

/** Opens the channel's URL, and returns how to close it. */
type Open = (query: string, reader: Reader) => () => void;

const shownMax = 4;
const againMs = 1000;

/** Reads the lobby with nothing but what the browser brings along. */
export function startPlain(): void {
  const view = new PlainView();
  find("#plain-eventsource", HTMLButtonElement).addEventListener("click", () => view.open(openEventSource));
  find("#plain-websocket", HTMLButtonElement).addEventListener("click", () => view.open(openWebSocket));
  find("#plain-close", HTMLButtonElement).addEventListener("click", () => view.close());
}

class PlainView {
  readonly #list = find("#plain-said", HTMLElement);
  readonly #status = find("#plain-status", HTMLElement);
  readonly #close = find("#plain-close", HTMLButtonElement);
  /** Changes whenever a visitor wants something else. */
  #wish = new AbortController();
  #last: string | undefined;
  #tickets = 0;

  open(open: Open): void {
    this.close();
    this.#last = undefined;
    this.#tickets = 0;
    this.#list.replaceChildren();
    this.#close.disabled = false;
    void this.#read(open, this.#wish.signal);
  }

  close(): void {
    this.#wish.abort();
    this.#wish = new AbortController();
    this.#close.disabled = true;
    this.#status.textContent = "Nothing is open.";
  }

  async #read(open: Open, wish: AbortSignal): Promise<void> {
    try {
      const ticket = await drawTicket();
      if (wish.aborted) return;
      const start = this.#last === undefined ? "last=3" : `after=${this.#last}`;
      const close = open(`${start}&ticket=${ticket}`, {
        said: (said) => this.#show(said),
        ended: () => this.#again(open, wish),
      });
      wish.addEventListener("abort", close);
      this.#status.textContent = `Open, with ticket ${++this.#tickets}.`;
    } catch (error) {
      if (wish.aborted) return;
      this.close();
      this.#status.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  /** The token that the ticket stood for has ended, or the node that served it is gone. */
  #again(open: Open, wish: AbortSignal): void {
    if (wish.aborted) return;
    this.#status.textContent = "Ended; draws another ticket.";
    setTimeout(() => {
      if (!wish.aborted) void this.#read(open, wish);
    }, againMs);
  }

  #show({ cursor, text }: Said): void {
    this.#last = cursor;
    const item = create("li");
    item.append(create("b", cursor), create("span", text));
    this.#list.append(item);
    while (this.#list.childElementCount > shownMax) this.#list.firstElementChild?.remove();
  }
}

/** Rejects with the sentence that the server gave. */
async function drawTicket(): Promise<string> {
  // #region ticket
  // Good once, for half a minute: addresses are logged, so no token goes there.
  const headers = { Authorization: `Bearer ${await visitor.token()}` };
  const answer = await fetch("/tickets", { method: "POST", headers });
  const { ticket, detail } = await answer.json();
  // #endregion
  if (!answer.ok) throw new Error(String(detail));
  return String(ticket);
}
