import { expect, password, test, USER } from "../fixtures/amend";
import { LoginPage } from "../pages/login";

test("a stranger is led to the sign-in and, once signed in, to where they wanted to go", async ({ page }) => {
  await page.goto("/runs");
  await expect(page).toHaveURL(/\/login\?next=/);
  await new LoginPage(page).signIn(USER, password());
  await expect(page).toHaveURL(/\/runs$/);
  await expect(page.getByTestId("signed-in-as")).toContainText(USER);
});

test("a wrong password is refused in words that do not tell whether the user exists", async ({ page }) => {
  const login = new LoginPage(page);
  const texts: (string | null)[] = [];
  for (const name of [USER, "nobody-by-this-name"]) {
    await login.open();
    await login.signIn(name, "certainly not it");
    const error = page.getByTestId("login-error");
    await expect(error).toBeVisible();
    texts.push(await error.textContent());
  }
  expect(texts[0]).toBe(texts[1]);
});

test("signing out ends the session on the server", async ({ signedIn: page }) => {
  await page.goto("/");
  await page.getByTestId("sign-out").click();
  await expect(page).toHaveURL(/\/login/);
  await page.goto("/runs");
  await expect(page).toHaveURL(/\/login\?next=/);
});
