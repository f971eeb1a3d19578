import { promisify } from "node:util";
import { constants, gzip, gzipSync, zstdCompress, zstdCompressSync } from "node:zlib";
import type { Bytes } from "@holdfast/protocol";
import type { CompressionSettings } from "../options.ts";
import { type Coding, readAcceptEncoding } from "./content-coding.ts";

/** What would hold up everybody else for about a millisecond is compressed beside the event loop. */
const syncBytesMax = 128 * 1024;

const gzipBeside = promisify(gzip);
const zstdBeside = promisify(zstdCompress);

/** The body of an answer; answers that share it are encoded once for each coding that one of them asks for. */
export class Content {
  readonly bytes: Bytes;
  readonly #coded = new Map<Coding, Bytes | Promise<Bytes>>();

  constructor(body: string | Bytes) {
    this.bytes = typeof body === "string" ? Buffer.from(body) : body;
  }

  /** This content in a coding, at once unless it is long. */
  coded(coding: Coding, level: number): Bytes | Promise<Bytes> {
    let coded = this.#coded.get(coding);
    if (coded === undefined) {
      coded = this.#encode(coding, level);
      this.#coded.set(coding, coded);
    }
    return coded;
  }

  #encode(coding: Coding, level: number): Bytes | Promise<Bytes> {
    const { bytes } = this;
    const isLong = bytes.length > syncBytesMax;
    if (coding === "gzip") return isLong ? gzipBeside(bytes, { level }) : gzipSync(bytes, { level });
    const options = { params: { [constants.ZSTD_c_compressionLevel]: level } };
    return isLong ? zstdBeside(bytes, options) : zstdCompressSync(bytes, options);
  }
}

/** Content as one client takes it. */
export interface Representation {
  readonly bytes: Bytes;
  /** Undefined where it is not coded. */
  readonly coding: Coding | undefined;
}

/**
 * Chooses the representation for a client's `Accept-Encoding`: coded where it asks for that and it pays. Rule ZIP-8.
 *
 * Throws `not_acceptable`.
 */
export function represent(
  content: Content,
  acceptEncoding: string | undefined,
  { level, thresholdBytes }: CompressionSettings,
): Representation | Promise<Representation> {
  const { coding, takesIdentity } = readAcceptEncoding(acceptEncoding);
  const { bytes } = content;
  const plain = { bytes, coding: undefined };
  if (coding === undefined || (takesIdentity && bytes.length < thresholdBytes)) return plain;
  const choose = (coded: Bytes) =>
    takesIdentity && coded.length >= bytes.length ? plain : { bytes: coded, coding };
  const coded = content.coded(coding, level);
  return coded instanceof Promise ? coded.then(choose) : choose(coded);
}
