//! From what a request presents to who it is.

use std::sync::Arc;

use amend_domain::{Caller, Door, Role};
use amend_engine::{
    clock::Clock,
    store::{SessionRecord, Store, StoreError},
};
use axum::http::{HeaderMap, header};
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Semaphore, broadcast};

use super::{
    area::Area,
    attempts::Attempts,
    secrets::{self, hash_token, new_session_token},
};

/// The session's cookie.
pub const COOKIE: &str = "amend_session";

/// How long a session lasts, from sign-in, whatever is done with it.
pub const SESSION_HOURS: i64 = 12;

/// Passwords checked at the same time. Each takes 19 MiB and a core.
const CHECKS: usize = 2;

/// What a request shows as its right to be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Presented {
    Bearer(String),
    Cookie(String),
    Nothing,
}

impl Presented {
    /// An `Authorization` header has the only word when there is one: a wrong token is not made
    /// good by a cookie.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token =
                value.to_str().ok().and_then(|v| v.split_once(' ')).filter(|(s, _)| s.eq_ignore_ascii_case("bearer"));
            return Self::Bearer(token.map_or("", |(_, t)| t.trim()).to_owned());
        }
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, value)| *name == COOKIE && !value.is_empty())
            .map_or(Self::Nothing, |(_, value)| Self::Cookie(value.to_owned()))
    }
}

/// By what somebody is signed in, so that a long connection can ask again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    Session { hash: String, expires_at: DateTime<Utc> },
    Token { hash: String },
}

/// Stands in the extensions of every request that has a caller, beside the [`Caller`] itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub caller: Caller,
    pub proof: Proof,
}

/// Sign-in, shared by all requests.
pub struct Auth {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) attempts: Attempts,
    checks: Semaphore,
    /// Checked against when there is no such user, so that the answer takes as long.
    nobody: String,
    /// Hashes of sessions that ended before their time.
    ended: broadcast::Sender<String>,
}

impl Auth {
    /// Takes some tens of milliseconds: it hashes a password.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let nobody = secrets::hash_password(&secrets::new_password())
            .map_err(|e| anyhow::anyhow!("cannot hash a password: {e}"))?;
        let (ended, _) = broadcast::channel(64);
        Ok(Self { store, clock, attempts: Attempts::default(), checks: Semaphore::new(CHECKS), nobody, ended })
    }

    /// Who presents this; `None` for nobody we know.
    pub(super) async fn identify(&self, presented: &Presented, area: Area) -> Result<Option<SignedIn>, StoreError> {
        let now = self.clock.now();
        Ok(match presented {
            Presented::Nothing => None,
            Presented::Cookie(token) => {
                let hash = hash_token(token);
                self.store.session(&hash, now).await?.map(|session| SignedIn {
                    caller: Caller { name: session.user, role: session.role, door: area.door() },
                    proof: Proof::Session { hash, expires_at: session.expires_at },
                })
            }
            Presented::Bearer(token) => {
                let hash = hash_token(token);
                self.store.token(&hash, now).await?.map(|record| SignedIn {
                    caller: Caller { name: format!("token:{}", record.name), role: record.role, door: Door::Rest },
                    proof: Proof::Token { hash },
                })
            }
        })
    }

    /// Whether a proof from before still holds.
    ///
    /// # Errors
    /// Trouble with the database.
    pub async fn still_holds(&self, proof: &Proof) -> Result<bool, StoreError> {
        let now = self.clock.now();
        Ok(match proof {
            Proof::Session { hash, .. } => self.store.session(hash, now).await?.is_some(),
            Proof::Token { hash } => self.store.token(hash, now).await?.is_some(),
        })
    }

    /// Sessions that people of this process end, by hash.
    #[must_use]
    pub fn ended(&self) -> broadcast::Receiver<String> {
        self.ended.subscribe()
    }

    /// Time left of a proof; `None` for one that does not end by itself.
    #[must_use]
    pub fn time_left(&self, proof: &Proof) -> Option<std::time::Duration> {
        match proof {
            Proof::Session { expires_at, .. } => Some((*expires_at - self.clock.now()).to_std().unwrap_or_default()),
            Proof::Token { .. } => None,
        }
    }

    /// The role of whoever has this name and password. Takes as long for a name that nobody has.
    pub(super) async fn check_password(&self, name: &str, password: &str) -> anyhow::Result<Option<Role>> {
        let user = self.store.user(name).await?;
        let stored = user.as_ref().map_or_else(|| self.nobody.clone(), |u| u.password_hash.clone());
        let password = password.to_owned();
        let _place = self.checks.acquire().await?;
        let right = tokio::task::spawn_blocking(move || secrets::verify_password(&password, &stored))
            .await?
            .map_err(|e| anyhow::anyhow!("the stored hash of {name:?} cannot be read: {e}"))?;
        Ok(user.filter(|_| right).map(|u| u.role))
    }

    /// Opens a session and gives its secret. A session that the browser had before ends.
    pub(super) async fn open(&self, user: &str, role: Role, old: &Presented) -> Result<String, StoreError> {
        self.close(old).await?;
        let now = self.clock.now();
        self.store.delete_expired_sessions(now).await?;
        let token = new_session_token();
        self.store
            .create_session(&SessionRecord {
                token_hash: hash_token(&token),
                user: user.to_owned(),
                role,
                created_at: now,
                expires_at: now + TimeDelta::hours(SESSION_HOURS),
            })
            .await?;
        Ok(token)
    }

    /// Ends the session that is presented, if there is one, and whatever hangs on it.
    pub(super) async fn close(&self, presented: &Presented) -> Result<(), StoreError> {
        if let Presented::Cookie(token) = presented {
            let hash = hash_token(token);
            self.store.delete_session(&hash).await?;
            // Without listeners there is nothing to close.
            drop(self.ended.send(hash));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(headers: &[(header::HeaderName, &str)]) -> Presented {
        Presented::of(&headers.iter().map(|(k, v)| (k.clone(), v.parse().unwrap())).collect())
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let found = presented(&[(header::COOKIE, "a=1; amend_session=xyz; b=2")]);
        assert_eq!(found, Presented::Cookie("xyz".into()));
        assert_eq!(presented(&[(header::COOKIE, "xamend_session=1")]), Presented::Nothing);
        assert_eq!(presented(&[(header::COOKIE, "amend_session=")]), Presented::Nothing);
    }

    #[test]
    fn an_authorization_header_has_the_only_word() {
        let cookie = (header::COOKIE, "amend_session=xyz");
        let bearer = presented(&[cookie.clone(), (header::AUTHORIZATION, "bearer amd_1")]);
        assert_eq!(bearer, Presented::Bearer("amd_1".into()));
        let basic = presented(&[cookie, (header::AUTHORIZATION, "Basic abc")]);
        assert_eq!(basic, Presented::Bearer(String::new()));
    }
}
