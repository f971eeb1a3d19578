import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const secretBytes = 32;
const tagBytes = 16;
// A key seals one thing and no other, so that its nonce need not differ from those of others.
const nonce = Buffer.alloc(12);

/** What a ticket says to who knows it, and to nobody else. */
export interface Seal {
  /** Tells the ticket from others, and nothing of the ticket. */
  readonly id: string;
  seal(text: string): string;
  /** Undefined for what was not sealed with this ticket. */
  open(sealed: string): string | undefined;
}

/** A new ticket's secret, as it stands in the ticket. */
export function drawSecret(): string {
  return randomBytes(secretBytes).toString("base64url");
}

function derive(secret: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, "", `holdfast ticket ${purpose}`, secretBytes));
}

/** AES-256-GCM with a key that follows from the ticket's secret. RFC 5869, NIST SP 800-38D. */
export function sealOf(secretText: string): Seal {
  const secret = Buffer.from(secretText, "base64url");
  const key = derive(secret, "key");
  return {
    id: derive(secret, "id").toString("base64url"),
    seal(text) {
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      const parts = [cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()];
      return Buffer.concat(parts).toString("base64");
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, "base64");
      if (bytes.length < tagBytes) return undefined;
      const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: tagBytes });
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]).toString();
      } catch {
        return undefined;
      }
    },
  };
}
