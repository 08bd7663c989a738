import { expect, type Locator, type Page } from "@playwright/test";

export class UnresolvedPage {
  constructor(private readonly page: Page) {}

  /** The symbol of the first row that is listed. */
  async firstSymbol(): Promise<string> {
    return (await this.page.getByTestId("unresolved-row").first().locator("td").first().textContent()) ?? "";
  }

  row(symbol: string): Locator {
    const cell = this.page.getByRole("cell", { name: symbol, exact: true });
    return this.page.getByTestId("unresolved-row").filter({ has: cell });
  }

  assigned(symbol: string): Locator {
    const cell = this.page.getByRole("cell", { name: symbol, exact: true });
    return this.page.getByTestId("assigned-row").filter({ has: cell });
  }

  /** What the dialog says will happen. */
  async says(): Promise<string> {
    const says = this.page.getByTestId("settle-says");
    await expect(says).toBeVisible();
    return (await says.textContent()) ?? "";
  }

  async confirm(): Promise<void> {
    await this.page.getByTestId("settle-confirm").click();
    await expect(this.page.getByTestId("settle-dialog")).toBeHidden();
  }

  async takeBack(symbol: string): Promise<void> {
    await this.assigned(symbol).getByTestId("take-back").click();
    expect(await this.says()).toContain("unresolved again");
    await this.confirm();
    await expect(this.assigned(symbol)).toHaveCount(0);
    await expect(this.row(symbol)).toHaveCount(1);
  }
}
