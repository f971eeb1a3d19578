import { type Broker, defaultMemoryLimits } from "@holdfast/core/broker";
import { defaultNamespace, type Neighbours } from "@holdfast/core/server";
import { defaultLimits, type Limits } from "@holdfast/protocol";
import * as v from "valibot";
import { authSchema } from "./auth/options.ts";
import { namesAddresses } from "./limits/proxies.ts";
import { logLevels } from "./log.ts";
import type { Peers } from "./metrics/peers.ts";
import { objectOfSettings, wholeFrom } from "./setting-forms.ts";

/** These limits can be switched off by 0. */
const mayBeZero = new Set<keyof Limits>([
  "stalledMsMax",
  "presenceGraceMs",
  "expiryGraceMs",
  "connectionAgeMsMax",
  "loopDelayMsMax",
  "connectionsPerUserMax",
  "connectionsPerAddressMax",
  "handshakesPerSecond",
  "handshakesPerAddressPerSecond",
  "idleTimeoutMs",
  "messagesPerSecond",
  "publishesPerUserPerSecond",
  "publishesPerChannelPerSecond",
]);

const aPort = "must be a whole number from 0 to 65535";
const portNumber = v.pipe(v.number(aPort), v.integer(aPort), v.minValue(0, aPort), v.maxValue(65_535, aPort));
const aFunction = v.custom<(...given: never[]) => unknown>(
  (value) => typeof value === "function",
  "must be a function",
);

function partialOf(numbers: object, minimum: (name: string) => number) {
  const entries = Object.keys(numbers).map((name) => [name, v.optional(wholeFrom(minimum(name)))] as const);
  return v.strictObject(Object.fromEntries(entries), objectOfSettings);
}

const retention = partialOf(defaultNamespace.retention, () => 0);

const namespace = v.strictObject(
  {
    mode: v.optional(v.picklist(["every", "latest"], 'must be "every" or "latest"')),
    maxLag: v.optional(wholeFrom(0)),
    tailEventsMax: v.optional(wholeFrom(1)),
    tailBytesMax: v.optional(wholeFrom(1)),
    publishesPerSecond: v.optional(wholeFrom(0)),
    retention: v.optional(retention),
    access: v.optional(v.unknown()),
  },
  objectOfSettings,
);

const namespaceName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_.@-]{0,127}$/, "is no namespace: that is up to 127 of A-Z a-z 0-9 _ . @ -"),
);

const aLevel = "must be a whole number from 1 to 9";
const compressionSettings = v.strictObject({
  level: v.optional(
    v.pipe(v.number(aLevel), v.integer(aLevel), v.minValue(1, aLevel), v.maxValue(9, aLevel)),
  ),
  thresholdBytes: v.optional(wholeFrom(0)),
});
const onOrOff = v.boolean("must be true or false, or an object of settings");
const compression = v.lazy((given) =>
  typeof given === "object" && given !== null ? compressionSettings : onOrOff,
);

const isOrigin = (value: string) =>
  value === "null" || (URL.canParse(value) && new URL(value).origin === value);

const aProxy = 'must be an address such as "192.0.2.1", a network such as "10.0.0.0/8", or "loopback"';

const schema = v.strictObject({
  broker: v.optional(
    v.custom<Broker>(
      (value) =>
        typeof value === "function" || (typeof value === "object" && value !== null && "append" in value),
      "must be a broker, or a function that makes one",
    ),
  ),
  limits: v.optional(partialOf(defaultLimits, (name) => (mayBeZero.has(name as keyof Limits) ? 0 : 1))),
  memory: v.optional(partialOf(defaultMemoryLimits, () => 1)),
  namespaces: v.optional(v.record(namespaceName, namespace, "must be an object of namespaces by name")),
  auth: v.optional(authSchema),
  authenticate: v.optional(aFunction),
  authorize: v.optional(aFunction),
  open: v.optional(v.boolean("must be true or false")),
  origins: v.optional(
    v.array(
      v.pipe(
        v.string('must be an origin such as "https://example.com"'),
        v.check(isOrigin, 'must be an origin such as "https://example.com", without a path'),
      ),
      "must be a list of origins",
    ),
  ),
  trustedProxies: v.optional(
    v.array(v.pipe(v.string(aProxy), v.check(namesAddresses, aProxy)), "must be a list of addresses"),
  ),
  proxyHeader: v.optional(
    v.picklist(["x-forwarded-for", "forwarded"], 'must be "x-forwarded-for" or "forwarded"'),
  ),
  compression: v.optional(compression),
  logger: v.optional(aFunction),
  audit: v.optional(aFunction),
  logLevel: v.optional(v.picklist(logLevels, `must be one of ${logLevels.join(", ")}`)),
  operations: v.optional(
    v.strictObject(
      { port: portNumber, host: v.optional(v.string("must be a host name or an IP address")) },
      objectOfSettings,
    ),
  ),
  peers: v.optional(
    v.custom<Peers>(
      (value) => typeof value === "object" && value !== null && "ask" in value,
      "must be what asks the other processes",
    ),
  ),
  brokerDeadlineMs: v.optional(wholeFrom(1)),
  neighbours: v.optional(
    v.custom<Neighbours>(
      (value) => typeof value === "object" && value !== null && "join" in value && "tell" in value,
      "must be what joins this node to others",
    ),
  ),
});

function sentence(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  if (path === null) return "The options must be an object.";
  if (issue.expected === "never") return `There is no option "${path}".`;
  return `The option "${path}" ${issue.message}.`;
}

/** What is wrong with the options one by one, as a sentence for each mistake. */
export function faultsOf(options: unknown): string[] {
  const { issues = [] } = v.safeParse(schema, options);
  return [...new Set(issues.map(sentence))];
}
