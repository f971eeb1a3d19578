import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { quoted } from "@holdfast/protocol";
import { systemReason } from "./system-errors.ts";

/** Certificate and key in PEM. */
export interface TlsFiles {
  readonly cert?: string;
  readonly key?: string;
}

/** Reads certificate and key; adds to `mistakes` what keeps them from being used. */
export function readTlsFiles(
  certPath: string | undefined,
  keyPath: string | undefined,
  mistakes: string[],
): TlsFiles {
  if (certPath === undefined && keyPath === undefined) return {};
  if (certPath === undefined || keyPath === undefined) {
    const [given, missing] =
      keyPath === undefined ? ["--tls-cert", "--tls-key"] : ["--tls-key", "--tls-cert"];
    mistakes.push(`${given} needs ${missing} as well.`);
    return {};
  }
  const cert = read("certificate", certPath, mistakes);
  const key = read("key", keyPath, mistakes);
  if (cert === undefined || key === undefined) return {};
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const reason = (error as Error).message.split(":").at(-1) ?? "";
    mistakes.push(
      `The certificate ${quoted(certPath)} and the key ${quoted(keyPath)} cannot be used: ${reason}.`,
    );
  }
  return { cert, key };
}

function read(what: string, path: string, mistakes: string[]): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    mistakes.push(`The ${what} ${quoted(path)} cannot be read: ${systemReason(error)}.`);
    return undefined;
  }
}
