use amend_domain::{Analysis, Finding, PreventionStatus};
use clap::Args;

use super::{
    Exit,
    context::{Context, RuleArg},
    output::{self, Format, Rows},
    progress,
    text::{grouped, rows, span, value},
};

#[derive(Debug, Args)]
pub struct AnalyzeArgs {
    #[command(flatten)]
    rule: RuleArg,
}

pub async fn command(context: Context, args: AnalyzeArgs) -> anyhow::Result<Exit> {
    let (engine, slug) = context.rule(&args.rule).await?;
    let spinner = progress::spinner("analysing");
    let analysis = engine.analyze(&context.who, &slug).await;
    spinner.finish_and_clear();
    let analysis = analysis?;
    let prevention = engine.prevention_status(&context.who, &slug).await?;
    match context.format() {
        Format::Json => output::json(&analysis)?,
        Format::Csv => by_finding(&analysis).csv()?,
        Format::Table => output::print(&report(&analysis, &prevention))?,
    }
    Ok(Exit::Done)
}

/// Plain numbers: this is the CSV too.
fn by_finding(analysis: &Analysis) -> Rows {
    let mut rows = Rows::new(&["finding", "rows"]);
    let counts = analysis.counts();
    for finding in Finding::ALL {
        if finding == Finding::Missing {
            rows.push(vec!["missing_null".into(), counts.missing_null.to_string()]);
            rows.push(vec!["missing_blank".into(), counts.missing_blank.to_string()]);
        } else {
            rows.push(vec![finding.as_str().into(), counts.get(finding).to_string()]);
        }
    }
    rows
}

fn report(analysis: &Analysis, prevention: &PreventionStatus) -> String {
    let counts = analysis.counts();
    let mut findings = Rows::new(&["finding", "rows", "share"]).right(&[1, 2]);
    let mut line = |name: &str, rows: i64| {
        let share = format!("{:.2} %", amend_domain::finding::percent(rows, analysis.total));
        findings.push(vec![name.into(), grouped(rows), if analysis.total == 0 { String::new() } else { share }]);
    };
    line("correct", counts.correct);
    line("missing (null)", counts.missing_null);
    line("missing (blank)", counts.missing_blank);
    for finding in [Finding::Mismatched, Finding::Variant, Finding::Orphan, Finding::Ambiguous, Finding::Unresolvable] {
        line(finding.as_str(), counts.get(finding));
    }
    let mut classes =
        Rows::new(&["class", "rows", "correct", "missing", "mismatched", "variant"]).right(&[1, 2, 3, 4, 5]);
    for class in &analysis.by_class {
        let c = &class.counts;
        let numbers = [class.total, c.correct, c.missing(), c.mismatched, c.variant].map(grouped);
        classes.push([value(class.class.as_deref())].into_iter().chain(numbers).collect());
    }
    format!(
        "{}: {}, {:.2} % correct, looked at in {}\n\n{}\n{}\n{} symbols in the table, {} of the reference unused\n{}\n",
        analysis.rule,
        rows(analysis.total),
        analysis.score,
        span(analysis.duration_ms),
        findings.table(),
        classes.table(),
        grouped(analysis.symbols_referenced),
        grouped(analysis.symbols_unused),
        kept(prevention)
    )
}

/// Whether the same faults can be made again.
fn kept(prevention: &PreventionStatus) -> String {
    match (prevention.on, prevention.acted, &prevention.trouble) {
        (_, _, Some(trouble)) => format!("Prevention: {trouble}"),
        (true, Some(n), _) => format!("Prevention is on and acted {} times.", grouped(n)),
        (true, None, _) => "Prevention is on.".into(),
        (false, ..) => format!(
            "Prevention is off; `amend prevent on --rule {}` keeps the fault from coming back.",
            prevention.rule
        ),
    }
}
