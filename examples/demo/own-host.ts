const ownHost = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/;

/**
 * Whether a request means this machine by a name of its own. A page of elsewhere that made its name resolve to here
 * sends that name.
 */
export function isOwnHost(host: string | undefined): boolean {
  return host !== undefined && ownHost.test(host);
}
