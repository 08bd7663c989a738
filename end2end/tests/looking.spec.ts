// Looking changes nothing: analysis, preview, unresolved, lists.

import { USER, expect, hydrated, numberIn, password, test } from "../fixtures/amend";
import { LoginPage } from "../pages/login";
import { PreviewPage } from "../pages/preview";

test("the analysis draws at least three charts and each has a table behind it", async ({ signedIn: page }) => {
  await page.goto("/analysis");
  await hydrated(page);
  await expect.poll(() => page.locator("canvas").count()).toBeGreaterThanOrEqual(3);
  const charts = await page.locator("canvas").count();
  expect(await page.locator("figure:has(canvas) table").count()).toBe(charts);
});

test("a cell of the matrix leads to exactly its rows in the preview", async ({ signedIn: page }) => {
  await page.goto("/analysis");
  await hydrated(page);
  const cell = page.getByTestId("matrix-cell").first();
  const rows = numberIn(await cell.textContent());
  await cell.click();
  const narrowed = page.getByTestId("narrowed-preview");
  await narrowed.click();
  await expect(page).toHaveURL(/\/preview\?/);
  await expect.poll(() => new PreviewPage(page).count(), { timeout: 60_000 }).toBe(rows);
});

test("the preview scrolls on through pages of rows", async ({ signedIn: page }) => {
  const preview = new PreviewPage(page);
  await preview.open("?mode=overwrite");
  await expect(preview.rows().first()).toBeVisible();
  const before = await preview.rows().first().getAttribute("aria-rowindex");
  await page.getByTestId("grid").evaluate((grid) => grid.scrollTo({ top: 32 * 1500 }));
  await expect.poll(async () => preview.rows().first().getAttribute("aria-rowindex"), { timeout: 30_000 }).not.toBe(before);
  await expect(preview.rows().nth(5)).toContainText(/\d{4}-\d{2}-\d{2}/);
});

test("the export holds exactly the rows of the filter", async ({ signedIn: page, database }) => {
  const preview = new PreviewPage(page);
  await preview.open("?finding=variant");
  const shown = await preview.count();
  expect(shown).toBe(database.counts().variant);
  const href = await page.getByTestId("export-csv").getAttribute("href");
  const answer = await page.request.get(href ?? "");
  expect(answer.ok()).toBe(true);
  const lines = (await answer.text()).trimEnd().split("\n");
  expect(lines.length - 1).toBe(shown);
});

test("the unresolved list counts what plain SQL counts", async ({ signedIn: page, database }) => {
  await page.goto("/unresolved");
  const { orphan, ambiguous, unresolvable } = database.counts();
  // A pass over a million rows: how long it takes is no matter of this test.
  await expect(page.getByTestId("unresolved-row").first()).toBeVisible({ timeout: 60_000 });
  const listed = numberIn(await page.getByTestId("unresolved-count").textContent());
  const all = orphan + ambiguous + unresolvable;
  // The list ends at a number of symbols, and its headline then says "At least".
  const capped = (await page.locator("h1").textContent())?.startsWith("At least");
  if (capped) expect(listed).toBeLessThan(all);
  else expect(listed).toBe(all);
});

test("a page that is not there says so with status 404", async ({ signedIn: page }) => {
  const answer = await page.goto("/no-such-page");
  expect(answer?.status()).toBe(404);
  await expect(page.getByTestId("not-found")).toBeVisible();
});

test("the keyboard goes to pages and switches the theme, but not while typing", async ({ signedIn: page }) => {
  await page.goto("/");
  await hydrated(page);
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await expect(page).toHaveURL(/\/runs$/);
  const theme = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  const before = await theme();
  await page.keyboard.press("t");
  await expect.poll(theme).not.toBe(before);
  await page.keyboard.press("/");
  await page.keyboard.type("t");
  await expect(page.getByTestId("jump")).toHaveValue("t");
});

test("a page whose code does not come says so, and comes when it is loaded anew", async ({ browser, baseURL }) => {
  // A page of its own, because what fails here is written to the console.
  const page = await browser.newPage({ baseURL });
  const login = new LoginPage(page);
  await login.open();
  await login.signIn(USER, password());
  await hydrated(page);
  const parts: string[] = [];
  await page.route("**/pkg/*/split_findings.wasm", (route) => {
    parts.push(route.request().url());
    return route.abort();
  });
  await page.locator("nav").getByRole("link", { name: "Analysis" }).click();
  await expect(page.getByTestId("error-box")).toHaveAttribute("data-code", "UNREACHABLE");
  expect(parts.length).toBeGreaterThan(0);
  await page.unroute("**/pkg/*/split_findings.wasm");
  await page.getByTestId("load-anew").click();
  await hydrated(page);
  await expect(page.getByTestId("error-box")).toHaveCount(0);
  await expect(page.getByRole("button", { name: /^Analyse/ })).toBeVisible();
  await page.close();
});

test("a visit loads the code of the page it begins with, and other code when it goes there", async ({ signedIn: page }) => {
  const loaded: string[] = [];
  page.on("request", (request) => {
    const part = /\/split_(\w+)\.wasm$/.exec(request.url());
    if (part) loaded.push(part[1] ?? "");
  });
  await page.goto("/runs");
  await hydrated(page);
  expect([...new Set(loaded)]).toEqual(["watch"]);
  await page.locator("nav").getByRole("link", { name: "Unresolved" }).click();
  await expect(page.getByTestId("unresolved-row").first()).toBeVisible({ timeout: 60_000 });
  expect([...new Set(loaded)]).toEqual(["watch", "findings"]);
});

test("nothing is fetched from elsewhere", async ({ signedIn: page, baseURL }) => {
  const elsewhere: string[] = [];
  page.on("request", (request) => {
    const url = request.url();
    if (/^https?:/.test(url) && !url.startsWith(baseURL ?? "")) elsewhere.push(url);
  });
  for (const path of ["/", "/analysis", "/preview", "/runs", "/unresolved"]) {
    await page.goto(path);
    await hydrated(page);
  }
  expect(elsewhere).toEqual([]);
});
