//! `amend prevent`: what stands in the table so that the fault is not made again.

use amend_domain::{CheckState, PreventionChoice, PreventionKind, PreventionStatus, Problem};
use clap::{Args, Subcommand};

use super::{
    Exit,
    context::{Context, RuleArg},
    output::{self, Format, Rows},
    text::{grouped, time},
};

#[derive(Debug, Subcommand)]
pub enum PreventCommand {
    /// Install a trigger that fills or refuses wrong values as they are written
    On(OnArgs),
    /// Take everything off the table again
    Off(OffArgs),
    /// Say whether it is on, and how often it acted
    Status(StatusArgs),
}

#[derive(Debug, Args)]
pub struct OnArgs {
    #[command(flatten)]
    rule: RuleArg,
    /// fill: a missing value becomes the reference's; refuse: only the reference's value is taken
    #[arg(long, value_name = "fill|refuse", default_value = "fill", value_parser = kind)]
    kind: PreventionKind,
    /// Also add a CHECK of the rule's allowed values (PostgreSQL)
    #[arg(long)]
    check: bool,
    /// Print the statements and do nothing
    #[arg(long)]
    show_sql: bool,
}

#[derive(Debug, Args)]
pub struct OffArgs {
    #[command(flatten)]
    rule: RuleArg,
    /// Print the statements and do nothing
    #[arg(long)]
    show_sql: bool,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    rule: RuleArg,
}

fn kind(text: &str) -> Result<PreventionKind, Problem> {
    PreventionKind::parse(text)
}

pub async fn command(context: Context, command: PreventCommand) -> anyhow::Result<Exit> {
    match command {
        PreventCommand::On(args) => on(context, args).await,
        PreventCommand::Off(args) => off(context, args).await,
        PreventCommand::Status(args) => {
            let (engine, slug) = context.rule(&args.rule).await?;
            answer(&context, &engine.prevention_status(&context.who, &slug).await?)
        }
    }
}

async fn on(context: Context, args: OnArgs) -> anyhow::Result<Exit> {
    let (engine, slug) = context.rule(&args.rule).await?;
    let choice = PreventionChoice { kind: args.kind, check: args.check };
    if args.show_sql {
        return script(&context, &engine.prevention_sql(&context.who, &slug, choice).await?);
    }
    answer(&context, &engine.prevention_on(&context.who, &slug, choice).await?)
}

async fn off(context: Context, args: OffArgs) -> anyhow::Result<Exit> {
    let (engine, slug) = context.rule(&args.rule).await?;
    if args.show_sql {
        return script(&context, &engine.prevention_off_sql(&context.who, &slug).await?);
    }
    engine.prevention_off(&context.who, &slug).await?;
    answer(&context, &engine.prevention_status(&context.who, &slug).await?)
}

fn script(context: &Context, statements: &[String]) -> anyhow::Result<Exit> {
    match context.format() {
        Format::Json => output::json(&statements)?,
        Format::Csv | Format::Table => {
            for statement in statements {
                output::line(&format!("{statement};"))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn answer(context: &Context, status: &PreventionStatus) -> anyhow::Result<Exit> {
    match context.format() {
        Format::Json => output::json(status)?,
        Format::Csv => rows(status, false).csv()?,
        Format::Table => {
            output::print(&rows(status, true).table())?;
            if let Some(trouble) = &status.trouble {
                output::line(trouble)?;
            }
        }
    }
    Ok(Exit::Done)
}

fn rows(status: &PreventionStatus, for_people: bool) -> Rows {
    let mut rows = Rows::new(&["rule", "prevention", "kind", "check", "acted", "since", "by"]).right(&[4]);
    let acted = match (status.acted, status.kind) {
        (Some(n), _) if for_people => grouped(n),
        (Some(n), _) => n.to_string(),
        (None, Some(_)) if for_people => "not known".into(),
        (None, _) => String::new(),
    };
    rows.push(vec![
        status.rule.to_string(),
        if status.on { "on".into() } else { "off".into() },
        status.kind.map_or_else(String::new, |k| k.as_str().into()),
        status.check.map_or_else(String::new, |c| CheckState::as_str(c).into()),
        acted,
        status.since.map(time).unwrap_or_default(),
        status.installed_by.clone().unwrap_or_default(),
    ]);
    rows
}
