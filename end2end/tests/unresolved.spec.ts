// Deciding what the reference cannot, and taking it back.

import { expect, hydrated, numberIn, test } from "../fixtures/amend";
import { UnresolvedPage } from "../pages/unresolved";

test("an ambiguous symbol is decided by a suggestion and taken back", async ({ signedIn: page, database }) => {
  await page.goto("/unresolved?finding=ambiguous");
  await hydrated(page);
  const queue = new UnresolvedPage(page);
  const symbol = await queue.firstSymbol();
  const rows = database.number(`SELECT count(*) FROM market_data WHERE symbol = '${symbol}'`);
  await queue.row(symbol).getByTestId("suggestion").first().click();
  const says = await queue.says();
  expect(says).toContain("should be");
  expect(numberIn(says)).toBe(rows);
  await queue.confirm();
  await expect(queue.row(symbol)).toHaveCount(0);
  await expect(queue.assigned(symbol)).toContainText("in force");
  await expect(queue.assigned(symbol)).toContainText("admin");
  await queue.takeBack(symbol);
});

test("an orphan is assigned to a symbol that is typed, and nothing else is taken", async ({ signedIn: page, database }) => {
  await page.goto("/unresolved?finding=orphan");
  await hydrated(page);
  const queue = new UnresolvedPage(page);
  const symbol = await queue.firstSymbol();
  const known = database.query(
    "SELECT ticker FROM symbols WHERE asset_class = 'STOCK' AND ticker NOT IN " +
      "(SELECT ticker FROM symbols WHERE asset_class IS NULL OR asset_class <> 'STOCK') ORDER BY ticker LIMIT 1",
  )[0]?.[0];
  await queue.row(symbol).getByTestId("decide").click();
  await expect(page.getByTestId("settle-confirm")).toHaveAttribute("aria-disabled", "true");
  await page.getByTestId("settle-text").fill("no such symbol");
  await page.getByTestId("settle-look").click();
  await expect(page.getByTestId("settle-dialog").getByTestId("error-box")).toBeVisible();
  await expect(page.getByTestId("settle-confirm")).toHaveAttribute("aria-disabled", "true");
  await page.getByTestId("settle-text").fill(known ?? "");
  await page.getByTestId("settle-text").press("Enter");
  expect(await queue.says()).toContain("should be STOCK");
  await queue.confirm();
  await expect(queue.assigned(symbol)).toContainText(`as ${known}`);
  await queue.takeBack(symbol);
});
