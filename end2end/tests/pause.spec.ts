import { expect, hydrated, test } from "../fixtures/amend";
import { RunNewPage, RunPage } from "../pages/run";

test("a run is paused, held by its pace, and resumed to its proven end", async ({ signedIn: page, database }) => {
  test.setTimeout(300_000);
  await page.goto("/runs/new?mode=overwrite&batch=50&max=20000");
  await hydrated(page);
  const id = await new RunNewPage(page).start();
  const run = new RunPage(page);
  await expect.poll(() => run.changed(), { timeout: 60_000 }).toBeGreaterThan(0);
  await run.pauseOrResume("Pause");
  await run.expectState("paused");
  const paused = database.journalRows(id);
  expect(paused).toBeGreaterThan(0);
  await expect(page.getByTestId("run-held")).toContainText("Paused");

  // Nothing moves while it is paused, in the database as on the page.
  await page.waitForTimeout(1_000);
  expect(database.journalRows(id)).toBe(paused);
  await run.setPace(0);
  await expect(page.getByTestId("pace-words")).toHaveText("0 %: held");
  await run.pauseOrResume("Resume");
  await run.expectState("running");
  await expect(page.getByTestId("run-held")).toHaveText("Held: The operator's pace is 0 %.");
  expect(database.journalRows(id)).toBe(paused);

  // The history does not wait for the run to move again.
  await expect(page.getByTestId("run-log")).toContainText("Held: the operator's pace is 0 %");

  await run.setPace(100);
  await run.expectState("succeeded");
  await run.expectProved();
  expect(await run.changed()).toBe(database.journalRows(id));
  await expect(page.getByTestId("pace")).toHaveCount(0);
  for (const entry of ["asked to pause", "resumed it", "Held: the operator's pace is 0 %", "No longer held"]) {
    await expect(page.getByTestId("run-log")).toContainText(entry);
  }
});
