import { type ControlLog, controlChannels } from "@holdfast/core/server";
import { HoldfastError, isRecord, type LogEvent, parseJson } from "@holdfast/protocol";
import type { ControlHost } from "./control.ts";

/** As long as any user id may be. */
const userCharactersMax = 256;

/** Whose rights have changed, as any node was told. Rules REV-1, REV-5. */
export class PermissionChanges {
  readonly #log: ControlLog;
  readonly #changed: (user?: string) => void;
  #version = 0;

  /** `changed` hears of each user, and of nobody in particular when it is not known who it was. */
  constructor(host: ControlHost, changed: (user?: string) => void) {
    this.#changed = (user) => {
      this.#version++;
      changed(user);
    };
    this.#log = host.openLog({
      channel: controlChannels.permissions,
      // Who starts has asked nobody yet.
      start: "latest",
      take: (event) => this.#take(event),
      missed: () => this.#changed(),
    });
  }

  /** Another one than before says that what was found to be permitted may not be so any more. */
  get version(): number {
    return this.#version;
  }

  /** Has every node ask anew what a user may do; resolves once this one does. Rejects with `bad_message` and as the broker does. */
  async add(user: unknown): Promise<void> {
    const text = JSON.stringify({ user: readUser(user) });
    await this.#log.post([{ payload: { encoding: "json", text } }]);
  }

  #take({ payload }: LogEvent): void {
    const json = payload.encoding === "json" ? parseJson(payload.text) : undefined;
    this.#changed(readUser(isRecord(json) ? json.user : undefined));
  }
}

function readUser(user: unknown): string {
  if (typeof user === "string" && user !== "" && user.length <= userCharactersMax) return user;
  throw new HoldfastError(
    "bad_message",
    `Name the user whose permissions changed: {"user":"…"}, with 1 to ${userCharactersMax} characters.`,
  );
}
