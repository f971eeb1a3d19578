import { describe, test } from "node:test";
import { defaultRetention, type Retention } from "@holdfast/core/broker";
import { appending } from "./broker/appending.ts";
import { conditions } from "./broker/conditions.ts";
import { ending } from "./broker/ending.ts";
import { following } from "./broker/following.ts";
import { gaps, reading } from "./broker/reading.ts";
import { state } from "./broker/state.ts";
import {
  type BrokerConformanceOptions,
  type BrokerRule,
  type BrokerUnderTest,
  type Needs,
  Subject,
} from "./broker/subject.ts";

export type { BrokerConformanceOptions, BrokerRule, BrokerUnderTest };

/** Makes a broker that keeps its logs as `retention` says. Each rule is tried on one of its own. */
export type BrokerFactory = (retention: Retention) => Promise<BrokerUnderTest>;

/** What the port promises, rule by rule. */
export const brokerRules: readonly BrokerRule[] = [
  ...appending,
  ...conditions,
  ...reading,
  ...gaps,
  ...state,
  ...following,
  ...ending,
];

/**
 * Registers a test for every promise of the broker port. Engines may have sparse offsets, tell those who follow
 * late, and be lazy in retention; what they declare that they cannot do must be refused.
 */
export function brokerConformance(
  name: string,
  factory: BrokerFactory,
  options: BrokerConformanceOptions = {},
): void {
  describe(`${name} as a broker`, () => {
    for (const rule of brokerRules) {
      test(rule.title, async (context) => {
        const outcome = await tryRule(rule, factory, options);
        if (outcome !== "proven") context.skip(outcome);
      });
    }
  });
}

/** Tries a rule on a new broker: resolves to "proven" or to the reason why it does not apply, and rejects when it is broken. */
export async function tryRule(
  rule: BrokerRule,
  factory: BrokerFactory,
  options: BrokerConformanceOptions = {},
): Promise<string> {
  const under = await factory({ ...defaultRetention, ...rule.needs.retention });
  try {
    const missing = unmet(rule.needs, under);
    if (missing !== undefined) return missing;
    await rule.prove(new Subject(under, options));
    return "proven";
  } finally {
    await under.broker.stop();
    await under.peer?.stop();
    await under.dispose?.();
  }
}

function unmet({ capability, clock }: Needs, { broker, advance }: BrokerUnderTest): string | undefined {
  if (capability && !broker.capabilities[capability]) return `${broker.name} has no ${capability}`;
  if (clock && advance === undefined) return "the log's clock cannot be moved";
  return undefined;
}
