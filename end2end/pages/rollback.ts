import { expect, type Page } from "@playwright/test";
import { hydrated, numberIn } from "../fixtures/amend";

export class RollbackPage {
  constructor(private readonly page: Page) {}

  async open(id: string): Promise<void> {
    await this.page.goto(`/rollback/${id}`);
    await hydrated(this.page);
  }

  async restorable(): Promise<number> {
    const count = this.page.getByTestId("count-restorable");
    await expect(count).toHaveText(/\d/, { timeout: 60_000 });
    return numberIn(await count.textContent());
  }

  /** Through the three steps; gives the id of the rollback's run. */
  async rollBack(id: string, reason: string): Promise<string> {
    await this.page.getByTestId("rollback-next").click();
    await this.page.getByTestId("rollback-next").click();
    await this.page.getByTestId("rollback-reason").fill(reason);
    await this.page.getByTestId("rollback-confirm").fill(id);
    await this.page.getByTestId("rollback-start").click();
    await expect(this.page).toHaveURL(/\/runs\/b-[0-9a-z]+$/);
    return this.page.url().split("/").pop() ?? "";
  }
}
