// A picture of every page, both themes, three widths, in screenshots/, to be looked at.

import { mkdirSync } from "node:fs";
import { expect, hydrated, test } from "../fixtures/amend";
import { RunNewPage, RunPage } from "../pages/run";

const WIDTHS = [
  { name: "wide", width: 1440, height: 900 },
  { name: "medium", width: 1024, height: 768 },
  { name: "narrow", width: 390, height: 844 },
];

test("every page stands at three widths in both themes without scrolling sideways @once", async ({ signedIn: page }) => {
  test.setTimeout(600_000);
  mkdirSync("screenshots", { recursive: true });
  await page.goto("/runs/new?mode=fill&symbols=&max=5000");
  await hydrated(page);
  const id = await new RunNewPage(page).start();
  await new RunPage(page).expectState("succeeded");
  const pages: Record<string, string> = {
    overview: "/",
    analysis: "/analysis",
    preview: "/preview?mode=overwrite",
    "run-new": "/runs/new?mode=overwrite",
    runs: "/runs",
    run: `/runs/${id}`,
    rollback: `/rollback/${id}`,
    unresolved: "/unresolved",
    prevention: "/prevention",
    rules: "/rules",
    "rule-new": "/rules/new",
    "rule-edit": "/rules/asset-class-correction/edit",
    "not-found": "/no-such-page",
  };
  for (const theme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    for (const [name, path] of Object.entries(pages)) {
      for (const { name: size, width, height } of WIDTHS) {
        await page.setViewportSize({ width, height });
        await page.goto(path);
        await hydrated(page);
        if (name === "preview") await expect(page.getByTestId("preview-count")).toHaveText(/\d/, { timeout: 60_000 });
        if (name === "run-new") await expect(page.getByTestId("start-run")).toBeEnabled({ timeout: 60_000 });
        if (name === "rule-edit") await expect(page.getByTestId("check-state")).toHaveText("fits");
        const sideways = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        expect(sideways, `${name} at ${width} px scrolls sideways by`).toBeLessThanOrEqual(0);
        await page.screenshot({ path: `screenshots/${name}-${size}-${theme}.png` });
      }
    }
  }
  for (const theme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: theme });
    await page.context().clearCookies();
    for (const { name: size, width, height } of WIDTHS) {
      await page.setViewportSize({ width, height });
      await page.goto("/login");
      await page.screenshot({ path: `screenshots/login-${size}-${theme}.png` });
    }
  }
});
