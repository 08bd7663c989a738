// Browser tests of the released program. Run by `cargo xtask test e2e`, which builds it, starts one
// server over SQLite and one over PostgreSQL on fresh demonstration data, and says in the
// environment where they are:
//
//   AMEND_E2E_SQLITE, AMEND_E2E_POSTGRES                    addresses of the two servers
//   AMEND_E2E_SQLITE_DATABASE, AMEND_E2E_POSTGRES_DATABASE  their databases
//   AMEND_ADMIN_PASSWORD                                    the operator's password on both
//   AMEND_CHROMIUM                                          the browser
//   AMEND_PROBE                                             plain SQL on either database
//   AMEND_BIN                                               the program, for tests that start it
//   AMEND_TEST_POSTGRES                                     a cluster to make databases in
//   AMEND_TEST_SYMBOLS                                      a list of symbols, where there is one
//
// Every test runs once over each database. One that need not (a look at the design, say) carries
// the tag @once and runs over SQLite alone.

import { defineConfig } from "@playwright/test";

function environment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set; start the tests with: cargo xtask test e2e`);
  return value;
}

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  // The tests of one server share its data, and the machine may have two cores.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  forbidOnly: Boolean(process.env["CI"]),
  reporter: "list",
  use: {
    viewport: { width: 1440, height: 900 },
    locale: "en-GB",
    timezoneId: "UTC",
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: environment("AMEND_CHROMIUM"),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
  projects: [
    { name: "sqlite", use: { baseURL: environment("AMEND_E2E_SQLITE") } },
    {
      name: "postgres",
      grepInvert: /@once/,
      use: { baseURL: environment("AMEND_E2E_POSTGRES") },
    },
  ],
});
