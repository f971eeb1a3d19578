export type { AttachableServer } from "./attachment.ts";
export type { AccessOptions, AccessRule } from "./auth/access-rules.ts";
export { type ApiKey, createApiKey, type NewApiKey } from "./auth/api-keys.ts";
export type { KnownPrincipal } from "./auth/application.ts";
export type { GrantForm } from "./auth/grant-form.ts";
export type { AuthOptions, JwksOptions, TokenOptions, WebhookOptions } from "./auth/options.ts";
export type { RevocationTarget } from "./auth/revocations.ts";
export { signToken, type TokenContents } from "./auth/sign-token.ts";
export type { TokenKey } from "./auth/token-keys.ts";
export type { CloseOptions } from "./calm/drain.ts";
export { ConfigurationError } from "./configuration-error.ts";
export {
  type AttachOptions,
  createHoldfast,
  type Holdfast,
  type Listening,
  type PublishOptions,
  type Revoked,
} from "./holdfast.ts";
export type { Certificate, ListenOptions } from "./listener.ts";
export type { LogEntry, Logger, LogLevel } from "./log.ts";
export type { NodeReport } from "./metrics/report.ts";
export type { OperationsOptions } from "./operations.ts";
export type {
  BrokerSetting,
  ConnectionRequest,
  HoldfastOptions,
  NamespaceOptions,
} from "./options.ts";
export { isLoopbackHost } from "./origins.ts";
export type { Stats } from "./stats.ts";
