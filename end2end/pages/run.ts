import { expect, type Page } from "@playwright/test";
import { numberIn } from "../fixtures/amend";

export class RunNewPage {
  constructor(private readonly page: Page) {}

  async batchSize(rows: number): Promise<void> {
    const batch = this.page.getByTestId("batch");
    await batch.fill(String(rows));
    await batch.blur();
    await expect(this.page).toHaveURL(new RegExp(`batch=${rows}\\b`));
  }

  async planned(): Promise<number> {
    const planned = this.page.getByTestId("plan-to-change");
    await expect(planned).toHaveText(/\d/, { timeout: 60_000 });
    return numberIn(await planned.textContent());
  }

  /** Starts the run and gives its id. */
  async start(): Promise<string> {
    const start = this.page.getByTestId("start-run");
    await expect(start).toBeEnabled({ timeout: 60_000 });
    await start.click();
    await expect(this.page).toHaveURL(/\/runs\/r-[0-9a-z]+$/);
    return this.page.url().split("/").pop() ?? "";
  }
}

export class RunPage {
  constructor(private readonly page: Page) {}

  async open(id: string): Promise<void> {
    await this.page.goto(`/runs/${id}`);
  }

  /** Collects the values that the bar takes from now on. */
  async watchBar(): Promise<void> {
    await this.page.getByTestId("run-progress").first().waitFor();
    await this.page.evaluate(() => {
      const seen: string[] = [];
      (window as unknown as { barValues: string[] }).barValues = seen;
      const look = (): void => {
        const bar = document.querySelector('[data-testid="run-progress"]');
        const now = bar?.getAttribute("aria-valuenow");
        if (now && !seen.includes(now)) seen.push(now);
      };
      look();
      new MutationObserver(look).observe(document.body, { subtree: true, attributes: true, childList: true });
    });
  }

  async barValues(): Promise<string[]> {
    return this.page.evaluate(() => (window as unknown as { barValues: string[] }).barValues);
  }

  async expectState(state: string, timeout = 120_000): Promise<void> {
    await expect(this.page.getByTestId("run-state")).toHaveText(state, { timeout });
  }

  async pauseOrResume(name: "Pause" | "Resume"): Promise<void> {
    const button = this.page.getByTestId("pause-resume");
    await expect(button).toContainText(name);
    await expect(button).toHaveAttribute("aria-disabled", "false");
    await button.click();
  }

  async setPace(percent: number): Promise<void> {
    await this.page.getByTestId("pace").fill(String(percent));
  }

  async changed(): Promise<number> {
    return numberIn(await this.page.getByTestId("run-changed").textContent());
  }

  async expectProved(): Promise<void> {
    await expect(this.page.getByTestId("validation-result")).toHaveText("passed");
  }
}
