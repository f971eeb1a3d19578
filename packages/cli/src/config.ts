import type { Transport } from "@holdfast/client";
import type { CloseOptions, HoldfastOptions } from "@holdfast/server";
import type { LogFormat } from "./log.ts";

/**
 * What `holdfast.config.ts` may say, by default export. Flags and `HOLDFAST_*` variables are stronger.
 *
 * `serve` takes all of it; `publish` and `subscribe` take `url`, `token`, `codec` and `via`.
 */
export interface Config extends HoldfastOptions {
  /** 0 to 65535; 0 takes any free port. 7070 unless given. */
  readonly port?: number;
  /** 127.0.0.1 unless given. Others need `auth`, or `authenticate` and `authorize`, or `open`. */
  readonly host?: string;
  /** Paths of PEM files, seen from the working directory; with both the server speaks HTTPS and HTTP/2. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Processes that serve the port together; "auto" is one for each core. This process alone unless given. */
  readonly workers?: number | "auto";
  /** How the server logs on stderr: `pretty` on a terminal and `json` elsewhere, unless given. Stronger than `logger`. */
  readonly log?: LogFormat;
  /** How it goes away when it is asked to. */
  readonly close?: CloseOptions;
  /** The server that `publish` and `subscribe` talk to; http://127.0.0.1:7070 unless given. */
  readonly url?: string;
  readonly token?: string;
  /** What `publish` and `subscribe` speak: `msgpack`, over a WebSocket, carries bytes as they are. `json` unless given. */
  readonly codec?: "json" | "msgpack";
  /** How `subscribe` reads; `auto` unless given. */
  readonly via?: "auto" | Transport;
}

/** Types a `holdfast.config.ts`, and returns what it is given. */
export function defineConfig(config: Config): Config {
  return config;
}
