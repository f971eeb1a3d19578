import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { checkNotReserved, publishAs } from "@holdfast/core/server";
import {
  checkLabels,
  formatCursor,
  HoldfastError,
  type PublishResult,
  parseChannelName,
  parseCursor,
  toPayload,
} from "@holdfast/protocol";
import { type AttachableServer, attach } from "./attachment.ts";
import type { RevocationTarget } from "./auth/revocations.ts";
import { type CloseOptions, Drain } from "./calm/drain.ts";
import { rotate } from "./calm/rotate.ts";
import { ConfigurationError } from "./configuration-error.ts";
import { Front } from "./front.ts";
import { type Certificate, Listener, type ListenOptions } from "./listener.ts";
import { formatFamilies } from "./metrics/exposition.ts";
import type { NodeReport } from "./metrics/report.ts";
import { Node } from "./node.ts";
import { OperationsListener } from "./operations.ts";
import { checkCapabilities, type HoldfastOptions, readOptions } from "./options.ts";
import { controlOf } from "./routes/revocations.ts";
import { type Stats, statsOf } from "./stats.ts";

export interface PublishOptions {
  readonly type?: string;
  readonly key?: string;
  /** Names this publish, so that doing it again appends nothing. Rule ACK-2. */
  readonly id?: string;
  /** The user in whose name it is published. */
  readonly from?: string;
  /** Publishes only if the head is this cursor. Rule PUB-1. */
  readonly ifMatch?: string;
}

/** From when, and until when, something is refused; in ms since 1970. */
export interface Revoked {
  readonly at: number;
  readonly until: number;
}

export interface AttachOptions {
  /** A path before all of ours, as in `/live`; none unless given. */
  readonly path?: string;
}

export interface Listening {
  /** Where the node is, as in `http://127.0.0.1:7070`. */
  readonly url: string;
  /** Where the listener for operations is, if there is one. */
  readonly operationsUrl?: string;
}

/** A node: the server's side of everything in PROTOCOL.md. */
export interface Holdfast {
  /**
   * Listens by itself. Rejects with a `ConfigurationError` for what would be unsafe, and with the system's error for a
   * port that is taken.
   */
  listen(options: ListenOptions): Promise<Listening>;
  /**
   * Takes its own paths and upgrades from a server of `node:http`, `node:https` or `node:http2`, and leaves the rest to
   * the listeners that were there. Returns what undoes it.
   */
  attach(server: AttachableServer, options?: AttachOptions): () => void;
  /** The same as middleware of Connect or Express, without upgrades; calls `next` for what is not its own. */
  handler(request: IncomingMessage, response: ServerResponse, next?: () => void): void;
  /** For servers whose upgrades somebody else distributes: takes one that is its own, and returns whether it was. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  /** Publishes from the application itself, which needs no permission. Bytes stay bytes, anything else is JSON. */
  publish(channel: string, data: unknown, options?: PublishOptions): Promise<PublishResult>;
  /** Closes a channel: its readers are told the end once they have read it all. Rules END-1, PUB-2. */
  closeChannel(channel: string): Promise<{ readonly cursor: string }>;
  /**
   * Refuses a user, a token (by its `jti`) or a session on every node, and ends their connections: until `until` (ms since
   * 1970), or for as long as any token could need it. Resolves once it holds on this node. Rules REV-1 to REV-4.
   *
   * Rejects with `bad_message` or `bad_parameter`, `overloaded` beyond `revocationsMax`, `broker_unavailable`, and
   * `unsupported` without authentication.
   */
  revoke(target: RevocationTarget & { readonly until?: number }): Promise<Revoked>;
  /** Has every node ask anew what a user may do, and end what it may not do any more. Rejects likewise. Rules REV-1, REV-5. */
  permissionsChanged(whose: { readonly user: string }): Promise<void>;
  stats(): Stats;
  /** What `GET /metrics` says of this node alone, for an application that has such a page of its own. Rule SEE-1. */
  metrics(): Promise<string>;
  /** What `GET /stats` says of this node alone. Rule SEE-3. */
  report(): Promise<NodeReport>;
  /**
   * Shows another certificate to those who connect from now on; who is connected keeps what it has, until it connects anew.
   * Throws a `ConfigurationError` for what cannot be used, or where the node does not speak TLS by itself.
   */
  renewCertificate(certificate: Certificate): void;
  /**
   * Asks every client to connect anew, one after the other, and serves it until it has: after a node was added, say, to which
   * some are to go. Resolves when all have been asked. Rules CALM-2 to CALM-4.
   */
  rotate(options?: { readonly overMs?: number }): Promise<void>;
  /**
   * Goes away without losing anything: resolves when everybody has gone, or was cut off. Called again, it lets everybody
   * go who is left.
   */
  close(options?: CloseOptions): Promise<void>;
}

/** Creates a node. Throws a `ConfigurationError` that names every mistake in the options. */
export function createHoldfast(options: HoldfastOptions = {}): Holdfast {
  return assemble(options).holdfast;
}

/** A node with its public face, for those who serve it as a worker. */
export function assemble(options: HoldfastOptions): { readonly node: Node; readonly holdfast: Holdfast } {
  const settings = readOptions(options);
  const node = new Node(settings);
  checkCapabilities(node.broker, options.namespaces);
  const front = new Front(node);
  const listeners = new Set<Listener>();
  const attachments = new Set<() => void>();
  let operations: Promise<OperationsListener> | undefined;
  let closing: Promise<void> | undefined;

  const close = async (drain: Drain): Promise<void> => {
    node.isLeaving = true;
    await drain.notice();
    node.isDraining = true;
    for (const listener of listeners) listener.sendAway();
    await drain.letGoInTurn();
    const closed = Promise.all([...listeners].map((listener) => listener.close()));
    await drain.letGoTheRest();
    let connections = await drain.seeOff();
    const cut = () => {
      for (const listener of listeners) connections += listener.cut();
    };
    const timer = setTimeout(cut, drain.remainingMs);
    await closed;
    clearTimeout(timer);
    const message = "Connections were cut off, because they did not end in time.";
    if (connections > 0) node.log({ level: "warn", message, connections });
    for (const detach of attachments) detach();
    await node.stop();
    await (await operations?.catch(() => undefined))?.close();
  };

  const listen = async (where: ListenOptions): Promise<Listening> => {
    if (closing !== undefined) throw wasClosed();
    if (settings.operations !== undefined) operations ??= OperationsListener.open(node, settings.operations);
    const besides = await operations;
    const listener = await Listener.open(node, front, where);
    if (closing !== undefined) {
      // By then nobody else would close it.
      listener.cut();
      await listener.close();
      throw wasClosed();
    }
    listeners.add(listener);
    return { url: listener.url, ...(besides === undefined ? {} : { operationsUrl: besides.url }) };
  };

  const holdfast: Holdfast = {
    listen,
    attach(server, { path = "" } = {}) {
      if (path !== "" && !/^(?:\/[^/?#]+)+$/.test(path)) {
        throw new ConfigurationError(['"path" begins with "/" and does not end with it, as in "/live".']);
      }
      if (closing !== undefined) throw wasClosed();
      const restore = attach(node, front, server, path);
      const detach = () => {
        if (attachments.delete(detach)) restore();
      };
      attachments.add(detach);
      return detach;
    },
    handler(request, response, next) {
      if (front.handle(request, response, "")) return;
      if (next !== undefined) next();
      else front.refuse(request, response, new HoldfastError("not_found"));
    },
    upgrade(request, socket, head) {
      if (!front.ownsUpgrade(request, "")) return false;
      void front.upgrade(request, socket, head, "");
      return true;
    },
    async publish(channel, data, { from, ifMatch, ...labels } = {}) {
      checkLabels(labels);
      const draft = { ...labels, payload: toPayload(data) };
      const principal = from === undefined ? {} : { user: from };
      const condition = ifMatch === undefined ? undefined : parseCursor(ifMatch);
      const name = parseChannelName(channel);
      checkNotReserved(name);
      const [result] = await publishAs(principal, node.hubs, name, [draft], condition);
      if (result === undefined) throw new HoldfastError("internal", "The broker acknowledged nothing.");
      return result;
    },
    async closeChannel(channel) {
      const name = parseChannelName(channel);
      checkNotReserved(name);
      const { epoch, head } = await node.hubs.close(name);
      node.audit({ act: "channel.close", channel: name });
      return { cursor: formatCursor({ epoch, offset: head }) };
    },
    async revoke({ until, ...target }) {
      const { at, until: forgotten } = await controlOf(node).revocations.add(target, until);
      node.audit({ act: "revoke", ...target, at, until: forgotten });
      return { at, until: forgotten };
    },
    async permissionsChanged({ user }) {
      await controlOf(node).permissions.add(user);
      node.audit({ act: "permissions.changed", user });
    },
    stats: () => statsOf(node),
    metrics: async () => await formatFamilies(await node.tell("metrics")),
    report: () => node.tell("stats"),
    renewCertificate(certificate) {
      const secure = [...listeners].filter(({ isSecure }) => isSecure);
      if (secure.length === 0)
        throw new ConfigurationError(["This node does not speak TLS, so it has no certificate to renew."]);
      for (const listener of secure) listener.renew(certificate);
    },
    rotate: ({ overMs = 60_000 } = {}) => rotate(node, overMs),
    close(how = {}) {
      if (closing === undefined) {
        node.drain = new Drain(node, how);
        closing = close(node.drain);
      } else node.drain?.hurry();
      return closing;
    },
  };
  return { node, holdfast };
}

function wasClosed(): HoldfastError {
  return new HoldfastError("draining", "This node was closed; create another.");
}
