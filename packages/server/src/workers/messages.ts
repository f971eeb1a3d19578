import type { BrokerDescription } from "@holdfast/core/broker";
import type { CloseOptions } from "../calm/drain.ts";
import type { ListenOptions } from "../listener.ts";
import type { Stats } from "../node.ts";

/** From the primary to a worker. */
export type Order =
  | {
      readonly do: "serve";
      readonly worker: number;
      readonly listen: ListenOptions;
      /** The log that the primary keeps; where it keeps none, the worker's own options name one that is shared. */
      readonly broker?: BrokerDescription;
    }
  /** Without options the worker leaves as its own configuration says. */
  | { readonly do: "close"; readonly options?: CloseOptions }
  | { readonly do: "count"; readonly id: number };

/** From a worker to the primary. */
export type Report =
  | { readonly tell: "serving"; readonly url: string }
  /** It was asked to leave, by a signal for example. */
  | { readonly tell: "asked" }
  | { readonly tell: "counted"; readonly id: number; readonly stats: Stats };
