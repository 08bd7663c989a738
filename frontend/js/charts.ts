// Chart.js behind a surface of four functions, bound from Rust in `app/src/interop/`.
//
// The file is bundled to `pkg/charts.js` and is no part of the first paint: whoever shows a chart
// appends `<script type="module" src="/pkg/HASH/charts.js">` once and goes on at its `load` event. By
// then `globalThis.AmendCharts` is there. README.md beside this file has the contract.

import { type ChartSpec, parseSpec } from "./spec";
import { type PointClick, DrawnChart } from "./drawn";

const charts = new Map<number, DrawnChart>();
let lastHandle = 0;
const darkScheme = window.matchMedia("(prefers-color-scheme: dark)");

const AmendCharts = {
  /** Draws a chart; the number returned names it from now on. Throws when the JSON is not a chart. */
  create(canvas: HTMLCanvasElement, configJson: string, onClick?: PointClick | null): number {
    const spec: ChartSpec = parseSpec(configJson);
    if (charts.size === 0) listen();
    lastHandle += 1;
    charts.set(lastHandle, new DrawnChart(canvas, spec, onClick ?? undefined));
    return lastHandle;
  },

  /** Shows new figures without animation. What the reader hid in the legend stays hidden. */
  update(handle: number, configJson: string): void {
    charts.get(handle)?.update(parseSpec(configJson));
  },

  /** Frees the chart and its listeners. A handle that is gone already is no error. */
  destroy(handle: number): void {
    charts.get(handle)?.destroy();
    charts.delete(handle);
    if (charts.size === 0) unlisten();
  },

  /** The chart as a PNG data URL on the page's surface colour; empty when the handle is gone. */
  toPng(handle: number): string {
    return charts.get(handle)?.toPng() ?? "";
  },
};

let frame = 0;

/** Colours are read again in the next frame: the attribute that switches themes is set by then. */
function recolour(): void {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(() => {
    for (const chart of charts.values()) chart.recolour();
  });
}

function resizeForPrint(): void {
  for (const chart of charts.values()) chart.resize();
}

function listen(): void {
  window.addEventListener("amend:theme", recolour);
  window.addEventListener("beforeprint", resizeForPrint);
  window.addEventListener("afterprint", resizeForPrint);
  darkScheme.addEventListener("change", recolour);
}

function unlisten(): void {
  cancelAnimationFrame(frame);
  window.removeEventListener("amend:theme", recolour);
  window.removeEventListener("beforeprint", resizeForPrint);
  window.removeEventListener("afterprint", resizeForPrint);
  darkScheme.removeEventListener("change", recolour);
}

declare global {
  var AmendCharts: unknown;
}

globalThis.AmendCharts = AmendCharts;

export default AmendCharts;
