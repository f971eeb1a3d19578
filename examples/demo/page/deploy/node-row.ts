import type { InstanceReport } from "../../fleet/instance.ts";
import { create } from "../find.ts";
import { formatCount } from "../format.ts";

const dotsMax = 60;

/** One node behind the address: how it is, and a dot for each of its connections. */
export class NodeRow {
  readonly element = create("li", "", "node");
  readonly #version = create("small");
  readonly #state = create("p", "", "state");
  readonly #dots = create("p", "", "dots");
  readonly #count = create("p", "", "connections");

  constructor(number: number) {
    const name = create("h3", `Node ${number} `);
    name.append(this.#version);
    this.#dots.setAttribute("aria-hidden", "true");
    this.element.append(name, this.#state, this.#dots, this.#count);
  }

  show(report: InstanceReport): void {
    const { connections, version, leaving } = report;
    const [kind, words] = describe(report);
    this.#version.textContent = `version ${version}`;
    this.#state.dataset.state = kind;
    this.#state.textContent = words;
    this.element.toggleAttribute("data-leaving", leaving);
    this.#count.textContent = `${formatCount(connections)} ${connections === 1 ? "connection" : "connections"}`;
    const dots = Math.min(connections, dotsMax);
    while (this.#dots.childElementCount > dots) this.#dots.lastElementChild?.remove();
    while (this.#dots.childElementCount < dots) this.#dots.append(create("i", "", "dot"));
  }
}

function describe({ health, leaving }: InstanceReport): [state: string, words: string] {
  if (!leaving) return health === "ready" ? ["live", "Ready (200)"] : ["connecting", "Starting"];
  if (health === "silent") return ["closed", "Closed to newcomers"];
  return ["recovering", health === "red" ? "Not ready (503)" : "Told to leave"];
}
