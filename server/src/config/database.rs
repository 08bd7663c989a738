use serde::{Deserialize, Serialize};

/// `[database]`: where the two tables lie.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `AMEND_DATABASE_URL`, flag `--database`. `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/NAME`.
    /// Default `sqlite://amend-data/amend.db`, below the folder that the program is started in.
    pub url: String,
}

impl Database {
    pub const DEFAULT_URL: &str = "sqlite://amend-data/amend.db";
}

impl Default for Database {
    fn default() -> Self {
        Self { url: Self::DEFAULT_URL.into() }
    }
}

/// Without the password.
impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("url", &crate::open::without_password(&self.url)).finish()
    }
}
