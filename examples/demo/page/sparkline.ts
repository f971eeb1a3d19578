const namespace = "http://www.w3.org/2000/svg";
const width = 59;
const height = 30;

/** The last minute of a figure, a point a second. */
export class Sparkline {
  readonly svg = document.createElementNS(namespace, "svg");
  readonly #area = document.createElementNS(namespace, "path");
  readonly #stroke = document.createElementNS(namespace, "path");
  readonly #values: number[] = [];

  constructor() {
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("aria-hidden", "true");
    this.#area.setAttribute("class", "area");
    this.#stroke.setAttribute("class", "stroke");
    this.svg.append(this.#area, this.#stroke);
  }

  clear(): void {
    this.#values.length = 0;
  }

  /** `ceiling` is what fills the height, unless a value is higher. */
  add(value: number, ceiling: number): void {
    this.#values.push(value);
    if (this.#values.length > width + 1) this.#values.shift();
    const top = Math.max(ceiling, ...this.#values) || 1;
    const start = width - this.#values.length + 1;
    const points = this.#values.map((one, index) => {
      const y = height - 1 - (one / top) * (height - 4);
      return `${start + index} ${y.toFixed(2)}`;
    });
    const line = `M${points.join("L")}`;
    this.#stroke.setAttribute("d", line);
    this.#area.setAttribute("d", `${line}V${height}H${start}Z`);
  }
}
