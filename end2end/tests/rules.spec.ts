// Making a rule by pointing at tables, changing it, and being told what keeps it from working.

import { expect, hydrated, test } from "../fixtures/amend";
import type { Database } from "../fixtures/database";
import { RulesPage, RuleWizard } from "../pages/rules";

/** Rows of `Wizard Trades` whose currency is not the instrument's. */
const WRONG = 7;

/** Two tables that have nothing to do with the demonstration: a composite key, names to be quoted. */
function tables(database: Database): void {
  database.execute('DROP TABLE IF EXISTS "Wizard Trades"');
  database.execute('DROP TABLE IF EXISTS "Wizard Instruments"');
  database.execute(
    'CREATE TABLE "Wizard Trades" ("Desk" text NOT NULL, "No" integer NOT NULL, "Isin" text, "Ccy" text, "Note" text, PRIMARY KEY ("Desk", "No"))',
  );
  database.execute('CREATE TABLE "Wizard Instruments" ("isin" text PRIMARY KEY, "ccy" text, "note" text)');
  database.execute(`INSERT INTO "Wizard Instruments" VALUES ('A', 'EUR', 'x'), ('B', 'USD', 'y')`);
  const rows = Array.from({ length: 40 }, (_, n) => {
    const wrong = n < WRONG ? "NULL" : n % 2 === 0 ? "'EUR'" : "'USD'";
    return `('d${n % 3}', ${n}, '${n % 2 === 0 ? "A" : "B"}', ${wrong}, 'n')`;
  });
  database.execute(`INSERT INTO "Wizard Trades" VALUES ${rows.join(", ")}`);
}

function forget(database: Database): void {
  const rule = database.kind === "sqlite" ? "amend_rule" : "amend.rule";
  database.execute(`DELETE FROM ${rule} WHERE slug LIKE 'wizard-%'`);
}

test.beforeEach(({ database }) => {
  forget(database);
  tables(database);
});

test.afterEach(({ database }) => {
  forget(database);
  database.execute('DROP TABLE IF EXISTS "Wizard Trades"');
  database.execute('DROP TABLE IF EXISTS "Wizard Instruments"');
});

test("a second rule is made by choosing two tables, is listed, analysed and changed", async ({ signedIn: page }) => {
  const wizard = new RuleWizard(page);
  const list = new RulesPage(page);
  await page.goto("/rules");
  await hydrated(page);
  await page.getByTestId("new-rule").click();
  await expect(page.getByTestId("rule-verdict")).toHaveText("A new rule.");
  await expect(wizard.state).toHaveText("not complete");

  await wizard.choose("target-table", "Wizard Trades");
  await expect(wizard.key("Desk")).toBeChecked();
  await expect(wizard.key("No")).toBeChecked();
  await expect(wizard.key("Isin")).not.toBeChecked();
  await wizard.choose("reference-table", "Wizard Instruments");
  expect(await wizard.chosen("match-target-1")).toBe("Isin");
  expect(await wizard.chosen("match-reference-1")).toBe("isin");
  expect(await wizard.chosen("target-value")).toBe("Ccy");
  expect(await wizard.chosen("reference-value")).toBe("ccy");
  expect(await wizard.chosen("rule-slug")).toBe("wizard-trades-ccy");
  await page.getByTestId("take-values").click();
  await expect(page.getByTestId("allowed-values")).toHaveValue("EUR\nUSD");
  await wizard.write("rule-title", "Currency of trades");
  await expect(wizard.facts).toContainText("A run over all of it");
  await wizard.save();

  await expect(page).toHaveURL(/\/analysis\?rule=wizard-trades-ccy/);
  await expect(page.getByTestId("rule-picker")).toContainText("Currency of trades");
  await page.getByTestId("analyze-again").click();
  await expect(page.getByTestId("correctable")).toHaveText(String(WRONG));

  await page.goto("/rules");
  await hydrated(page);
  const row = list.row("wizard-trades-ccy");
  for (const text of ["Currency of trades", "Wizard Trades.Ccy", "Wizard Instruments.ccy", "Isin = isin", "Desk, No"]) {
    await expect(row).toContainText(text);
  }
  await expect(row).not.toContainText("never");
  await row.getByTestId("edit-rule").click();
  await expect(page.getByTestId("rule-slug")).toHaveAttribute("readonly", "");
  await wizard.write("rule-title", "Currency of all trades");
  await wizard.save();
  await page.goto("/rules");
  await expect(list.row("wizard-trades-ccy")).toContainText("Currency of all trades");

  await list.row("wizard-trades-ccy").getByTestId("edit-rule").click();
  await page.getByTestId("retire").click();
  await page.getByTestId("retire-confirm").click();
  await expect(list.row("wizard-trades-ccy")).toContainText("retired");
  await expect(page.getByTestId("rule-picker")).not.toContainText("Currency of all trades");
  await list.row("wizard-trades-ccy").getByTestId("edit-rule").click();
  await page.getByTestId("bring-back").click();
  await expect(list.row("wizard-trades-ccy")).not.toContainText("retired");
  await expect(page.getByTestId("rule-picker")).toContainText("Currency of all trades");
});

test("a rule that cannot work is refused at its field, and nothing is saved", async ({ signedIn: page }) => {
  const wizard = new RuleWizard(page);
  const list = new RulesPage(page);
  await page.goto("/rules");
  const before = await list.slugs();
  await wizard.open();
  await wizard.choose("target-table", "Wizard Trades");
  await wizard.choose("reference-table", "Wizard Instruments");
  await expect(wizard.state).toHaveText("fits");

  await wizard.choose("target-value", "Isin");
  await wizard.expectRefused("target-value", /not be one of .*match.*Isin finds the reference row/);
  await wizard.choose("target-value", "Ccy");
  await expect(wizard.state).toHaveText("fits");
  await expect(wizard.below("target-value")).not.toHaveClass(/bad/);

  await wizard.key("No").uncheck();
  await wizard.expectRefused("target-key", /\(Desk\) is not a unique key.*\(Desk, No\)/);
  await wizard.key("No").check();
  await wizard.choose("match-target-1", "No");
  await expect(wizard.state).toHaveText("fits");
  await wizard.choose("target-value", "Note");
  await wizard.choose("reference-value", "isin");
  await wizard.expectRefused("reference-value", /not be one of .*match.*isin finds the reference row/);
  await wizard.choose("reference-value", "note");
  await wizard.write("rule-slug", "Not A Slug");
  await wizard.expectRefused("rule-slug", /a-z, 0-9/);
  await wizard.write("rule-slug", before[0] ?? "");
  await wizard.expectRefused("rule-slug", /which the rule .* has/);

  await page.goto("/rules");
  expect(await list.slugs()).toEqual(before);
});
