//! What happens around the first and after every write: the copy, what a copy restores, and the look at
//! untouched columns.

use amend_domain::{
    Backup, ErrorCode, Problem, RollbackCounts, RollbackOptions, RunId,
    backup::backup_name,
    number::{grouped, rows},
};

use super::{Job, Stop, Worker};
use crate::{
    facade::public,
    store::{BackupRequest, ListRequest, StoreError},
};

impl Worker {
    /// Copies keys and values of the table before the first write, where the run asks for it. A run
    /// that was taken over after that has its copy already.
    pub(super) async fn back_up(&mut self) -> Result<(), Stop> {
        let Job::Correct(options) = &self.job else { return Ok(()) };
        if options.backup != Backup::Snapshot || options.dry_run || self.run.view.chunks > 0 {
            return Ok(());
        }
        let (store, config) = (self.engine.inner.store.clone(), &self.engine.inner.config);
        let now = self.engine.inner.clock.now();
        let name = backup_name(&self.rule.target.table.name, now);
        let request = BackupRequest {
            lease: &self.lease,
            rule: &self.rule,
            name: &name,
            lock_timeout: config.lock_timeout,
            // One statement over the whole table: as long as the run itself may take.
            statement_timeout: self.job.timeout().to_std().unwrap_or_default(),
            now,
        };
        // It may take a while on a large table, and nothing else shows meanwhile.
        self.event("backup", &format!("Keys and values are copied to {name} before the first write.")).await?;
        let copy = store.create_backup(&request).await.map_err(|error| match error {
            StoreError::LeaseLost => Stop::LeaseLost,
            error => Stop::Failed(not_copied(error, &name)),
        })?;
        let message =
            format!("{} of {} copied to {} ({} bytes).", rows(copy.rows), copy.source, copy.name, grouped(copy.bytes));
        self.event("backup", &message).await
    }

    /// Lists what differs from the copy, once: a worker that takes the run over goes on with the list.
    pub(super) async fn list_snapshot(
        &self,
        source: &RunId,
        options: &RollbackOptions,
    ) -> Result<RollbackCounts, Stop> {
        let (store, config) = (&self.engine.inner.store, &self.engine.inner.config);
        let request = ListRequest {
            lease: &self.lease,
            rule: &self.rule,
            source,
            scope: &options.scope,
            lock_timeout: config.lock_timeout,
            // One statement over copy and table, as the copy itself was.
            statement_timeout: self.job.timeout().to_std().unwrap_or_default(),
        };
        store.list_snapshot(&request).await?;
        let counts = store.listed_counts(&self.rule, &self.lease.run_id, &options.scope).await?;
        let message = format!(
            "{} differ from the snapshot of run {source}: Amend wrote {}, {} have a value that no journal of Amend \
             tells of, {} are gone.",
            rows(counts.total()),
            grouped(counts.restorable),
            grouped(counts.changed_since),
            grouped(counts.deleted)
        );
        self.event("snapshot", &message).await?;
        Ok(counts)
    }

    /// What a rollback may still restore, by the same definition as its first count.
    pub(super) async fn left_to_undo(&self, source: &RunId, options: &RollbackOptions) -> Result<RollbackCounts, Stop> {
        let store = &self.engine.inner.store;
        if self.job.is_from_snapshot() {
            return Ok(store.listed_counts(&self.rule, &self.lease.run_id, &options.scope).await?);
        }
        // A row that came full circle is as it was, though one of its entries fits: every sweep would take it
        // round once more.
        let mut counts = store.rollback_counts(&self.rule, source, &options.scope).await?;
        if counts.restorable > 0 {
            let circles = store.come_full_circle(&self.rule, source, &options.scope).await?;
            // Counted a moment later.
            counts.original += circles.min(counts.restorable);
            counts.restorable -= circles.min(counts.restorable);
        }
        Ok(counts)
    }

    /// Nobody needs the list of a restore that is over.
    pub(super) async fn forget_list(&self) -> Result<(), Problem> {
        if self.job.is_from_snapshot() && self.run.view.state.is_over() {
            self.engine.inner.store.forget_list(&self.lease.run_id).await.map_err(public)?;
        }
        Ok(())
    }

    /// Ends a correction at once when a chunk changed another column, rather than after all chunks.
    /// A rollback goes on: it is the cure, and its own proof tells of it.
    pub(super) fn refuse_touched(&self, touched: bool) -> Result<(), Stop> {
        if !touched || self.job.dry_run() || matches!(self.job, Job::Restore(..)) {
            return Ok(());
        }
        let id = &self.lease.run_id;
        let column = &self.rule.target.value;
        Err(Stop::Failed(
            Problem::new(
                ErrorCode::ValidationFailed,
                format!("A chunk changed something besides {column}, by its digests of all other columns; the run was stopped at once."),
            )
            .advice(format!(
                "A trigger of {} is the likely cause. What was changed stays and can be rolled back: amend rollback {id}",
                self.rule.target.table
            )),
        ))
    }
}

fn not_copied(error: StoreError, name: &str) -> Problem {
    let needs = match error {
        StoreError::ReadOnly(_) => Some("Grant the database user CREATE on the schema of the table"),
        StoreError::DiskFull(_) => Some("Free space"),
        StoreError::TooSlow(_) => Some("Give the run a longer timeout"),
        _ => None,
    };
    let problem = public(error);
    let advice = match (needs, problem.advice) {
        (Some(needs), _) => Some(format!("{needs}, or run with the journal alone (--backup journal).")),
        (None, advice) => advice,
    };
    let message = format!("The copy {name} could not be made, so nothing was written. {}", problem.message);
    Problem { message, advice, ..problem }
}
