/** What somebody did with the power to do it. */
export interface AuditEntry {
  /** As in `revoke`, `permissions.changed`, `channel.close`. */
  readonly act: string;
  /** The user id of who did it; absent where nobody was named. */
  readonly by?: string;
  /** The client's address. */
  readonly from?: string;
  /** What it was done to. */
  readonly [field: string]: unknown;
}
