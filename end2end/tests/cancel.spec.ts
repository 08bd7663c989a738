import { expect, hydrated, test } from "../fixtures/amend";
import { RollbackPage } from "../pages/rollback";
import { RunNewPage, RunPage } from "../pages/run";

test("a cancelled run keeps what it wrote, and that can be undone", async ({ signedIn: page, database }) => {
  test.setTimeout(300_000);
  const before = database.digest("market_data", "id");
  await page.goto("/runs/new?mode=overwrite&batch=20");
  await hydrated(page);
  const id = await new RunNewPage(page).start();
  const run = new RunPage(page);
  await expect.poll(() => run.changed(), { timeout: 60_000 }).toBeGreaterThan(0);
  await page.getByTestId("cancel-run").click();
  await page.getByTestId("confirm-cancel").click();
  await run.expectState("cancelled");
  const changed = await run.changed();
  expect(database.journalRows(id)).toBe(changed);

  const wizard = new RollbackPage(page);
  await wizard.open(id);
  expect(await wizard.restorable()).toBe(changed);
  await wizard.rollBack(id, "cancelled by a test");
  await run.expectState("succeeded");
  expect(database.digest("market_data", "id")).toEqual(before);
});
