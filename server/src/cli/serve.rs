use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use amend_domain::{Caller, Door, Problem, Role, RuleSlug};
use amend_engine::Engine;
use clap::Args;
use serde_json::json;

use super::{
    Exit,
    context::Context,
    demo,
    output::{self, Format},
};
use crate::{
    auth::{NewUser, PasswordOrigin, ensure_first_user},
    demo::{Demo, Spec, Symbols},
    http::{ServeOptions, serve},
    open::{Missing, told, without_password},
};

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Where to listen; port 0 takes a free one [AMEND_ADDR, or the file; otherwise 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT")]
    pub addr: Option<String>,
    /// Fill the database with demonstration data when the two tables have no rows
    #[arg(
        long,
        value_name = "ROWS",
        num_args = 0..=1,
        default_missing_value = "100000",
        value_parser = clap::value_parser!(u64).range(1..=Spec::MAX_ROWS)
    )]
    demo_if_empty: Option<u64>,
}

pub async fn command(context: Context, args: ServeArgs) -> anyhow::Result<Exit> {
    let addr = address(&context.config.server.addr)?;
    let engine = context.engine(Missing::Create).await?;
    if let Some(rows) = args.demo_if_empty {
        fill_when_empty(&engine, rows).await?;
    }
    for (rule, problem) in context.save_rules(&engine).await? {
        tracing::warn!(%rule, "a rule of the settings file does not fit: {problem}");
    }
    let user = ensure_first_user(engine.store(), engine.clock()).await?;
    let format = context.format();
    let database = without_password(&context.config.database.url);
    let said = Arc::new(AtomicBool::new(false));
    let (fresh, ready) = (user.clone(), Arc::clone(&said));
    let options = ServeOptions::new(addr, engine).on_ready(move |addr| {
        match say_ready(format, addr, &database, fresh.as_ref()) {
            Ok(()) => ready.store(true, Ordering::Release),
            Err(error) => tracing::warn!("{error:#}"),
        }
    });
    let ended = serve(options).await;
    if user.is_some() && !said.load(Ordering::Acquire) {
        // The account is made, and nobody would learn its password at the next start.
        eprintln!("{}", sign_in(user.as_ref()));
    }
    ended.map(|()| Exit::Done)
}

fn address(text: &str) -> Result<SocketAddr, Problem> {
    let resolved = text.to_socket_addrs().ok().and_then(|mut all| all.next());
    resolved.ok_or_else(|| Problem::field("addr", "must be an address and a port, such as 127.0.0.1:8080"))
}

async fn fill_when_empty(engine: &Engine, rows: u64) -> Result<(), Problem> {
    if engine.store().bulk_tables_filled().await.map_err(|e| told(&e))? {
        return Ok(());
    }
    let symbols = Symbols::Invented(Spec::usual_symbols(rows));
    let demo_data = Demo::new(Spec { rows, symbols, seed: demo::SEED, bad_share: demo::BAD_SHARE })?;
    let filled = demo::write(engine, demo_data).await?;
    tracing::info!("{}", demo::told(&filled));
    // A first look, so that the first page has something to show.
    if let Some(rule) = engine.ensure_default_rule().await? {
        first_look(engine, &rule.slug).await?;
    }
    Ok(())
}

async fn first_look(engine: &Engine, slug: &RuleSlug) -> Result<(), Problem> {
    let system = Caller { name: "amend".into(), role: Role::Admin, door: Door::System };
    engine.analyze(&system, slug).await.map(drop)
}

fn say_ready(format: Format, addr: SocketAddr, database: &str, user: Option<&NewUser>) -> anyhow::Result<()> {
    let url = format!("http://{addr}");
    let fresh = user.filter(|u| u.origin == PasswordOrigin::Random);
    if format == Format::Json {
        return output::line(
            &json!({
                "url": url,
                "database": database,
                "user": fresh.map(|u| &u.name),
                "password": fresh.map(|u| &u.password),
            })
            .to_string(),
        );
    }
    output::line(&format!("Amend listens on {url} over {database}\n{}", sign_in(user)))
}

fn sign_in(user: Option<&NewUser>) -> String {
    match user {
        Some(user) if user.origin == PasswordOrigin::Random => format!(
            "Sign in as {} with the password {}\nIt is shown once; `amend user set-password {}` sets another.",
            user.name, user.password, user.name
        ),
        Some(user) => format!("Sign in as {} with the password from AMEND_ADMIN_PASSWORD.", user.name),
        None => "Sign in with your account; `amend user set-password admin` sets a new password.".to_owned(),
    }
}
