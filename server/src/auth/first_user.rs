//! The account that is there from the first start.

use std::sync::Arc;

use amend_domain::Role;
use amend_engine::{
    clock::Clock,
    store::{Store, UserRecord},
};
use anyhow::{Context, ensure};

use super::secrets::{hash_password, new_password};

/// The name of the first account.
pub const FIRST_USER: &str = "admin";

/// The shortest password that `AMEND_ADMIN_PASSWORD` may give.
const SHORTEST: usize = 8;

/// An account that was just made; its password is known here and now, and never again.
#[derive(Clone, PartialEq, Eq)]
pub struct NewUser {
    pub name: String,
    pub password: String,
    pub origin: PasswordOrigin,
}

/// Where the first password came from, so that one that the operator chose is not printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordOrigin {
    /// `AMEND_ADMIN_PASSWORD`.
    Environment,
    Random,
}

/// Makes the first account when there is none yet.
///
/// # Errors
/// A password in `AMEND_ADMIN_PASSWORD` that is too short; trouble with the database.
pub async fn ensure_first_user(store: &Arc<dyn Store>, clock: &Arc<dyn Clock>) -> anyhow::Result<Option<NewUser>> {
    if store.user_count().await.context("cannot count the accounts")? > 0 {
        return Ok(None);
    }
    let (password, origin) = match std::env::var("AMEND_ADMIN_PASSWORD") {
        Ok(given) => {
            ensure!(
                given.chars().count() >= SHORTEST,
                "AMEND_ADMIN_PASSWORD has fewer than {SHORTEST} characters; choose a longer one, or unset it for a random one"
            );
            (given, PasswordOrigin::Environment)
        }
        Err(std::env::VarError::NotPresent) => (new_password(), PasswordOrigin::Random),
        Err(std::env::VarError::NotUnicode(_)) => anyhow::bail!("AMEND_ADMIN_PASSWORD is not valid UTF-8"),
    };
    let user = UserRecord {
        name: FIRST_USER.into(),
        password_hash: hash_password(&password).map_err(|e| anyhow::anyhow!("cannot hash the password: {e}"))?,
        role: Role::Admin,
        created_at: clock.now(),
    };
    // False when another server was faster: then that one tells the password.
    let made = store.create_user(&user).await.context("cannot create the first account")?;
    Ok(made.then_some(NewUser { name: user.name, password, origin }))
}
