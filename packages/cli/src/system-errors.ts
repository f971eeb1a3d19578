const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EADDRNOTAVAIL: "this machine has no such address",
  ECONNREFUSED: "nothing listens there",
  ECONNRESET: "the connection was cut",
  EHOSTUNREACH: "there is no way to that host",
  EISDIR: "it is a directory",
  ENETUNREACH: "there is no way to that network",
  ENOENT: "there is no such file",
  ENOTFOUND: "there is no host of that name",
  EAI_AGAIN: "the name could not be looked up right now",
  ETIMEDOUT: "it did not answer in time",
  UND_ERR_CONNECT_TIMEOUT: "it did not answer in time",
  UND_ERR_HEADERS_TIMEOUT: "it did not answer in time",
  UND_ERR_SOCKET: "the connection was cut",
  TimeoutError: "it did not answer in time",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "its certificate is signed by nobody but itself; trust it by NODE_EXTRA_CA_CERTS=its-certificate.pem",
  SELF_SIGNED_CERT_IN_CHAIN:
    "its certificate chain ends in one that is not known here; trust that by NODE_EXTRA_CA_CERTS=that-certificate.pem",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "its certificate is signed by nobody known here; trust the signer by NODE_EXTRA_CA_CERTS=its-certificate.pem",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
};

/** The code of a system error, its own or that of what caused it. */
export function systemCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error)) return undefined;
  // A name with several addresses fails with an error for each.
  const inner = thrown instanceof AggregateError ? thrown.errors[0] : thrown.cause;
  const { code } = thrown as NodeJS.ErrnoException;
  if (typeof code === "string" && code in reasons) return code;
  return (
    systemCode(inner) ?? (typeof code === "string" ? code : thrown.name in reasons ? thrown.name : undefined)
  );
}

/** What a system error means, to go after a colon. */
export function systemReason(thrown: unknown): string {
  const known = reasons[systemCode(thrown) ?? ""];
  if (known !== undefined) return known;
  // "fetch failed" says nothing; what caused it does.
  if (thrown instanceof Error && thrown.cause instanceof Error) return systemReason(thrown.cause);
  return thrown instanceof Error ? thrown.message : String(thrown);
}
