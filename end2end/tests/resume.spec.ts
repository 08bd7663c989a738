import { expect, password, test, USER } from "../fixtures/amend";
import { Server } from "../fixtures/server";
import { LoginPage } from "../pages/login";
import { RunNewPage, RunPage } from "../pages/run";

test("a run goes on by itself after its server was killed, and ends right @once", async ({ page }) => {
  test.setTimeout(180_000);
  const server = new Server();
  try {
    server.command("demo", "--rows", "60000");
    const counts = server.database.counts();
    await server.start();

    await page.goto(`${server.address}/login?next=/runs/new%3Fmode=overwrite%26batch=5`);
    await new LoginPage(page).signIn(USER, password());
    const panel = new RunNewPage(page);
    const id = await panel.start();
    await expect.poll(() => server.database.journalRows(id), { timeout: 30_000, intervals: [50] }).toBeGreaterThan(100);
    await server.kill();
    const journalled = server.database.journalRows(id);
    const correctable = counts.missing + counts.mismatched + counts.variant;
    expect(journalled, "it was killed in the middle").toBeLessThan(correctable);

    await server.start();
    const run = new RunPage(page);
    await page.goto(`${server.address}/runs/${id}`);
    await run.expectState("succeeded", 120_000);
    await run.expectProved();
    expect(await run.changed()).toBe(correctable);
    expect(server.database.journalRows(id)).toBe(correctable);
    await expect(page.getByTestId("run-log")).toContainText("Taken over");
  } finally {
    await server.stop();
  }
});
