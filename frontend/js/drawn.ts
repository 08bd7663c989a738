// One chart on one canvas: our description turned into Chart.js options, and its life.

import {
  BarController,
  BarElement,
  CategoryScale,
  Chart,
  type ChartConfiguration,
  type ChartDataset,
  type ChartOptions,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
} from "chart.js";
import type { ChartSpec, Series } from "./spec";
import { exactNumber, shortNumber, type Theme, withTheme } from "./theme";

Chart.register(
  BarController,
  BarElement,
  CategoryScale,
  Filler,
  Legend,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  Tooltip,
);

/** Called with the places of the series and of the label in the description. */
export type PointClick = (seriesIndex: number, labelIndex: number) => void;

type Kind = "bar" | "line";

export class DrawnChart {
  private chart: Chart<Kind, (number | null)[], string>;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private spec: ChartSpec,
    private readonly onClick: PointClick | undefined,
  ) {
    this.setHeight();
    this.chart = new Chart(canvas, this.configuration());
  }

  update(spec: ChartSpec): void {
    // Chart.js fixes a chart's type and the direction of its bars when it is made.
    const same = kindOf(spec) === kindOf(this.spec) && spec.horizontal === this.spec.horizontal;
    this.spec = spec;
    this.setHeight();
    if (same) {
      this.refresh();
    } else {
      this.chart.destroy();
      this.chart = new Chart(this.canvas, this.configuration());
    }
  }

  recolour(): void {
    this.refresh();
  }

  resize(): void {
    this.chart.resize();
  }

  destroy(): void {
    this.chart.destroy();
  }

  toPng(): string {
    const { width, height } = this.canvas;
    const copy = document.createElement("canvas");
    copy.width = width;
    copy.height = height;
    const context = copy.getContext("2d");
    if (!context || width === 0 || height === 0) return "";
    // A chart is transparent; in a report that would put light text on white paper.
    context.fillStyle = withTheme(this.canvas, (theme) => theme.surface);
    context.fillRect(0, 0, width, height);
    context.drawImage(this.canvas, 0, 0);
    return copy.toDataURL("image/png");
  }

  private setHeight(): void {
    const box = this.canvas.parentElement;
    if (box && this.spec.height) box.style.height = `${this.spec.height}px`;
  }

  private refresh(): void {
    const { data, options } = this.configuration();
    // Chart.js keeps what it knows of a series (hidden or not) with the object, so the objects
    // stay and take the new content.
    const old = this.chart.data.datasets;
    this.chart.data.labels = data.labels ?? [];
    this.chart.data.datasets = data.datasets.map((next, i) => Object.assign(old[i] ?? {}, next));
    if (options) this.chart.options = options;
    // Not update("none"): in that mode Chart.js keeps the colours that the elements share.
    // Animation is off in any mode.
    this.chart.update();
  }

  private configuration(): ChartConfiguration<Kind, (number | null)[], string> {
    return withTheme(this.canvas, (theme) => ({
      type: kindOf(this.spec),
      data: {
        labels: this.spec.labels,
        datasets: this.spec.series.map((series) => dataset(this.spec, series, theme)),
      },
      options: this.options(theme),
    }));
  }

  private options(theme: Theme): ChartOptions<Kind> {
    const { spec, onClick } = this;
    const font = { family: theme.font, size: theme.fontSize };
    return {
      responsive: true,
      maintainAspectRatio: false,
      animation: false,
      indexAxis: spec.horizontal ? "y" : "x",
      font,
      color: theme.inkQuiet,
      interaction:
        spec.kind === "line"
          ? { mode: "index", intersect: false }
          : { mode: "nearest", intersect: true },
      scales: spec.horizontal
        ? { x: valueAxis(spec, theme), y: labelAxis(spec, theme) }
        : { x: labelAxis(spec, theme), y: valueAxis(spec, theme) },
      onHover: (event, hit) => {
        this.canvas.style.cursor = onClick && hit.length > 0 && event.type !== "mouseout" ? "pointer" : "";
      },
      onClick: (event, _hit, chart) => {
        if (!onClick || !event.native) return;
        // The series nearest to the pointer, also where the tooltip speaks of all of them.
        const [hit] = chart.getElementsAtEventForMode(
          event.native,
          "nearest",
          { intersect: spec.kind !== "line" },
          true,
        );
        if (hit) onClick(hit.datasetIndex, hit.index);
      },
      plugins: {
        legend: {
          display: spec.series.length > 1,
          position: "bottom",
          align: "start",
          labels: { color: theme.ink, font, boxWidth: 10, boxHeight: 10, padding: 12 },
        },
        tooltip: {
          backgroundColor: theme.raised,
          titleColor: theme.ink,
          bodyColor: theme.ink,
          borderColor: theme.line,
          borderWidth: 1,
          cornerRadius: 6,
          padding: 8,
          titleFont: { ...font, weight: 600 },
          bodyFont: font,
          callbacks: {
            label: ({ dataset: { label }, dataIndex, datasetIndex }) => {
              // From our own description: what Chart.js has parsed may be a sum.
              const value = spec.series[datasetIndex]?.values[dataIndex];
              const text = value == null ? "\u2013" : exactNumber(value, spec.unit);
              return label ? ` ${label}: ${text}` : ` ${text}`;
            },
          },
        },
      },
    };
  }
}

function kindOf(spec: ChartSpec): Kind {
  return spec.kind === "line" ? "line" : "bar";
}

function dataset(
  spec: ChartSpec,
  series: Series,
  theme: Theme,
): ChartDataset<Kind, (number | null)[]> {
  const colour = theme.colour(series.token);
  const common = { label: series.name, data: series.values, backgroundColor: colour };
  if (spec.kind === "line") {
    return {
      ...common,
      borderColor: colour,
      borderWidth: 2,
      pointRadius: spec.labels.length > 40 ? 0 : 2,
      pointHoverRadius: 4,
      pointBackgroundColor: colour,
      tension: 0,
    };
  }
  return {
    ...common,
    // A seam in the colour of the page keeps neighbours in a stack apart without colour.
    borderColor: theme.surface,
    borderWidth: spec.kind === "stacked" ? 1 : 0,
    borderSkipped: false,
    maxBarThickness: 28,
  };
}

type Axis = NonNullable<NonNullable<ChartOptions<Kind>["scales"]>[string]>;

function labelAxis(spec: ChartSpec, theme: Theme): Axis {
  return {
    type: "category",
    stacked: spec.kind === "stacked",
    border: { color: theme.line },
    grid: { display: false },
    ticks: {
      color: theme.inkQuiet,
      font: { family: theme.font, size: theme.fontSize },
      autoSkip: true,
      maxRotation: 0,
    },
  };
}

function valueAxis(spec: ChartSpec, theme: Theme): Axis {
  return {
    type: spec.logScale ? "logarithmic" : "linear",
    stacked: spec.kind === "stacked",
    beginAtZero: true,
    border: { display: false },
    grid: { color: theme.line, drawTicks: false },
    ticks: {
      color: theme.inkQuiet,
      font: { family: theme.font, size: theme.fontSize },
      padding: 6,
      maxTicksLimit: 6,
      callback: (value: number | string) => shortNumber(Number(value), spec.unit),
    },
  };
}
