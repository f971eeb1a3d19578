// #region grants
/** What every visitor may do: read along, talk in the lobby, and have an inbox of their own. */
export const grants = [
  "read machine,chat:*,job:*,deploy:*,pulse:*,bench:*",
  "publish,presence,signal chat:lobby",
  "read,publish inbox:{user}",
];
// #endregion

/** What anybody on this machine may do without signing in: enough for a line of curl. */
export const anonymous = [{ actions: ["read"], channels: ["machine", "bench:ticks"] }] as const;
