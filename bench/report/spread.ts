/** What several runs have shown. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** Undefined when there are no values. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [min] = sorted;
  const max = sorted.at(-1);
  if (min === undefined || max === undefined) return undefined;
  const above = sorted[Math.floor(sorted.length / 2)] ?? max;
  const below = sorted[Math.ceil(sorted.length / 2) - 1] ?? min;
  return { median: (above + below) / 2, min, max, runs: sorted.length };
}

const precise = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat("en", { maximumSignificantDigits: 3, notation: "compact" });

/** To three digits: that is more than one run differs from the next. */
export function formatFigure(value: number): string {
  return precise.format(value);
}

/** As in `1.05M`. */
export function formatShort(value: number): string {
  return compact.format(value);
}

/** The median, with the least and the greatest. */
export function formatSpread({ median, min, max, runs }: Spread): string {
  if (runs === 1) return formatFigure(median);
  return `${formatFigure(median)} (${formatFigure(min)}..${formatFigure(max)})`;
}
