//! Users, sessions, tokens, the audit log.

use amend_domain::Role;
use amend_engine::store::{AuditEntry, SessionRecord, TokenRecord, UserRecord};

use crate::{Fixture, bench::at};

fn user(name: &str) -> UserRecord {
    UserRecord {
        name: name.into(),
        password_hash: "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA".into(),
        role: Role::Operator,
        created_at: at(0),
    }
}

fn session(hash: &str, ends: i64) -> SessionRecord {
    SessionRecord {
        token_hash: hash.into(),
        user: "operator".into(),
        role: Role::Operator,
        created_at: at(0),
        expires_at: at(ends),
    }
}

fn token(name: &str, hash: &str, ends: Option<i64>) -> TokenRecord {
    TokenRecord {
        name: name.into(),
        token_hash: hash.into(),
        role: Role::Viewer,
        created_at: at(0),
        expires_at: ends.map(at),
    }
}

pub async fn users_are_created_once_and_read_back(f: &Fixture) -> anyhow::Result<()> {
    let store = f.store();
    assert_eq!((store.user_count().await?, store.user("operator").await?), (0, None));
    assert!(store.create_user(&user("operator")).await?);
    assert!(store.create_user(&UserRecord { role: Role::Admin, ..user("it's \"me\"") }).await?);
    let taken = UserRecord { password_hash: "another".into(), role: Role::Admin, ..user("operator") };
    assert!(!store.create_user(&taken).await?);
    assert_eq!(store.user("operator").await?, Some(user("operator")));
    assert_eq!(store.user("it's \"me\"").await?.map(|u| u.role), Some(Role::Admin));
    assert_eq!(store.user_count().await?, 2);
    Ok(())
}

pub async fn a_password_changes_for_its_user_alone(f: &Fixture) -> anyhow::Result<()> {
    let store = f.store();
    store.create_user(&user("one")).await?;
    store.create_user(&user("two")).await?;
    assert!(store.set_password("one", "new").await?);
    assert!(!store.set_password("nobody", "new").await?);
    assert_eq!(store.user("one").await?.map(|u| u.password_hash), Some("new".into()));
    assert_eq!(store.user("two").await?, Some(user("two")));
    Ok(())
}

pub async fn a_session_is_good_until_it_expires(f: &Fixture) -> anyhow::Result<()> {
    let store = f.store();
    store.create_user(&user("operator")).await?;
    store.create_session(&session("abc", 100)).await?;
    assert_eq!(store.session("abc", at(99)).await?, Some(session("abc", 100)));
    assert_eq!(store.session("abc", at(101)).await?, None);
    assert_eq!(store.session("ABC", at(1)).await?, None);
    Ok(())
}

pub async fn a_session_ends_when_it_is_deleted(f: &Fixture) -> anyhow::Result<()> {
    let store = f.store();
    store.create_user(&user("operator")).await?;
    store.create_session(&session("abc", 100)).await?;
    store.create_session(&session("def", 100)).await?;
    assert!(store.delete_session("abc").await?);
    assert!(!store.delete_session("abc").await?);
    assert_eq!(store.session("abc", at(1)).await?, None);
    assert!(store.session("def", at(1)).await?.is_some());
    Ok(())
}

pub async fn expired_sessions_are_swept_and_others_kept(f: &Fixture) -> anyhow::Result<()> {
    let store = f.store();
    store.create_user(&user("operator")).await?;
    for (hash, ends) in [("a", 10), ("b", 20), ("c", 30), ("d", 40)] {
        store.create_session(&session(hash, ends)).await?;
    }
    assert_eq!(store.delete_expired_sessions(at(25)).await?, 2);
    assert_eq!(store.delete_expired_sessions(at(25)).await?, 0);
    // Even asked at a time when they were good: they are gone.
    assert_eq!(store.session("a", at(1)).await?, None);
    assert!(store.session("c", at(25)).await?.is_some());
    Ok(())
}

pub async fn a_token_is_found_by_its_hash_until_it_expires(f: &Fixture) -> anyhow::Result<()> {
    let store = f.store();
    assert!(store.create_token(&token("for ever", "aaa", None)).await?);
    assert!(store.create_token(&token("for a while", "bbb", Some(100))).await?);
    assert!(!store.create_token(&token("for ever", "ccc", None)).await?);
    assert_eq!(store.token("aaa", at(1_000_000)).await?, Some(token("for ever", "aaa", None)));
    assert_eq!(store.token("bbb", at(99)).await?, Some(token("for a while", "bbb", Some(100))));
    assert_eq!(store.token("bbb", at(101)).await?, None);
    assert_eq!(store.token("ccc", at(1)).await?, None);
    Ok(())
}

pub async fn tokens_are_listed_and_deleted_by_name(f: &Fixture) -> anyhow::Result<()> {
    let store = f.store();
    for (name, hash) in [("one", "aaa"), ("two", "bbb"), ("three", "ccc")] {
        store.create_token(&token(name, hash, Some(5))).await?;
    }
    let mut names: Vec<_> = store.tokens().await?.into_iter().map(|t| t.name).collect();
    names.sort();
    assert_eq!(names, ["one", "three", "two"]);
    assert!(store.delete_token("two").await?);
    assert!(!store.delete_token("two").await?);
    assert_eq!((store.tokens().await?.len(), store.token("bbb", at(1)).await?), (2, None));
    Ok(())
}

pub async fn the_audit_log_is_read_newest_first(f: &Fixture) -> anyhow::Result<()> {
    let entry = |n: i64| AuditEntry {
        // Two entries a second: the order of writing decides.
        at: at(n / 2),
        who: "token:it's me".into(),
        role: Role::Admin,
        door: "rest".into(),
        act: "run".into(),
        object: format!("r-{n}"),
        outcome: "refused: OPERATION_IN_PROGRESS".into(),
        detail: "{\"why\":\"quote \\\" and 東京\"}".into(),
    };
    for n in 0..9 {
        f.store().append_audit(&entry(n)).await?;
    }
    let newest: Vec<_> = (0..9).rev().map(entry).collect();
    assert_eq!(f.store().audit(100).await?, newest);
    assert_eq!(f.store().audit(4).await?, newest[..4]);
    Ok(())
}
