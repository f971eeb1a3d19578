import type { Transport } from "@holdfast/client";
import type { Board } from "../../bench/bench.ts";
import { listening } from "../connections.ts";
import { find } from "../find.ts";
import { follow } from "../visitor/following.ts";
import { Controls } from "./controls.ts";
import { Lane, type LanePlan, type Tick } from "./lane.ts";
import { Report } from "./report.ts";
import { Switches } from "./switches.ts";

const rungs = new Map<Transport, string>([
  ["websocket", "WebSocket"],
  ["sse", "SSE"],
  ["long-poll", "Long poll"],
  ["poll", "Poll"],
]);

const plans: readonly LanePlan[] = [
  { id: "websocket", label: "WebSocket", transports: ["websocket"] },
  { id: "sse", label: "Server-Sent Events", transports: ["sse"] },
  { id: "long-poll", label: "Long poll", transports: ["long-poll"] },
  { id: "poll", label: "Poll", transports: ["poll"] },
  { id: "auto", label: "Any transport", transports: [...rungs.keys()] },
];

/** Reads one channel in five ways, lets visitors break the lines, and judges what came. */
export async function startBench(): Promise<void> {
  const error = find("#bench-error", HTMLElement);
  const failed = (reason: unknown) => {
    error.textContent = reason instanceof Error ? reason.message : String(reason);
  };
  const lanes = plans.map((plan) => {
    const switches = new Switches(plan.id, blockable(plan), failed);
    return { lane: new Lane(plan, plan.transports.length > 1 ? rungs : new Map(), switches), switches };
  });
  find("#lanes", HTMLElement).append(...lanes.map(({ lane }) => lane.card.element));
  const report = new Report(lanes.map(({ lane }) => lane));
  watchTicks(report).catch(failed);
  const controls = new Controls(failed, () => report.recount());

  let ports: Board["ports"] | undefined;
  const boards = follow<Board>(listening, "bench:board", { last: 1, onGap: () => {} });
  for await (const { data: board } of boards) {
    controls.show(board);
    for (const { lane, switches } of lanes) {
      const { id } = lane.plan;
      const port = board.ports[id];
      if (ports === undefined) lane.read(`http://127.0.0.1:${port}`).catch(failed);
      else if (ports[id] !== port) failed("The demo was started anew on other ports. Reload this page.");
      const faults = board.lanes[id];
      if (faults !== undefined) switches.show(faults);
    }
    ports ??= board.ports;
  }
}

/** Tells the report what has been published, by a line that nobody breaks. */
async function watchTicks(report: Report): Promise<void> {
  const ticks = follow<Tick>(listening, "bench:ticks", { onGap: () => report.publishedAnew() });
  for await (const { data } of ticks) report.published(data.number);
}

function blockable({ transports }: LanePlan): ReadonlyMap<Transport, string> {
  return new Map(transports.slice(0, 3).map((transport) => [transport, `Block ${rungs.get(transport)}`]));
}
