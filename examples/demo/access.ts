import type { HoldfastOptions } from "@holdfast/server";

type Authorize = NonNullable<HoldfastOptions["authorize"]>;

// #region rule
/** Visitors read everything, and write where visitors write. */
export const authorize: Authorize = (_visitor, action, channel) => {
  if (action === "read") return true;
  if (channel === "chat:lobby") return action !== "admin";
  return channel === "inbox:demo" && action === "publish";
};
// #endregion

const ownHost = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/;

/**
 * Whether a request means this machine by a name of its own. A page of elsewhere that made its name resolve to here
 * sends that name.
 */
export function isOwnHost(host: string | undefined): boolean {
  return host !== undefined && ownHost.test(host);
}

export const authenticate: NonNullable<HoldfastOptions["authenticate"]> = (_token, { headers }) =>
  isOwnHost(String(headers.host)) ? {} : null;
