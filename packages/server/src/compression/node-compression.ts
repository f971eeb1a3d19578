import { deflatedWebSocket, type WebSocketFramings } from "@holdfast/core/server";
import type { CompressionSettings } from "../options.ts";
import { deflateAt } from "./compressors.ts";

/** How one node compresses: its compressors, and the framings that share what they make. */
export class NodeCompression {
  /** The faces of WebSockets that agreed on permessage-deflate. */
  readonly webSocketFramings: WebSocketFramings;

  readonly settings: CompressionSettings;

  constructor(settings: CompressionSettings) {
    const { level, thresholdBytes } = settings;
    this.settings = settings;
    this.webSocketFramings = deflatedWebSocket({ thresholdBytes, deflate: deflateAt(level) });
  }
}
