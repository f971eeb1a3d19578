import { execFile } from "node:child_process";
import type { Logger } from "@holdfast/server";

/** What a service manager is told: that this serves, or that it is about to leave. */
type Notice = "ready" | "stopping";

const program = "systemd-notify";
const timeoutMs = 5000;

/**
 * Tells systemd, where it has asked for that (`Type=notify`), how this service is. Node has no datagram sockets of the file
 * system, on which that is told, so systemd's own program does it; the unit needs `NotifyAccess=all`, as it is a process of its own.
 */
export async function notifyServiceManager(
  notice: Notice,
  env: Readonly<Record<string, string | undefined>>,
  logger: Logger,
): Promise<void> {
  if (!env["NOTIFY_SOCKET"]) return;
  const error = await new Promise<Error | null>((resolve) => {
    execFile(program, [`--${notice}`, `--pid=${process.pid}`], { timeout: timeoutMs }, resolve);
  });
  if (error === null) return;
  const message = `systemd waits to hear of this service, and could not be told: ${program} failed. Type=exec needs no word.`;
  logger({ level: "warn", message, error: { message: error.message } });
}
