// Design tokens as Chart.js needs them: colours in full, a font family, the reader's numbers.

export interface Theme {
  ink: string;
  inkQuiet: string;
  line: string;
  surface: string;
  raised: string;
  font: string;
  fontSize: number;
  /** The colour of one series. */
  colour: (token: string) => string;
}

/**
 * Reads the tokens as they apply at `near`. A custom property comes back from the browser as it was
 * written, `light-dark(...)` included, so every colour goes through a real property of a hidden
 * element, which resolves it for the theme in force.
 */
export function withTheme<T>(near: HTMLElement, use: (theme: Theme) => T): T {
  const probe = document.createElement("span");
  probe.hidden = true;
  probe.style.fontFamily = "var(--font)";
  probe.style.fontSize = "var(--t-xs)";
  (near.parentElement ?? document.body).append(probe);
  const style = getComputedStyle(probe);
  const colour = (token: string): string => {
    probe.style.color = `var(${token})`;
    return style.color;
  };
  try {
    return use({
      ink: colour("--ink"),
      inkQuiet: colour("--ink-3"),
      line: colour("--line"),
      surface: colour("--surface"),
      raised: colour("--raised"),
      font: style.fontFamily,
      fontSize: Number.parseFloat(style.fontSize) || 12,
      colour,
    });
  } finally {
    probe.remove();
  }
}

const exact = new Intl.NumberFormat(undefined, { maximumFractionDigits: 6 });
const short = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

/** `1,234,567 rows`, `12.5 %`: every digit, for tooltips. */
export function exactNumber(value: number, unit: string | undefined): string {
  return withUnit(exact.format(value), unit);
}

/** `1.2M`: for axes, where room is short. */
export function shortNumber(value: number, unit: string | undefined): string {
  return withUnit(short.format(value), unit === "%" ? unit : undefined);
}

function withUnit(text: string, unit: string | undefined): string {
  if (!unit) return text;
  return unit === "%" ? `${text}%` : `${text}\u00a0${unit}`;
}
