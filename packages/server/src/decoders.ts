// What reads the parts of a request, for those who feed it what it does not expect.
export { principalFrom } from "./auth/claims.ts";
export { credentialOf } from "./auth/credential.ts";
export { readAcceptEncoding } from "./compression/content-coding.ts";
export { conditionOf, namedTag, pageTag } from "./entity-tag.ts";
export { splitTarget } from "./exchange.ts";
export { bodyKind } from "./media-type.ts";
export { parseBatch } from "./ndjson.ts";
export { negotiate } from "./negotiate.ts";
export { parseParameters, seconds, splitQuery, startOf, wholeNumber } from "./parameters.ts";
export { channelOf, match } from "./routes.ts";
