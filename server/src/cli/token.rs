use amend_domain::{Act, ErrorCode, Problem, Role};
use amend_engine::{Engine, store::TokenRecord};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Subcommand;
use serde::Serialize;
use serde_json::json;

use super::{
    Exit,
    context::Context,
    output::{self, Format, Rows},
    text::time,
};
use crate::{
    auth::{hash_token, new_bearer_token},
    open::{Missing, told},
};

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token; it is shown once
    Create {
        /// What it may do
        #[arg(long, value_parser = role)]
        role: Role,
        /// A name to revoke it by [default: the role and a few random letters]
        #[arg(long, value_parser = name)]
        name: Option<String>,
        /// Days until it expires [default: never]
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
        expires: Option<u16>,
    },
    /// List tokens, without their secrets
    List,
    /// Make a token useless, at once
    Revoke { name: String },
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "must be viewer, operator or admin".to_owned())
}

fn name(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    if fits { Ok(text.to_owned()) } else { Err("must be 1 to 64 letters, digits, '-', '_' or '.'".to_owned()) }
}

/// A token without its secret.
#[derive(Serialize)]
struct Listed {
    name: String,
    role: Role,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
}

impl From<TokenRecord> for Listed {
    fn from(record: TokenRecord) -> Self {
        Self { name: record.name, role: record.role, created_at: record.created_at, expires_at: record.expires_at }
    }
}

pub async fn command(context: Context, args: TokenCommand) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    engine.permit(&context.who, Act::ManagePeople)?;
    match args {
        TokenCommand::Create { role, name, expires } => create(&context, &engine, role, name, expires).await,
        TokenCommand::List => list(&context, &engine).await,
        TokenCommand::Revoke { name } => revoke(&context, &engine, &name).await,
    }
}

async fn create(
    context: &Context,
    engine: &Engine,
    role: Role,
    name: Option<String>,
    expires: Option<u16>,
) -> anyhow::Result<Exit> {
    let now = engine.clock().now();
    let name = name.unwrap_or_else(|| format!("{role}-{:06x}", rand::random::<u32>() & 0xff_ffff));
    let secret = new_bearer_token();
    let record = TokenRecord {
        name: name.clone(),
        token_hash: hash_token(&secret),
        role,
        created_at: now,
        expires_at: expires.map(|days| now + TimeDelta::days(i64::from(days))),
    };
    let detail = json!({ "role": role, "expires_at": record.expires_at });
    engine.audit(&context.who, "create_token", &name, "done", detail).await?;
    if !engine.store().create_token(&record).await.map_err(|e| told(&e))? {
        return Err(Problem::field("name", "is taken by another token")
            .advice("Choose another, or revoke that one first: amend token revoke NAME")
            .into());
    }
    match context.format() {
        Format::Json => output::json(&json!({
            "name": name, "role": role, "token": secret, "created_at": record.created_at, "expires_at": record.expires_at,
        }))?,
        Format::Csv | Format::Table => {
            eprintln!("Token {name}, role {role}. It is shown once; send it as `Authorization: Bearer TOKEN`.");
            output::line(&secret)?;
        }
    }
    Ok(Exit::Done)
}

async fn list(context: &Context, engine: &Engine) -> anyhow::Result<Exit> {
    let tokens: Vec<Listed> =
        engine.store().tokens().await.map_err(|e| told(&e))?.into_iter().map(Listed::from).collect();
    let mut rows = Rows::new(&["name", "role", "created_at", "expires_at"]);
    for token in &tokens {
        let expires = token.expires_at.map_or_else(|| "never".to_owned(), time);
        rows.push(vec![token.name.clone(), token.role.to_string(), time(token.created_at), expires]);
    }
    match context.format() {
        Format::Json => output::json(&tokens)?,
        Format::Csv => rows.csv()?,
        Format::Table if tokens.is_empty() => output::line("There are no tokens.")?,
        Format::Table => output::print(&rows.table())?,
    }
    Ok(Exit::Done)
}

async fn revoke(context: &Context, engine: &Engine, name: &str) -> anyhow::Result<Exit> {
    engine.audit(&context.who, "revoke_token", name, "done", json!(null)).await?;
    if !engine.store().delete_token(name).await.map_err(|e| told(&e))? {
        return Err(Problem::new(ErrorCode::NotFound, format!("There is no token {name}."))
            .advice("`amend token list` shows them.")
            .into());
    }
    if context.format() == Format::Json {
        output::json(&json!({ "revoked": name }))?;
    } else {
        output::line(&format!("Token {name} is revoked."))?;
    }
    Ok(Exit::Done)
}
