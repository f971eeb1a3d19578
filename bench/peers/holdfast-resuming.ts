import type { Resuming } from "../load/dialect.ts";
import { textAfter } from "../load/text-after.ts";

/** `subscribed` and plain events carry a cursor; batches and gaps say how far they reach. Rule CLI-1. */
export const holdfastResuming: Resuming = {
  after: (message, position) => textAfter(message, '"to":"') ?? textAfter(message, '"cursor":"') ?? position,
};
