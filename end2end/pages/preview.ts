import { expect, type Page } from "@playwright/test";
import { hydrated, numberIn } from "../fixtures/amend";

export class PreviewPage {
  constructor(private readonly page: Page) {}

  async open(query = ""): Promise<void> {
    await this.page.goto(`/preview${query}`);
    await hydrated(this.page);
  }

  /** The exact number of rows, once it is counted. */
  async count(): Promise<number> {
    const count = this.page.getByTestId("preview-count");
    await expect(count).toHaveText(/\d/, { timeout: 60_000 });
    return numberIn(await count.textContent());
  }

  rows() {
    return this.page.getByTestId("preview-row");
  }

  async overwrite(): Promise<void> {
    await this.page.getByTestId("mode-overwrite").click();
    await expect(this.page).toHaveURL(/mode=overwrite/);
  }

  async goToRun(): Promise<void> {
    await this.page.getByTestId("go-run").click();
    await expect(this.page).toHaveURL(/\/runs\/new/);
  }
}
