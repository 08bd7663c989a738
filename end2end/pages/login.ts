import { expect, type Page } from "@playwright/test";

export class LoginPage {
  constructor(private readonly page: Page) {}

  async open(): Promise<void> {
    await this.page.goto("/login");
    await expect(this.page.getByTestId("sign-in")).toBeVisible();
  }

  async signIn(name: string, password: string): Promise<void> {
    await this.page.locator('input[name="name"]').fill(name);
    await this.page.locator('input[name="password"]').fill(password);
    await this.page.getByTestId("sign-in").click();
  }
}
