//! The rollback wizard as the server writes it.

mod support;

use amend_domain::{Backup, Caller, Door, Mode, Role, RuleSlug, RunId, RunOptions};
use reqwest::{Method, header};
use support::{CORRECTABLE, PASSWORD, ROWS, Site};

on_both!(a_snapshot_is_a_choice_where_there_is_one, without_a_journal_the_snapshot_is_all_there_is);

async fn run(site: &Site, backup: Backup) -> RunId {
    let options = RunOptions { mode: Mode::Overwrite, backup, ..RunOptions::default() };
    let who = Caller { name: "op".into(), role: Role::Operator, door: Door::CommandLine };
    let run = site.engine.start_run(&who, &RuleSlug::default_rule(), options, None).await.unwrap();
    let run = site.engine.wait(&run.run_id, None).await.unwrap();
    assert_eq!(run.changed, CORRECTABLE);
    run.run_id
}

async fn session(site: &Site) -> String {
    site.account("ada", Role::Operator).await;
    let set = site.submit_sign_in("ada", PASSWORD, "/").await.header("set-cookie").to_owned();
    set.split(';').next().unwrap().to_owned()
}

async fn page(site: &Site, session: &str, path: &str) -> String {
    let reply = site.send(site.request(Method::GET, path).header(header::COOKIE, session)).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.text
}

/// The input of a choice, as far as its end.
fn choice<'a>(page: &'a str, test_id: &str) -> Option<&'a str> {
    page.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap_or_default()).find(|i| i.contains(test_id))
}

async fn a_snapshot_is_a_choice_where_there_is_one(site: &Site) {
    let session = session(site).await;
    let with = run(site, Backup::Snapshot).await;
    let copy = site.engine.store().backups(Some(&with)).await.unwrap().remove(0).name;
    let first = page(site, &session, &format!("/rollback/{with}")).await;
    assert!(first.contains(&copy), "the choice names the copy");
    assert!(choice(&first, "from-journal").unwrap().contains("checked"));
    assert!(!choice(&first, "from-snapshot").unwrap().contains("checked"));
    let second = page(site, &session, &format!("/rollback/{with}?from=snapshot&step=include")).await;
    assert!(choice(&second, "from-snapshot").unwrap().contains("checked"));
    assert!(second.contains(&format!("{} rows in the snapshot of the run", thousands(ROWS))), "{second}");
    assert!(!second.contains("rollback-pair"), "a snapshot knows no pairs");

    let who = Caller { name: "op".into(), role: Role::Operator, door: Door::CommandLine };
    let back = site.engine.start_rollback(&who, &with, amend_domain::RollbackOptions::default()).await.unwrap();
    site.engine.wait(&back.run_id, None).await.unwrap();
    let without = run(site, Backup::Journal).await;
    let plain = page(site, &session, &format!("/rollback/{without}")).await;
    assert!(choice(&plain, "from-journal").is_none() && plain.contains("count-restorable"));
}

async fn without_a_journal_the_snapshot_is_all_there_is(site: &Site) {
    let session = session(site).await;
    let id = run(site, Backup::Snapshot).await;
    let store = site.engine.store();
    assert!(store.mark_purged(&id, site.engine.clock().now()).await.unwrap());
    while store.purge_journal(&id, 50).await.unwrap() > 0 {}
    let page = page(site, &session, &format!("/rollback/{id}")).await;
    assert!(choice(&page, "from-journal").is_none());
    assert!(choice(&page, "from-snapshot").unwrap().contains("checked"));
    assert!(page.contains("nothing tells which values it wrote"), "{page}");
}

fn thousands(n: i64) -> String {
    format!("{},{:03}", n / 1_000, n % 1_000)
}
