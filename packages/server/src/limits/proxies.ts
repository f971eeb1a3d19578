import type { IncomingMessage } from "node:http";
import { BlockList, isIP } from "node:net";
import { forwardedFor } from "./forwarded.ts";

/** Which header the trusted proxies write: the other one may be the client's own, passed on. */
export type ProxyHeader = "x-forwarded-for" | "forwarded";

/** Addresses that belong to a network of somebody's own, where proxies and balancers live, and never to a stranger. */
const ownNetworks = [
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "::1/128",
  "fc00::/7",
  "fe80::/10",
];

const shorthands: ReadonlyMap<string, readonly string[]> = new Map([
  ["loopback", ["127.0.0.0/8", "::1/128"]],
]);

type Family = "ipv4" | "ipv6";

/** Whether a text names addresses: one, a network such as `10.0.0.0/8`, or `loopback`. */
export function namesAddresses(text: string): boolean {
  if (shorthands.has(text)) return true;
  const [address = "", prefix, ...more] = text.split("/");
  const bits = isIP(address) === 4 ? 32 : 128;
  if (isIP(address) === 0 || address.includes("%") || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks.flatMap((one) => shorthands.get(one) ?? [one])) {
    const [address = "", prefix] = network.split("/");
    const family = familyOf(address);
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function familyOf(address: string): Family {
  return isIP(address) === 6 ? "ipv6" : "ipv4";
}

/** An address without its zone, and as IPv4 where it is that in the clothes of IPv6; undefined for what is none. */
function plainAddress(text: string | undefined): string | undefined {
  const [address = ""] = (text ?? "").split("%");
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1];
  const plain = mapped ?? address.toLowerCase();
  return isIP(plain) === 0 ? undefined : plain;
}

/** Tells who is at the other end: the peer, or whom a trusted proxy says it speaks for. Rule LIM-5. */
export class Proxies {
  readonly #trusted: BlockList | undefined;
  readonly #header: ProxyHeader;
  readonly #trustsLocal: boolean;
  readonly #own = listOf(ownNetworks);

  /** `trusted` is undefined where nobody said whether there are proxies. */
  constructor(trusted: readonly string[] | undefined, header: ProxyHeader) {
    this.#trusted = trusted && listOf(trusted);
    this.#trustsLocal = trusted?.includes("loopback") === true;
    this.#header = header;
  }

  /** Whether what a peer says of others is believed. */
  #isTrusted(address: string | undefined): boolean {
    // A peer without an address speaks through a socket of the file system, and so is this machine.
    if (address === undefined) return this.#trustsLocal;
    return this.#trusted?.check(address, familyOf(address)) === true;
  }

  #peerOf(request: IncomingMessage): string | undefined {
    return plainAddress(request.socket.remoteAddress);
  }

  /** Whether a trusted proxy is who sent this. */
  isProxied(request: IncomingMessage): boolean {
    return this.#trusted !== undefined && this.#isTrusted(this.#peerOf(request));
  }

  /** The address of the client, as far as it is known. */
  clientOf(request: IncomingMessage): string | undefined {
    const peer = this.#peerOf(request);
    if (this.#trusted === undefined || !this.#isTrusted(peer)) return peer;
    const hops = forwardedFor(this.#header, headerText(request, this.#header));
    // The last hop was added by whom we know; each further one is believed as long as it names another of ours.
    let client = peer;
    for (let index = hops.length - 1; index >= 0; index--) {
      client = plainAddress(hops[index]);
      if (client === undefined || !this.#isTrusted(client)) break;
    }
    return client;
  }

  /**
   * What a client is counted under: its address, or the first 64 bits of one in IPv6, as so many are anybody's; undefined for one that
   * is not to be counted, because many may be behind it.
   */
  countedOf(request: IncomingMessage): string | undefined {
    const client = this.clientOf(request);
    // A proxy speaks for itself where it asks whether we are well.
    if (this.#trusted !== undefined && this.#isTrusted(client)) return undefined;
    return this.#counted(client);
  }

  /** The same for a connection, of which no request is known yet. */
  countedPeer(remoteAddress: string | undefined): string | undefined {
    const peer = plainAddress(remoteAddress);
    return this.#isTrusted(peer) ? undefined : this.#counted(peer);
  }

  #counted(address: string | undefined): string | undefined {
    if (address === undefined) return undefined;
    // Where nobody said whether there are proxies, a neighbour may well be one.
    if (this.#trusted === undefined && this.#own.check(address, familyOf(address))) return undefined;
    return isIP(address) === 6 ? networkOf(address) : address;
  }

  /** The host that the client meant when it spoke to the trusted proxy, where that tells. */
  forwardedHostOf(request: IncomingMessage): string | undefined {
    return this.isProxied(request) ? lastOf(request.headers["x-forwarded-host"]) : undefined;
  }

  /** Whether the client came over TLS; undefined where that cannot be known. */
  isSecure(request: IncomingMessage): boolean | undefined {
    if ((request.socket as { encrypted?: boolean }).encrypted === true) return true;
    const said = this.isProxied(request) ? lastOf(request.headers["x-forwarded-proto"]) : undefined;
    return said === undefined ? undefined : said.toLowerCase() === "https";
  }
}

function headerText(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : (value ?? "");
}

/** What the proxy nearest to us wrote last, of a header that may have been there before. */
function lastOf(value: string | string[] | undefined): string | undefined {
  const text = Array.isArray(value) ? value.join(",") : value;
  return text?.split(",").at(-1)?.trim() || undefined;
}

/** The first 64 bits of an IPv6 address, in one form. */
function networkOf(address: string): string {
  const [head = "", tail] = address.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  // An IPv4 address at the end stands for two groups.
  const width = [...left, ...right].reduce((sum, group) => sum + (group.includes(".") ? 2 : 1), 0);
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - width }, () => "0");
  const groups = [...left, ...zeros, ...right].slice(0, 4).map((group) => Number.parseInt(group, 16));
  return `${groups.map((group) => group.toString(16)).join(":")}::/64`;
}
