use amend_domain::BackupInfo;
use clap::Args;

use super::{
    Exit,
    context::Context,
    output::{self, Format, Rows},
    text::{grouped, size, span, time},
};
use crate::open::Missing;

#[derive(Debug, Args)]
pub struct BackupsArgs {}

/// Lists the copies that runs made with `--backup snapshot`.
pub async fn command(context: Context, _: BackupsArgs) -> anyhow::Result<Exit> {
    let engine = context.engine(Missing::Refuse).await?;
    let backups = engine.backups(&context.who).await?;
    let now = engine.clock().now();
    match context.format() {
        Format::Json => output::json(&backups)?,
        Format::Csv => list(&backups).csv()?,
        Format::Table if backups.is_empty() => {
            output::line("There are no copies; `amend run --backup snapshot` makes one.")?;
        }
        Format::Table => {
            let mut rows = Rows::new(&["copy", "of", "rows", "size", "age", "run"]).right(&[2, 3, 4]);
            for backup in &backups {
                rows.push(vec![
                    backup.name.clone(),
                    backup.source.clone(),
                    grouped(backup.rows),
                    bytes(backup.bytes),
                    age((now - backup.created_at).num_milliseconds()),
                    backup.run_id.to_string(),
                ]);
            }
            output::print(&rows.table())?;
        }
    }
    Ok(Exit::Done)
}

fn list(backups: &[BackupInfo]) -> Rows {
    let mut rows = Rows::new(&["name", "source", "rule", "run_id", "rows", "bytes", "created_at"]);
    for b in backups {
        rows.push(vec![
            b.name.clone(),
            b.source.clone(),
            b.rule.to_string(),
            b.run_id.to_string(),
            b.rows.to_string(),
            b.bytes.to_string(),
            time(b.created_at),
        ]);
    }
    rows
}

/// A size as the database has it, which is never below zero.
pub fn bytes(bytes: i64) -> String {
    size(u64::try_from(bytes).unwrap_or(0))
}

/// Days from the second day on.
fn age(ms: i64) -> String {
    let days = ms / 86_400_000;
    if days >= 2 { format!("{days} days") } else { span(ms.max(0)) }
}

#[cfg(test)]
mod tests {
    use super::age;

    #[test]
    fn an_age_is_told_in_days_when_it_has_some() {
        assert_eq!([1_500, 3 * 86_400_000].map(age), ["1.5 s", "3 days"]);
    }
}
