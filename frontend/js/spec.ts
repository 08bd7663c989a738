// What Rust sends: a small description of a chart, with colours as names of design tokens.

export interface Series {
  /** Shown in the legend and the tooltip. */
  name: string;
  /** Name of a custom property that holds a colour, such as `--f-missing`. */
  token: string;
  /** One value a label; null leaves a gap. */
  values: (number | null)[];
}

export interface ChartSpec {
  kind: "bar" | "stacked" | "line";
  /** Bars that run from left to right. */
  horizontal?: boolean;
  labels: string[];
  series: Series[];
  /** Written after every number: `%` directly, words after a space. */
  unit?: string;
  /** Shows small shares beside a large one. Zero has no place on it and is not drawn. */
  logScale?: boolean;
  /** Of the box around the canvas, in CSS pixels; without it the box keeps its own height. */
  height?: number;
}

const KINDS = ["bar", "stacked", "line"];

/** Reads the JSON and names what is wrong with it, since the sender is compiled Rust. */
export function parseSpec(json: string): ChartSpec {
  const spec: unknown = JSON.parse(json);
  if (typeof spec !== "object" || spec === null) throw new TypeError("chart: not an object");
  const { kind, labels, series } = spec as Partial<ChartSpec>;
  if (kind === undefined || !KINDS.includes(kind)) {
    throw new TypeError(`chart: kind is ${String(kind)}, not one of ${KINDS.join(", ")}`);
  }
  if (!Array.isArray(labels)) throw new TypeError("chart: labels is not a list");
  if (!Array.isArray(series)) throw new TypeError("chart: series is not a list");
  for (const one of series) {
    if (!Array.isArray(one.values) || one.values.length !== labels.length) {
      throw new TypeError(`chart: series ${one.name} has not one value a label`);
    }
  }
  return spec as ChartSpec;
}
