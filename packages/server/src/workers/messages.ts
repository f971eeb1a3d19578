import type { BrokerDescription } from "@holdfast/core/broker";
import type { CloseOptions } from "../calm/drain.ts";
import type { ListenOptions } from "../listener.ts";
import type { Telling, Told } from "../metrics/peers.ts";
import type { Stats } from "../stats.ts";

/** What a primary may ask a worker. */
export interface Answers extends Telling {
  readonly count: Stats;
}

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
  /** Certificate and key for those who connect from now on. */
  | { readonly do: "renew"; readonly cert: string; readonly key: string }
  | { readonly do: "answer"; readonly id: number; readonly what: keyof Answers }
  /** What the others have told a worker that asked. */
  | { readonly do: "hear"; readonly id: number; readonly told: readonly Told<Telling[keyof Telling]>[] };

/** From a worker to the primary. */
export type Report =
  | { readonly tell: "serving"; readonly url: string }
  /** It was asked to leave, by a signal for example. */
  | { readonly tell: "asked" }
  | { readonly tell: "answer"; readonly id: number; readonly answer: Answers[keyof Answers] }
  /** It wants to know what all others would tell. */
  | { readonly tell: "ask"; readonly id: number; readonly what: keyof Telling };
