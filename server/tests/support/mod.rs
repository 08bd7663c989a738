//! A whole server over a real database, reached through its door.
//!
//! Each test gets a database of its own, filled with [`ROWS`] rows of every finding, and a server on
//! a free port. What is asked goes over HTTP; what is checked beside that is plain SQL.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::{
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    time::Duration,
};

use amend_domain::Role;
use amend_engine::{
    Engine, EngineParts,
    store::{BulkRows, MarketDataRow, Store, SymbolRow, TokenRecord, UserRecord},
};
use amend_server::{
    auth,
    http::Server,
    open::{Missing, open},
};
use amend_store_testkit::backend::{Backend, postgres::PostgresBackend, sqlite::SqliteBackend};
use chrono::{DateTime, TimeDelta, Utc};
use futures::FutureExt;
use reqwest::{Client, Method, RequestBuilder, header, redirect};
use serde_json::Value;
use tokio::{sync::oneshot, task::JoinHandle};

/// Rows of `market_data`, an equal share for each of [`KINDS`].
pub const ROWS: i64 = 3_000;
/// Rows of one kind.
pub const EACH: i64 = ROWS / 10;
pub const ETL: &str = "/api/etl/asset-class-correction";
pub const PASSWORD: &str = "open-sesame-42";

/// `(symbol, value)`, by row number modulo ten. `AAA` is STOCK, `BBB` ETF, `DUP` two that disagree,
/// `BAD` one that is not allowed, and `NONE` is in no reference.
const KINDS: [(&str, Option<&str>); 10] = [
    ("AAA", Some("STOCK")),
    ("AAA", None),
    ("AAA", Some("")),
    ("BBB", None),
    ("BBB", Some("CRYPTO")),
    ("BBB", Some("etf")),
    ("BBB", Some("ETF")),
    ("DUP", None),
    ("BAD", None),
    ("NONE", Some("=STOCK")),
];

/// Rows without a value that the reference knows: three of the ten kinds.
pub const MISSING: i64 = 3 * EACH;
/// Rows that `overwrite` corrects: those, one mismatched, one variant.
pub const CORRECTABLE: i64 = 5 * EACH;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// A server, its database, and ways to speak to both.
pub struct Site {
    pub database: Database,
    pub addr: SocketAddr,
    pub engine: Engine,
    pub backend: Box<dyn Backend>,
    pub http: Client,
    stop: Mutex<Option<oneshot::Sender<()>>>,
    task: JoinHandle<anyhow::Result<()>>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: header::HeaderMap,
    pub text: String,
}

impl Reply {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e} in {} {}", self.status, self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The data of an envelope, which must be whole and a success with this status.
    #[track_caller]
    pub fn data(&self, status: u16) -> Value {
        let envelope = self.envelope(status);
        assert_eq!(envelope["success"], true, "{envelope:#}");
        assert_eq!(envelope["errorCode"], Value::Null, "{envelope:#}");
        envelope["data"].clone()
    }

    /// The envelope of a refusal with this status and code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        let envelope = self.envelope(status);
        assert_eq!(envelope["errorCode"], code, "{envelope:#}");
        assert_eq!(envelope["success"], false, "{envelope:#}");
        assert!(!envelope["errors"].as_array().unwrap().is_empty(), "{envelope:#}");
        envelope
    }

    /// The envelope, checked for its shape.
    #[track_caller]
    pub fn envelope(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        let envelope = self.json();
        let mut fields: Vec<_> = envelope.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            ["data", "errorCode", "errors", "message", "requestId", "statusCode", "success", "timestamp"]
        );
        assert_eq!(envelope["statusCode"], status);
        assert_eq!(envelope["requestId"], self.header("x-request-id"));
        let at = DateTime::parse_from_rfc3339(envelope["timestamp"].as_str().unwrap()).unwrap();
        assert_eq!(at.offset().local_minus_utc(), 0);
        envelope
    }
}

/// Runs a case over a fresh site and takes it down again, whatever comes.
pub async fn on(database: Database, case: impl AsyncFnOnce(&Site)) {
    let site = Site::start(database).await;
    let ended = AssertUnwindSafe(case(&site)).catch_unwind().await;
    site.finish().await;
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

/// Makes a test of each case, on both databases.
#[macro_export]
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                $crate::support::on($crate::support::Database::Sqlite, super::$case).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                $crate::support::on($crate::support::Database::Postgres, super::$case).await;
            })+
        }
    };
}

impl Site {
    pub async fn start(database: Database) -> Self {
        let backend: Box<dyn Backend> = match database {
            Database::Sqlite => Box::new(SqliteBackend::create().await.unwrap()),
            Database::Postgres => {
                assert!(
                    std::env::var_os("AMEND_TEST_POSTGRES").is_some(),
                    "AMEND_TEST_POSTGRES is not set: `cargo xtask test api` makes a throw-away cluster and sets it"
                );
                Box::new(PostgresBackend::create().await.unwrap())
            }
        };
        let store = open(&backend.url(), Missing::Create).await.unwrap();
        store.migrate().await.unwrap();
        fill(&store).await;
        let engine = Engine::new(EngineParts::system(store));
        engine.ensure_default_rule().await.unwrap().expect("a rule for the two tables");
        let server = Server::bind(SocketAddr::from(([127, 0, 0, 1], 0)), engine.clone()).await.unwrap();
        let addr = server.addr();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async move { stopped.await.unwrap_or_default() }));
        let http =
            Client::builder().redirect(redirect::Policy::none()).timeout(Duration::from_secs(60)).build().unwrap();
        Self { database, addr, engine, backend, http, stop: Mutex::new(Some(stop)), task }
    }

    /// What SIGTERM does.
    pub fn stop(&self) {
        if let Some(stop) = self.stop.lock().unwrap().take() {
            stop.send(()).expect("the server still listens for its end");
        }
    }

    async fn finish(self) {
        self.stop();
        let served = self.task.await.expect("the server did not panic");
        served.expect("the server ended well");
        self.backend.destroy().await.expect("the database can be removed");
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// The origin that this site's own pages have.
    pub fn origin(&self) -> String {
        self.url("")
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.url(path))
    }

    pub async fn send(&self, request: RequestBuilder) -> Reply {
        let response = request.send().await.expect("the server answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, text: response.text().await.expect("the answer is whole") }
    }

    /// A bearer token of this role.
    pub async fn token(&self, role: Role) -> String {
        let token = auth::new_bearer_token();
        let record = TokenRecord {
            name: format!("{}-{}", role.as_str(), &token[4..12]),
            token_hash: auth::hash_token(&token),
            role,
            created_at: self.engine.clock().now(),
            expires_at: None,
        };
        assert!(self.engine.store().create_token(&record).await.unwrap());
        token
    }

    pub async fn get(&self, role: Role, path: &str) -> Reply {
        let token = self.token(role).await;
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub async fn post(&self, role: Role, path: &str, body: &Value) -> Reply {
        let token = self.token(role).await;
        self.send(self.request(Method::POST, path).bearer_auth(token).json(body)).await
    }

    /// Posts and waits for the run to be over.
    pub async fn post_and_wait(&self, path: &str, body: &Value) -> Reply {
        let token = self.token(Role::Operator).await;
        let request = self.request(Method::POST, path).bearer_auth(token).header("prefer", "wait=60");
        self.send(request.json(body)).await
    }

    /// An account of this role with [`PASSWORD`].
    pub async fn account(&self, name: &str, role: Role) {
        let user = UserRecord {
            name: name.into(),
            password_hash: auth::hash_password(PASSWORD).unwrap(),
            role,
            created_at: self.engine.clock().now(),
        };
        assert!(self.engine.store().create_user(&user).await.unwrap());
    }

    pub async fn submit_sign_in(&self, name: &str, password: &str, next: &str) -> Reply {
        let form = [("name", name), ("password", password), ("next", next)];
        let request = self.request(Method::POST, "/auth/sign-in").header(header::ORIGIN, self.origin());
        self.send(request.form(&form)).await
    }

    /// Signs in as a new account and gives the cookie as a browser would send it.
    pub async fn cookie(&self, name: &str, role: Role) -> String {
        self.account(name, role).await;
        let reply = self.submit_sign_in(name, PASSWORD, "/").await;
        assert_eq!(reply.status, 303, "{}", reply.text);
        let cookie = reply.header("set-cookie");
        cookie.split(';').next().expect("a cookie").to_owned()
    }

    /// The one number that a query gives.
    /// Plain SQL, as another program would write it.
    pub async fn execute(&self, sql: &str) {
        self.backend.execute(sql).await.unwrap();
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let rows = self.backend.query_rows(sql).await.unwrap();
        rows[0][0].as_deref().expect("a number").parse().unwrap()
    }
}

/// The two tables of the replaced system, with every kind of finding.
async fn fill(store: &Arc<dyn Store>) {
    let mut writer = store.begin_bulk().await.unwrap();
    let symbols = [
        ("AAA", "X1", Some("STOCK")),
        ("BBB", "X1", Some("ETF")),
        ("DUP", "X1", Some("STOCK")),
        ("DUP", "X2", Some("ETF")),
        ("BAD", "X1", Some("POTATO")),
        ("IDLE", "X1", Some("BOND")),
    ];
    let symbols = symbols.iter().enumerate().map(|(n, (ticker, venue, class))| SymbolRow {
        id: format!("00000000-0000-4000-9000-{n:012}"),
        ticker: (*ticker).into(),
        venue: Some((*venue).into()),
        asset_class: class.map(Into::into),
        ..SymbolRow::default()
    });
    writer.write(BulkRows::Symbols(symbols.collect())).await.unwrap();
    let begun: DateTime<Utc> = DateTime::from_timestamp(1_750_000_000, 0).unwrap();
    let rows = (0..ROWS).map(|n| {
        let (symbol, value) = KINDS[usize::try_from(n % 10).unwrap()];
        MarketDataRow {
            id: format!("00000000-0000-4000-8000-{n:012}"),
            symbol: symbol.into(),
            timeframe: if n % 2 == 0 { "1m" } else { "1h" }.into(),
            timestamp: begun + TimeDelta::minutes(n),
            open: "1.5".into(),
            high: "2".into(),
            low: "1".into(),
            close: "1.75".into(),
            volume: "100".into(),
            asset_class: value.map(Into::into),
        }
    });
    writer.write(BulkRows::MarketData(rows.collect())).await.unwrap();
    writer.commit().await.unwrap();
}
