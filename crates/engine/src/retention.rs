//! How long the values from before a run are kept, and who takes them away.

use std::{collections::HashMap, time::Duration};

use amend_domain::{
    Act, Backup, BackupInfo, Caller, Door, Mode, Problem, PurgeItem, PurgeReport, Role, Rule, RuleSlug, RunId,
    RunOptions, RunView,
    backup::backup_name,
    number::{grouped, rows},
};
use chrono::TimeDelta;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::facade::{Engine, public};

/// Journal entries dropped in one transaction: some hundred thousand keys at most.
const ENTRIES: u32 = 50;
/// How often a server looks for what has outlived its retention.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Engine {
    /// The copies that runs made, newest first.
    ///
    /// # Errors
    /// Trouble with the database.
    pub async fn backups(&self, who: &Caller) -> Result<Vec<BackupInfo>, Problem> {
        self.authorise(who, Act::Read, "backups", "").await?;
        self.inner.store.backups(None).await.map_err(public)
    }

    /// Drops journals, lists of failed rows and copies of runs whose retention is over, or with `dry_run` only lists them. A
    /// run that is active, or being rolled back, keeps its own.
    ///
    /// # Errors
    /// `FORBIDDEN`; trouble with the database. What was dropped until then is in the audit log; another
    /// call goes on.
    pub async fn purge(&self, who: &Caller, dry_run: bool) -> Result<PurgeReport, Problem> {
        self.authorise(who, if dry_run { Act::Read } else { Act::Purge }, "purge", "").await?;
        let store = &self.inner.store;
        let now = self.inner.clock.now();
        let mut items = Vec::new();
        for rule in store.rules().await.map_err(public)? {
            let kept = self.retention(Some(&rule));
            let copies =
                self.inner.config.snapshot_retention_days.map_or(kept, |days| kept.max(TimeDelta::days(days.into())));
            for item in store.purgeable(&rule.slug, now - kept, now - copies).await.map_err(public)? {
                if dry_run || self.purge_run(who, &item).await? {
                    items.push(item);
                }
            }
        }
        Ok(PurgeReport { dry_run, items })
    }

    /// False when another run came to undo it or to try it again meanwhile.
    async fn purge_run(&self, who: &Caller, item: &PurgeItem) -> Result<bool, Problem> {
        let (store, id) = (&self.inner.store, &item.run_id);
        let now = self.inner.clock.now();
        // The audit line comes first: an act that cannot be logged does not happen.
        self.audit(who, "purge", id.as_str(), "done", json!(item)).await?;
        if !store.mark_purged(id, now).await.map_err(public)? {
            self.audit(who, "purge", id.as_str(), "refused: another run works on it", json!(null)).await?;
            return Ok(false);
        }
        while store.purge_journal(id, ENTRIES).await.map_err(public)? > 0 {}
        let failed = store.drop_failed_rows(id).await.map_err(public)?;
        // The copy may be kept for longer than the journal.
        let copy = match item.backup {
            Some(_) => store.drop_backup(id).await.map_err(public)?,
            None => None,
        };
        let mut message = "Retention is over.".to_owned();
        if item.journal_rows > 0 {
            message.push_str(&format!(
                " The journal of {} was dropped, the run cannot be rolled back from it any more.",
                rows(item.journal_rows)
            ));
        }
        if failed > 0 {
            message.push_str(&format!(
                " The list of {} failed rows was dropped.",
                grouped(i64::try_from(failed).unwrap_or(i64::MAX))
            ));
        }
        if let Some(name) = copy {
            message.push_str(&format!(" The copy {name} was dropped."));
        }
        store.append_event(id, now, "purged", &message).await.map_err(public)?;
        Ok(true)
    }

    /// Purges at once and then every day, for as long as the task lives.
    #[must_use]
    pub fn spawn_purge(&self) -> JoinHandle<()> {
        let engine = self.clone();
        let amend = Caller { name: "amend".into(), role: Role::Admin, door: Door::System };
        tokio::spawn(async move {
            loop {
                match engine.purge(&amend, false).await {
                    Ok(report) if report.items.is_empty() => {}
                    Ok(report) => {
                        tracing::info!(runs = report.items.len(), bytes = report.bytes(), "retention is over: dropped");
                    }
                    Err(problem) => tracing::warn!(code = problem.code.as_str(), "cannot purge: {problem}"),
                }
                engine.inner.clock.sleep(DAY).await;
            }
        })
    }

    fn retention(&self, rule: Option<&Rule>) -> TimeDelta {
        let days = rule.and_then(|r| r.retention_days).unwrap_or(self.inner.config.retention_days);
        TimeDelta::days(i64::from(days))
    }

    /// Says of a run that is over until when it can be rolled back.
    pub(crate) async fn tell_retention(&self, view: &mut RunView) -> Result<(), Problem> {
        if wrote(view) {
            let rule = self.inner.store.rule(&view.rule).await.map_err(public)?;
            view.rollback_until = view.ended_at.map(|at| at + self.retention(rule.as_ref()));
        }
        Ok(())
    }

    /// The same of many, with one look at the rules.
    pub(crate) async fn tell_retentions(&self, views: &mut [RunView]) -> Result<(), Problem> {
        if !views.iter().any(wrote) {
            return Ok(());
        }
        let rules = self.inner.store.rules().await.map_err(public)?;
        let rules: HashMap<&RuleSlug, &Rule> = rules.iter().map(|r| (&r.slug, r)).collect();
        for view in views.iter_mut().filter(|v| wrote(v)) {
            let rule = rules.get(&view.rule).copied();
            view.rollback_until = view.ended_at.map(|at| at + self.retention(rule));
        }
        Ok(())
    }

    /// What to say of a run whose journal is gone; nothing of any other.
    pub(crate) fn refuse_purged(id: &RunId, view: &RunView) -> Result<(), Problem> {
        match view.purged_at {
            Some(_) => Err(crate::store::StoreError::Purged(id.clone()).problem()),
            None => Ok(()),
        }
    }
}

impl Engine {
    /// Whether what the run is to be kept by can be had.
    pub(crate) fn check_backup(&self, rule: &Rule, options: &RunOptions) -> Result<(), Problem> {
        match options.backup {
            Backup::Journal => Ok(()),
            Backup::None if options.mode == Mode::Fill || rule.allow_without_backup => Ok(()),
            Backup::None => Err(Problem::field(
                "createBackup",
                &format!(
                    "must not be false for a run that overwrites: rule {} does not allow it. Leave it out, or set \
                     allow_without_backup in the rule. The journal is written in either case",
                    rule.slug
                ),
            )),
            Backup::Snapshot => {
                let name = backup_name(&rule.target.table.name, self.inner.clock.now());
                match self.inner.store.longest_name() {
                    Some(longest) if name.len() > longest => Err(Problem::field(
                        "backup",
                        &format!(
                            "cannot be snapshot: the copy would be called {name}, and a name of this database has at \
                             most {longest} bytes. Use the journal"
                        ),
                    )),
                    _ => Ok(()),
                }
            }
        }
    }
}

fn wrote(view: &RunView) -> bool {
    view.ended_at.is_some() && view.changed > 0 && !view.is_dry_run()
}
