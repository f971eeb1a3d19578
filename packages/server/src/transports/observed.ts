import type { Framing } from "@holdfast/core/server";
import type { ControlMessage } from "@holdfast/protocol";

/**
 * A framing that lets a plain face hear what its session says, before that is written: some of it is not said in
 * band there, but by an HTTP status or by the end of the stream. Events keep sharing their bytes.
 */
export function observed(framing: Framing, hear: (message: ControlMessage) => void): Framing {
  return {
    slot: framing.slot,
    events: (batch) => framing.events(batch),
    control(message) {
      hear(message);
      return framing.control(message);
    },
  };
}
