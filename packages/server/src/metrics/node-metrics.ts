import { Counter, Gauge, type Registry } from "prom-client";
import type { Node } from "../node.ts";
import { version } from "../version.ts";
import { takeCensus } from "./census.ts";
import { defineLog, type Lookup } from "./log-metrics.ts";
import { goneElsewhere } from "./report.ts";
import { retell, retellAll } from "./retell.ts";
import type { Traffic } from "./traffic.ts";

/** What is told of each transport: its name, and the labels and numbers that one traffic adds to it. */
interface TrafficMetric {
  readonly counter: Counter<string>;
  values(traffic: Traffic): Iterable<readonly [more: Record<string, string>, value: number]>;
}

/** What a node holds and has done, looked up when it is scraped: nothing of it costs anything in between. */
export class NodeMetrics {
  readonly #node: Node;
  readonly #registry: Registry;
  readonly #gauges: readonly Lookup[];
  readonly #traffic: readonly TrafficMetric[];
  readonly #connections: Gauge<"transport" | "age">;
  readonly #sessions: Gauge<"state">;
  readonly #unsentBytes: Gauge;
  readonly #ready: Gauge;
  readonly #drain: Gauge<"state">;

  constructor(node: Node) {
    this.#node = node;
    this.#registry = node.meters.registry;
    const registers = [this.#registry];
    this.#connections = new Gauge({
      name: "holdfast_connections",
      help: "Connections that are being served, held answers included, by transport and by how long they have been open.",
      labelNames: ["transport", "age"],
      registers,
    });
    this.#sessions = new Gauge({
      name: "holdfast_sessions",
      help: "Sessions by state: greeting (nothing was said yet), live (read all there is), lagging (did not), full (the client takes no more for now).",
      labelNames: ["state"],
      registers,
    });
    this.#drain = new Gauge({
      name: "holdfast_drain_connections",
      help: "While clients are asked to go elsewhere: told (asked, and still here), gone (since the start of the node) and stay (not asked).",
      labelNames: ["state"],
      registers,
    });
    this.#unsentBytes = this.#gauge(
      "holdfast_unsent_bytes",
      "Bytes written for clients that have not taken them.",
    );
    this.#ready = this.#gauge(
      "holdfast_ready",
      "1 when an event published here would be delivered, as /health/ready tells; else 0.",
    );
    new Gauge({
      name: "holdfast_build_info",
      help: "The version, and the id that this node drew when it started, as labels; the value is 1.",
      labelNames: ["version", "node"],
      registers,
    }).set({ version, node: node.id }, 1);
    this.#gauges = this.#defineGauges();
    this.#traffic = this.#defineTraffic();
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.#registry] });
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[] = []): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #defineGauges(): Lookup[] {
    const node = this.#node;
    const hubs = () => node.hubs.stats();
    return [
      [
        this.#gauge("holdfast_sockets", "Sockets that the node's own listeners have open."),
        () => node.connections,
      ],
      [
        this.#gauge(
          "holdfast_connections_max",
          "How many connections this node serves at most (connectionsMax).",
        ),
        () => node.limits.connectionsMax,
      ],
      [
        this.#gauge("holdfast_draining", "1 while the node goes away, else 0."),
        () => (node.isLeaving ? 1 : 0),
      ],
      [
        this.#counter(
          "holdfast_sockets_refused_total",
          "Sockets beyond connectionsMax, or the files that may be open.",
        ),
        () => node.refusals.total,
      ],
      [
        this.#counter(
          "holdfast_files_exhausted_total",
          "How often, looking once a second, no more files could be opened.",
        ),
        () => node.filesExhausted,
      ],
      [
        this.#gauge("holdfast_channels", "Channels that are followed because somebody reads them here."),
        () => hubs().hubs,
      ],
      [this.#gauge("holdfast_readers", "Subscriptions, and long polls that wait."), () => hubs().readers],
      [
        this.#gauge(
          "holdfast_readers_lagging",
          "Of these, the ones that have not been given everything there is.",
        ),
        () => hubs().readers - hubs().readersLive,
      ],
      [
        this.#gauge("holdfast_tail_events", "Recent events kept in memory for readers."),
        () => hubs().tailEvents,
      ],
      [
        this.#gauge(
          "holdfast_tail_bytes",
          "Memory of the recent events, and of pages kept for readers that lag.",
        ),
        () => hubs().tailBytes,
      ],
      [
        this.#gauge("holdfast_revocations", "Revocations that this node remembers (revocationsMax)."),
        () => node.control?.revocations.size ?? 0,
      ],
      [
        this.#counter("holdfast_tickets_total", "Tickets that this node made."),
        () => node.control?.tickets.made ?? 0,
      ],
      [
        this.#counter("holdfast_page_events_total", "Events in JSON pages, for polls and long polls."),
        () => node.meters.pageEvents,
      ],
      ...(node.memory === undefined ? [] : defineLog(this.#registry, node.memory)),
    ];
  }

  #defineTraffic(): TrafficMetric[] {
    const byTransport = (name: string, help: string, value: (traffic: Traffic) => number): TrafficMetric => ({
      counter: this.#counter(name, help, ["transport"]),
      values: (traffic) => [[{}, value(traffic)]],
    });
    const split = (
      name: string,
      help: string,
      label: string,
      counts: (traffic: Traffic) => ReadonlyMap<string, number>,
    ): TrafficMetric => ({
      counter: this.#counter<string>(name, help, ["transport", label]),
      values: (traffic) => Array.from(counts(traffic), ([key, value]) => [{ [label]: key }, value]),
    });
    return [
      byTransport(
        "holdfast_sent_messages_total",
        "Batches, control messages and answers that were written, by transport.",
        (traffic) => traffic.sentMessages,
      ),
      byTransport(
        "holdfast_sent_bytes_total",
        "Their bytes, by transport: framed and compressed, without headers and TLS.",
        (traffic) => traffic.sentBytes,
      ),
      byTransport(
        "holdfast_received_messages_total",
        "Messages and request bodies that came from clients, by transport.",
        (traffic) => traffic.heardMessages,
      ),
      byTransport(
        "holdfast_received_bytes_total",
        "Their bytes, by transport: decompressed, without frames, headers and TLS.",
        (traffic) => traffic.heardBytes,
      ),
      byTransport(
        "holdfast_connections_opened_total",
        "Sessions that began, by transport; those of held answers too.",
        (traffic) => traffic.opened,
      ),
      split(
        "holdfast_connections_closed_total",
        "Sessions that ended, by transport and reason: client (it left), ended (its channels did, or it was answered), drain, rotate, or the code of an error.",
        "reason",
        (traffic) => traffic.closed,
      ),
      split(
        "holdfast_resumes_total",
        "Subscriptions that began at a cursor, by transport and outcome: resumed (without loss), or the reason of the gap.",
        "outcome",
        (traffic) => traffic.resumes,
      ),
      split(
        "holdfast_gaps_total",
        "Gaps that readers were told, by transport and reason: expired, epoch, slow or limit.",
        "reason",
        (traffic) => traffic.gaps,
      ),
      split(
        "holdfast_errors_total",
        "Errors that clients were told, by transport and code; PROTOCOL.md lists the codes.",
        "code",
        (traffic) => traffic.errors,
      ),
    ];
  }

  /** Looks everything up anew. */
  async refresh(): Promise<void> {
    const node = this.#node;
    const [census, isReady] = await Promise.all([takeCensus(node), node.readiness.isReady()]);
    this.#ready.set(isReady ? 1 : 0);
    this.#unsentBytes.set(census.unsentBytes);
    const { size } = node.attendance.links;
    this.#drain.set({ state: "told" }, census.moving);
    this.#drain.set({ state: "gone" }, goneElsewhere(node));
    this.#drain.set({ state: "stay" }, size + node.attendance.waiters.size - census.moving);
    retellAll(
      this.#sessions,
      Array.from(census.sessions, ([state, count]) => [{ state }, count]),
    );
    retellAll(
      this.#connections,
      [...census.connections].flatMap(([transport, byAge]) =>
        Array.from(byAge, ([age, count]) => [{ transport, age }, count] as const),
      ),
    );
    for (const [gauge, value] of this.#gauges) retell(gauge, value());
    for (const { counter, values } of this.#traffic) {
      retellAll(
        counter,
        node.traffic.all.flatMap((traffic) =>
          Array.from(
            values(traffic),
            ([more, value]) => [{ transport: traffic.transport, ...more }, value] as const,
          ),
        ),
      );
    }
  }
}
