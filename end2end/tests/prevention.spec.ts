import { expect, hydrated, numberIn, test } from "../fixtures/amend";

test("prevention shows its statements, fills what is written wrong, says so, and is taken off", async ({
  signedIn: page,
  database,
}) => {
  // A symbol that the reference decides: a row of it that is right.
  const [symbol, id] = database.query(
    "SELECT m.symbol, CAST(m.id AS text) FROM market_data m JOIN symbols s ON s.ticker = m.symbol " +
      "WHERE s.asset_class = m.asset_class AND (SELECT count(*) FROM symbols o WHERE o.ticker = m.symbol) = 1 LIMIT 1",
  )[0] as [string, string];
  const blank = `UPDATE market_data SET asset_class = NULL WHERE symbol = '${symbol}' AND CAST(id AS text) = '${id}'`;
  const value = `SELECT asset_class FROM market_data WHERE CAST(id AS text) = '${id}'`;
  const right = database.query(value)[0]?.[0];

  await page.goto("/prevention");
  await hydrated(page);
  await expect(page.getByTestId("prevention-state")).toHaveText("off");
  await expect(page.getByTestId("prevention-sql")).toContainText("CREATE TRIGGER");
  await page.getByTestId("prevention-refuse").check();
  await expect(page.getByTestId("prevention-sql")).toContainText(/RAISE/);
  await page.getByTestId("prevention-fill").check();
  await expect(page.getByTestId("prevention-sql")).not.toContainText(/RAISE (EXCEPTION|\(ABORT)/);
  if (database.kind === "sqlite") await expect(page.getByTestId("prevention-check")).toBeDisabled();

  await page.getByTestId("prevention-on").click();
  await expect(page.getByTestId("prevention-state")).toHaveText("on");
  await expect(page.getByTestId("prevention-verdict")).toContainText("are filled");
  database.execute(blank);
  expect(database.query(value)[0]?.[0]).toBe(right);
  await page.reload();
  await hydrated(page);
  expect(numberIn(await page.getByTestId("prevention-acted").textContent())).toBe(1);

  await page.goto("/analysis");
  await hydrated(page);
  await expect(page.getByTestId("prevention-line")).toContainText("acted 1 time");
  await page.getByTestId("prevention-line").click();

  await page.getByTestId("prevention-off").click();
  await expect(page.getByTestId("prevention-off-dialog")).toContainText("DROP TRIGGER");
  await page.getByTestId("prevention-off-confirm").click();
  await expect(page.getByTestId("prevention-state")).toHaveText("off");
  database.execute(blank);
  expect(database.query(value)[0]?.[0]).toBeNull();
  database.execute(`UPDATE market_data SET asset_class = '${right}' WHERE CAST(id AS text) = '${id}'`);
});
