use amend_domain::PurgeReport;
use clap::Args;

use super::{
    Exit,
    backups::bytes,
    context::Context,
    output::{self, Format, Rows},
    text::{grouped, time},
};
use crate::open::Missing;

#[derive(Debug, Args)]
pub struct PurgeArgs {
    /// List what would be dropped, drop nothing
    #[arg(long)]
    dry_run: bool,
}

pub async fn command(context: Context, args: PurgeArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let report = engine.purge(&context.who, args.dry_run).await?;
    match context.format() {
        Format::Json => output::json(&report)?,
        Format::Csv => rows(&report, false).csv()?,
        Format::Table if report.items.is_empty() => output::line("Nothing has outlived its retention.")?,
        Format::Table => {
            output::print(&rows(&report, true).table())?;
            let verb = if report.dry_run { "would be dropped (dry run)" } else { "dropped" };
            output::line(&format!("{} of {} runs {verb}", bytes(report.bytes()), report.items.len()))?;
        }
    }
    Ok(Exit::Done)
}

fn rows(report: &PurgeReport, for_people: bool) -> Rows {
    let header = ["run", "rule", "ended", "journal rows", "journal size", "failed rows", "copy", "copy size"];
    let number = |n: i64| if for_people { grouped(n) } else { n.to_string() };
    let size = |n: i64| if for_people { bytes(n) } else { n.to_string() };
    let mut rows = Rows::new(&header).right(&[3, 4, 5, 7]);
    for item in &report.items {
        rows.push(vec![
            item.run_id.to_string(),
            item.rule.to_string(),
            time(item.ended_at),
            number(item.journal_rows),
            size(item.journal_bytes),
            number(item.failed_rows),
            item.backup.clone().unwrap_or_default(),
            size(item.backup_bytes),
        ]);
    }
    rows
}
