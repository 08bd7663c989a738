use amend_domain::{Finding, FindingRow, Plan, Problem, RowFilter, RowQuery, RuleSlug};
use amend_engine::Engine;
use clap::Args;
use serde::Serialize;

use super::{
    Exit,
    context::{Context, RuleArg},
    output::{self, Format, Rows},
    progress,
    run::OptionArgs,
    text::{grouped, rows, span, time, value},
};

#[derive(Debug, Args)]
pub struct PreviewArgs {
    #[command(flatten)]
    rule: RuleArg,
    #[command(flatten)]
    options: OptionArgs,
    /// Rows to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

/// The plan, and the first rows of what it would change.
#[derive(Debug, Serialize)]
struct Preview {
    #[serde(flatten)]
    plan: Plan,
    rows: Vec<FindingRow>,
}

pub async fn command(context: Context, args: PreviewArgs) -> anyhow::Result<Exit> {
    let options = args.options.read();
    let (engine, slug) = context.rule(&args.rule).await?;
    let spinner = progress::spinner("counting");
    let plan = engine.plan(&context.who, &slug, &options).await;
    spinner.finish_and_clear();
    let plan = plan?;
    let filter = RowFilter {
        findings: Finding::ALL.into_iter().filter(|f| options.mode.corrects(*f)).collect(),
        symbols: options.scope.symbols.clone().unwrap_or_default(),
        ..RowFilter::default()
    };
    let most = usize::try_from(plan.to_change).unwrap_or(usize::MAX);
    let found = first_rows(&context, &engine, &slug, filter, args.limit.min(most)).await?;
    let preview = Preview { plan, rows: found };
    match context.format() {
        Format::Json => output::json(&preview)?,
        Format::Csv => table(&preview.rows, |text| text.unwrap_or_default().to_owned()).csv()?,
        Format::Table => output::print(&report(&preview))?,
    }
    Ok(Exit::Done)
}

async fn first_rows(
    context: &Context,
    engine: &Engine,
    slug: &RuleSlug,
    filter: RowFilter,
    limit: usize,
) -> Result<Vec<FindingRow>, Problem> {
    let mut query = RowQuery { filter, ..RowQuery::default() };
    let mut found = Vec::new();
    while found.len() < limit {
        let left = u32::try_from(limit - found.len()).unwrap_or(u32::MAX);
        query.limit = left.min(RowQuery::MAX_LIMIT);
        let page = engine.rows(&context.who, slug, &query).await?;
        found.extend(page.rows);
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    Ok(found)
}

fn table(rows: &[FindingRow], show: impl Fn(Option<&str>) -> String) -> Rows {
    let mut table = Rows::new(&["key", "symbol", "timestamp", "current", "proposed", "finding", "reason"]);
    for row in rows {
        table.push(vec![
            row.key.clone(),
            row.symbol.clone().unwrap_or_default(),
            row.timestamp.map(time).unwrap_or_default(),
            show(row.current.as_deref()),
            show(row.proposed.as_deref()),
            row.finding.as_str().into(),
            row.reason().into(),
        ]);
    }
    table
}

fn report(preview: &Preview) -> String {
    let plan = &preview.plan;
    let mut text = format!(
        "{}, mode {}: {} of {} would change, in about {} ({} batches, an estimate). Plan {}.\n",
        plan.rule,
        plan.options.mode.as_str(),
        rows(plan.to_change),
        grouped(plan.counts.total()),
        span(plan.estimated_ms),
        grouped(plan.estimated_batches),
        plan.hash
    );
    let mut values = Rows::new(&["would become", "rows"]).right(&[1]);
    for (proposed, rows) in &plan.by_proposed {
        values.push(vec![value(Some(proposed)), grouped(*rows)]);
    }
    if !plan.by_proposed.is_empty() {
        text.push_str(&format!("\n{}", values.table()));
    }
    for risk in &plan.risks {
        text.push_str(&format!("\nNote: {} {}\n", risk.description, risk.mitigation));
    }
    if !preview.rows.is_empty() {
        text.push_str(&format!("\n{}", table(&preview.rows, value).table()));
    }
    text
}
