//! `amend unresolved`, `assign`, `unassign`, `assignments`: deciding what the reference cannot.

use amend_domain::{
    AssignmentEffect, AssignmentView, Decision, Matches, RuleSlug, Standing, WorkItem,
    assignment::{read_matches, symbol_of},
};
use amend_engine::Engine;
use clap::Args;

use super::{
    Exit,
    context::{Context, RuleArg},
    output::{self, Format, Rows},
    text::{self, grouped, time, value},
};

#[derive(Debug, Args)]
pub struct UnresolvedArgs {
    #[command(flatten)]
    rule: RuleArg,
    /// Symbols at most, those with most rows first
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

#[derive(Debug, Args)]
pub struct AssignArgs {
    #[command(flatten)]
    rule: RuleArg,
    /// The symbol as the rows have it; of several match columns a JSON array of texts
    #[arg(value_name = "MATCH")]
    symbol: String,
    #[command(flatten)]
    decision: DecisionArgs,
    /// Say what it would do, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct DecisionArgs {
    /// It is another spelling of this symbol: its rows get what the reference says for that one
    #[arg(long = "as", value_name = "OTHER")]
    other: Option<String>,
    /// This one of the values that the reference gives for it
    #[arg(long)]
    value: Option<String>,
}

#[derive(Debug, Args)]
pub struct UnassignArgs {
    #[command(flatten)]
    rule: RuleArg,
    /// The symbol whose assignment is taken back
    #[arg(value_name = "MATCH")]
    symbol: String,
}

#[derive(Debug, Args)]
pub struct AssignmentsArgs {
    #[command(flatten)]
    rule: RuleArg,
}

pub async fn unresolved(context: Context, args: UnresolvedArgs) -> anyhow::Result<Exit> {
    let (engine, slug) = context.rule(&args.rule).await?;
    let items = engine.unresolved_work(&context.who, &slug, args.limit).await?;
    match context.format() {
        Format::Json => output::json(&items)?,
        Format::Csv => plain(&items).csv()?,
        Format::Table if items.is_empty() => output::line("The reference and what is assigned decide every symbol.")?,
        Format::Table => {
            output::print(&short(&items).table())?;
            output::line("To accept a suggestion: amend assign SYMBOL --as OTHER, or --value V")?;
        }
    }
    Ok(Exit::Done)
}

pub async fn assign(context: Context, args: AssignArgs) -> anyhow::Result<Exit> {
    let (engine, slug) = context.rule(&args.rule).await?;
    let width = width(&context, &engine, &slug).await?;
    let matches = read_matches("match", &args.symbol, width)?;
    let decision = match (args.decision.other, args.decision.value) {
        (Some(other), _) => Decision::As(read_matches("as", &other, width)?),
        // The parser asks for one of the two.
        (None, value) => Decision::Value(value.unwrap_or_default()),
    };
    let effect = if args.dry_run {
        engine.assignment_effect(&context.who, &slug, &matches, &decision).await?
    } else {
        engine.assign(&context.who, &slug, matches, decision).await?
    };
    match context.format() {
        Format::Json => output::json(&effect)?,
        Format::Csv => effects(&effect).csv()?,
        Format::Table => {
            output::print(&effects(&effect).table())?;
            output::line(if args.dry_run { "Nothing was assigned." } else { "Assigned. The next run goes by it." })?;
        }
    }
    Ok(Exit::Done)
}

/// Answers with what is assigned still.
pub async fn unassign(context: Context, args: UnassignArgs) -> anyhow::Result<Exit> {
    let (engine, slug) = context.rule(&args.rule).await?;
    let matches = read_matches("match", &args.symbol, width(&context, &engine, &slug).await?)?;
    engine.unassign(&context.who, &slug, &matches).await?;
    if context.format() == Format::Table {
        let symbol = symbol_of(&matches);
        return output::line(&format!(
            "What was assigned for {symbol} is taken back. What runs wrote because of it stays until they are rolled back."
        ))
        .map(|()| Exit::Done);
    }
    list(&context, &engine.assignments(&context.who, &slug).await?)
}

pub async fn assignments(context: Context, args: AssignmentsArgs) -> anyhow::Result<Exit> {
    let (engine, slug) = context.rule(&args.rule).await?;
    list(&context, &engine.assignments(&context.who, &slug).await?)
}

async fn width(context: &Context, engine: &Engine, slug: &RuleSlug) -> anyhow::Result<usize> {
    Ok(engine.rule(&context.who, slug).await?.target.matches.len())
}

/// A decision as the flags of `amend assign`.
fn flags(decision: &Decision) -> String {
    match decision {
        Decision::As(other) => format!("--as {}", shown(other)),
        Decision::Value(chosen) => format!("--value {}", value(Some(chosen))),
    }
}

fn shown(matches: &Matches) -> String {
    match matches.as_slice() {
        [one] => value(Some(one)),
        several => serde_json::json!(several).to_string(),
    }
}

fn carried(item: &WorkItem) -> String {
    let carried = item.row.current.iter().take(2).map(|(now, n)| format!("{} {}", value(now.as_deref()), grouped(*n)));
    carried.collect::<Vec<_>>().join(", ")
}

fn short(items: &[WorkItem]) -> Rows {
    let mut table =
        Rows::new(&["symbol", "finding", "rows", "carry", "suggestion", "gives", "sure", "why"]).right(&[2, 6]);
    for item in items {
        let symbol = item.row.matches.as_ref().map_or_else(|| "null".into(), shown);
        let mut begin = vec![symbol, item.row.finding.as_str().into(), grouped(item.row.rows), carried(item)];
        if item.suggestions.is_empty() {
            begin.extend(["none".into(), String::new(), String::new(), String::new()]);
            table.push(begin);
            continue;
        }
        for suggestion in &item.suggestions {
            let mut line = std::mem::replace(&mut begin, vec![String::new(); 4]);
            line.extend([
                flags(&suggestion.decision),
                suggestion.value.clone(),
                suggestion.confidence.to_string(),
                suggestion.why.clone(),
            ]);
            table.push(line);
        }
    }
    table
}

fn plain(items: &[WorkItem]) -> Rows {
    let mut table = Rows::new(&["symbol", "finding", "rows", "as", "value", "confidence", "why"]);
    for item in items {
        let begin = [
            item.row.symbol.clone().unwrap_or_default(),
            item.row.finding.as_str().to_owned(),
            item.row.rows.to_string(),
        ];
        if item.suggestions.is_empty() {
            table.push([&begin[..], &vec![String::new(); 4]].concat());
        }
        for suggestion in &item.suggestions {
            let other = match &suggestion.decision {
                Decision::As(other) => symbol_of(other),
                Decision::Value(_) => String::new(),
            };
            let end = [other, suggestion.value.clone(), suggestion.confidence.to_string(), suggestion.why.clone()];
            table.push([&begin[..], &end[..]].concat());
        }
    }
    table
}

fn effects(effect: &AssignmentEffect) -> Rows {
    let mut table =
        Rows::new(&["symbol", "decided", "gives", "rows", "carry it", "missing", "another value"]).right(&[3, 4, 5, 6]);
    table.push(vec![
        shown(&effect.matches),
        flags(&effect.decision),
        effect.value_now.clone(),
        grouped(effect.rows),
        grouped(effect.correct),
        grouped(effect.missing),
        grouped(effect.different),
    ]);
    table
}

fn list(context: &Context, views: &[AssignmentView]) -> anyhow::Result<Exit> {
    let mut table = Rows::new(&["symbol", "decided", "gives now", "standing", "by", "at"]);
    for view in views {
        let assignment = &view.assignment;
        table.push(vec![
            shown(&assignment.matches),
            flags(&assignment.decision),
            view.value_now.as_ref().map_or_else(|| "nothing".into(), |v| text::value(Some(v))),
            Standing::as_str(view.standing).into(),
            assignment.assigned_by.clone(),
            time(assignment.assigned_at),
        ]);
    }
    match context.format() {
        Format::Json => output::json(&views)?,
        Format::Csv => table.csv()?,
        Format::Table if views.is_empty() => output::line("Nothing is assigned.")?,
        Format::Table => output::print(&table.table())?,
    }
    Ok(Exit::Done)
}
