import { expect, type Locator, type Page } from "@playwright/test";
import { hydrated } from "../fixtures/amend";

export class RulesPage {
  constructor(private readonly page: Page) {}

  row(slug: string): Locator {
    return this.page.locator(`[data-testid="rule-row"][data-rule="${slug}"]`);
  }

  async slugs(): Promise<string[]> {
    const rows = await this.page.getByTestId("rule-row").all();
    return Promise.all(rows.map(async (row) => (await row.getAttribute("data-rule")) ?? ""));
  }
}

export class RuleWizard {
  constructor(private readonly page: Page) {}

  async open(): Promise<void> {
    await this.page.goto("/rules/new");
    await hydrated(this.page);
  }

  async choose(field: string, what: string): Promise<void> {
    await this.page.getByTestId(field).selectOption(what);
  }

  chosen(field: string): Promise<string> {
    return this.page.getByTestId(field).inputValue();
  }

  async write(field: string, text: string): Promise<void> {
    await this.page.getByTestId(field).fill(text);
    await this.page.getByTestId(field).blur();
  }

  key(column: string): Locator {
    return this.page.getByTestId("target-key").getByRole("checkbox", { name: column, exact: true });
  }

  /** What stands below a field: a hint, or what is wrong with it. */
  below(field: string): Locator {
    return this.page.getByTestId(`${field}-says`);
  }

  get state(): Locator {
    return this.page.getByTestId("check-state");
  }

  get facts(): Locator {
    return this.page.getByTestId("check-facts");
  }

  async expectRefused(field: string, what: RegExp): Promise<void> {
    await expect(this.state).toHaveText("refused");
    await expect(this.below(field)).toHaveText(what);
    await expect(this.below(field)).toHaveClass(/bad/);
    await expect(this.page.getByTestId("rule-check")).toContainText(what);
    await expect(this.page.getByTestId("save-rule")).toHaveAttribute("aria-disabled", "true");
  }

  async save(): Promise<void> {
    await expect(this.state).toHaveText("fits");
    await this.page.getByTestId("save-rule").click();
  }
}
