// The whole job in the browser: sign in, look, preview, run, watch, prove, roll back.

import { expect, hydrated, numberIn, test } from "../fixtures/amend";
import { PreviewPage } from "../pages/preview";
import { RollbackPage } from "../pages/rollback";
import { RunNewPage, RunPage } from "../pages/run";

test("a table is corrected, proved and put back exactly as it was", async ({ signedIn: page, database }) => {
  test.setTimeout(600_000);
  const before = database.digest("market_data", "id");
  const counts = database.counts();
  const correctable = counts.missing + counts.mismatched + counts.variant;

  await test.step("the analysis agrees with plain SQL", async () => {
    await page.goto("/");
    await hydrated(page);
    await page.getByTestId("analyze").first().click();
    for (const [finding, rows] of Object.entries(counts)) {
      const shown = page.getByTestId(`count-${finding}`);
      await expect.poll(async () => numberIn(await shown.textContent()), { message: finding, timeout: 60_000 }).toBe(rows);
    }
  });

  const preview = new PreviewPage(page);
  await test.step("the preview counts what the run will change", async () => {
    await preview.open();
    await preview.overwrite();
    await expect.poll(() => preview.count(), { timeout: 60_000 }).toBe(correctable);
    expect(await preview.rows().count()).toBeGreaterThan(10);
  });

  let frames = 0;
  page.on("websocket", (socket) => socket.on("framereceived", () => (frames += 1)));

  const run = new RunPage(page);
  let id = "";
  await test.step("the run moves the bar over the websocket and is proved", async () => {
    await preview.goToRun();
    await page.reload();
    await hydrated(page);
    const panel = new RunNewPage(page);
    await panel.batchSize(2000);
    await expect.poll(() => panel.planned(), { timeout: 60_000 }).toBe(correctable);
    id = await panel.start();
    await run.watchBar();
    await run.expectState("succeeded", 300_000);
    expect((await run.barValues()).length, "values that the bar took").toBeGreaterThanOrEqual(5);
    expect(frames, "frames over the websocket").toBeGreaterThanOrEqual(5);
    expect(await run.changed()).toBe(correctable);
    await run.expectProved();
  });

  await test.step("the table holds what the run says", async () => {
    const after = database.counts();
    expect(after).toEqual({ ...counts, correct: counts.correct + correctable, missing: 0, mismatched: 0, variant: 0 });
    expect(database.journalRows(id)).toBe(correctable);
  });

  await test.step("the rollback restores every byte", async () => {
    const wizard = new RollbackPage(page);
    await wizard.open(id);
    expect(await wizard.restorable()).toBe(correctable);
    await wizard.rollBack(id, "browser test");
    await run.expectState("succeeded", 300_000);
    await run.expectProved();
    expect(database.digest("market_data", "id")).toEqual(before);
  });
});
