/** One line with a number. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What is told under one name. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const namePattern = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const sampleLine = /^([^\s{]+)(?:\{(.*)\})? (\S+)$/;
const labelPart = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/;

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (let rest = text; rest !== ""; ) {
    const found = labelPart.exec(rest);
    if (found === null) throw new Error(`These are no labels: ${line}`);
    const [whole, name = "", value = ""] = found;
    if (Object.hasOwn(labels, name)) throw new Error(`The label ${name} comes twice: ${line}`);
    labels[name] = value.replace(/\\([\\"n])/g, (_, one: string) => (one === "n" ? "\n" : one));
    rest = rest.slice(whole.length);
  }
  return labels;
}

function parseSample(line: string): Sample {
  const [, name = "", labels = "", text = ""] = sampleLine.exec(line) ?? [];
  const value = text === "+Inf" ? Number.POSITIVE_INFINITY : Number(text);
  if (!namePattern.test(name) || Number.isNaN(value)) throw new Error(`This is no sample: ${line}`);
  return { name, labels: parseLabels(labels, line), value };
}

/** Reads Prometheus' text format 0.0.4 strictly; throws at the first line that is none of it, or in no order. */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  const families = new Map<string, Family & { samples: Sample[] }>();
  let current: (Family & { samples: Sample[] }) | undefined;
  let help: [name: string, text: string] | undefined;
  if (!text.endsWith("\n")) throw new Error("The last line does not end.");
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [, kind, name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === "HELP") {
      help = [name, rest];
    } else if (kind === "TYPE") {
      if (help?.[0] !== name) throw new Error(`${name} has no HELP before its TYPE.`);
      if (families.has(name)) throw new Error(`${name} is told in two places.`);
      current = { name, help: help[1], type: rest, samples: [] };
      families.set(name, current);
    } else {
      const sample = parseSample(line);
      if (current === undefined || !belongs(sample.name, current))
        throw new Error(`${sample.name} stands under ${current?.name ?? "no name"}.`);
      current.samples.push(sample);
    }
  }
  return families;
}

function belongs(name: string, family: Family): boolean {
  if (name === family.name) return family.type !== "histogram";
  const suffix = name.slice(family.name.length);
  return (
    family.type === "histogram" &&
    name.startsWith(family.name) &&
    ["_bucket", "_sum", "_count"].includes(suffix)
  );
}

function seriesOf({ name, labels }: Sample, without?: string): string {
  const parts = Object.entries(labels).filter(([label]) => label !== without);
  return JSON.stringify([name, ...parts.sort(([one], [other]) => (one < other ? -1 : 1))]);
}

/** What Prometheus' own `promtool check metrics` and its naming guide would find wrong, one sentence each. */
export function lintExposition(families: ReadonlyMap<string, Family>): string[] {
  const problems: string[] = [];
  for (const family of families.values()) {
    const { name, type, help, samples } = family;
    if (!/^[a-z][a-z0-9_]*$/.test(name)) problems.push(`${name} is not in snake_case.`);
    if (help.length < 15 || !/[.]$/.test(help)) problems.push(`${name} has no sentence as HELP.`);
    if (!["counter", "gauge", "histogram"].includes(type)) problems.push(`${name} is a ${type}.`);
    if ((type === "counter") !== name.endsWith("_total")) problems.push(`${name} is a ${type}.`);
    if (/_(ms|milliseconds|minutes|kb|mb|percent)(_|$)/.test(name))
      problems.push(`${name} is not in a base unit.`);
    if (/_(count|sum|bucket)$/.test(name)) problems.push(`${name} ends as a histogram's samples do.`);
    const seen = new Set<string>();
    for (const sample of samples) {
      const series = seriesOf(sample);
      if (seen.has(series)) problems.push(`${series} is told twice.`);
      seen.add(series);
      if (type !== "gauge" && !(sample.value >= 0)) problems.push(`${series} is negative.`);
    }
    if (type === "histogram") problems.push(...lintHistogram(family));
  }
  return problems;
}

function lintHistogram({ name, samples }: Family): string[] {
  const problems: string[] = [];
  const last = new Map<string, Sample>();
  for (const sample of samples.filter((one) => one.name === `${name}_bucket`)) {
    const series = seriesOf(sample, "le");
    const before = last.get(series);
    const isRising = (value: (of: Sample) => number) =>
      before === undefined || value(before) <= value(sample);
    if (!isRising(({ labels }) => Number((labels["le"] ?? "").replace("+Inf", "Infinity"))))
      problems.push(`${series} has its buckets in no order.`);
    if (!isRising(({ value }) => value)) problems.push(`${series} has buckets that are not cumulative.`);
    last.set(series, sample);
  }
  for (const count of samples.filter((one) => one.name === `${name}_count`)) {
    const bucket = last.get(seriesOf({ ...count, name: `${name}_bucket` }));
    if (bucket?.labels["le"] !== "+Inf" || bucket.value !== count.value)
      problems.push(`${seriesOf(count)} is not what its last bucket says.`);
  }
  return problems;
}

/** The sum of the samples of this name that have these labels; 0 where there is none. */
export function sumOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ""));
  let sum = 0;
  for (const sample of family?.samples ?? []) {
    const matches = Object.entries(labels).every(([label, value]) => sample.labels[label] === value);
    if (sample.name === name && matches) sum += sample.value;
  }
  return sum;
}
