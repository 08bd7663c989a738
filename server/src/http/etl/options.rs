//! The options of `execute` and `preview`.

use amend_domain::{Backup, BatchSize, Mode, RunOptions, Scope};
use serde_json::Value;

use super::{fields::Fields, reply::Refusal};

const SECOND: i64 = 1_000;
const DAY: i64 = 86_400 * SECOND;

/// Defaults of the replaced system, where they differ from the engine's own.
const RETRY_INITIAL_MS: i64 = 5 * SECOND;
const RETRY_MAX_MS: i64 = 5 * 60 * SECOND;

/// Reads the options, with all their faults at once.
pub fn read(mut fields: Fields) -> Result<RunOptions, Refusal> {
    let mode = mode(&mut fields);
    let batch_size = batch_size(&mut fields);
    let max_records = fields.whole("maxRecordsToProcess", 1..=i64::MAX, "must be a whole number above 0");
    let symbols = fields.texts("targetSymbols");
    if symbols.as_ref().is_some_and(|s| s.is_empty() || s.iter().any(|t| amend_domain::finding::is_blank(t))) {
        fields.fault("targetSymbols", "must name at least one symbol and hold no blank entry; leave it out for all");
    }
    // Whether it may be left out is the rule's to say. The journal is written in either case.
    let backup = if fields.flag("createBackup") == Some(false) { Backup::None } else { Backup::Journal };
    // Every chunk proves itself within its own transaction, whatever is asked for here.
    fields.flag("validateAfterEachBatch");
    let dry_run = fields.flag("dryRun").unwrap_or(false);
    let timeout_ms = fields.duration("timeout", 60 * SECOND..=DAY);
    let retry = fields.object("retryConfig", retry).unwrap_or_default();
    fields.finish()?;
    let options = RunOptions {
        mode,
        scope: Scope { symbols, failed_of: None },
        batch_size,
        max_records,
        dry_run,
        backup,
        timeout_s: timeout_ms.map(|ms| ms / SECOND),
        max_retries: retry.times,
        retry_initial_ms: Some(retry.initial_ms.unwrap_or(RETRY_INITIAL_MS)),
        retry_max_ms: Some(retry.max_ms.unwrap_or(RETRY_MAX_MS)),
    };
    options.check()?;
    Ok(options)
}

/// `overwriteExistingValues` decides. To name both as true is a contradiction; to name only the one
/// that is left at its default is none.
fn mode(fields: &mut Fields) -> Mode {
    let only_null = fields.flag("onlyProcessNullAssetClass");
    let overwrite = fields.flag("overwriteExistingValues");
    match (only_null, overwrite) {
        (Some(true), Some(true)) => {
            fields.fault(
                "overwriteExistingValues",
                "contradicts onlyProcessNullAssetClass: set only one of the two to true",
            );
            Mode::Fill
        }
        (_, Some(true)) => Mode::Overwrite,
        _ => Mode::Fill,
    }
}

fn batch_size(fields: &mut Fields) -> BatchSize {
    let read = match fields.take("batchSize") {
        None => return BatchSize::Auto,
        Some(Value::String(text)) if text == "auto" => return BatchSize::Auto,
        Some(value) => value.as_u64().and_then(|n| u32::try_from(n).ok()),
    };
    match read {
        Some(rows) if (1..=BatchSize::MAX).contains(&rows) => BatchSize::Fixed(rows),
        _ => {
            fields.fault("batchSize", "must be \"auto\" or a whole number from 1 to 10000");
            BatchSize::Auto
        }
    }
}

#[derive(Default)]
struct Retry {
    times: Option<u32>,
    initial_ms: Option<i64>,
    max_ms: Option<i64>,
}

/// What cannot be honoured is refused rather than ignored: delays double, with full jitter.
fn retry(fields: &mut Fields) -> Retry {
    let times = fields.whole("maxRetries", 0..=10, "must be a whole number from 0 to 10");
    let initial_ms = fields.duration("initialDelay", 0..=DAY);
    let max_ms = fields.duration("maxDelay", 0..=DAY);
    if initial_ms.unwrap_or(RETRY_INITIAL_MS) > max_ms.unwrap_or(RETRY_MAX_MS) {
        fields.fault("maxDelay", "must not be shorter than initialDelay");
    }
    #[expect(clippy::float_cmp, reason = "the one number that is accepted is exact")]
    if fields.number("backoffMultiplier").is_some_and(|by| by != 2.0) {
        fields.fault("backoffMultiplier", "must be 2.0: delays always double");
    }
    if fields.flag("useJitter") == Some(false) {
        fields.fault("useJitter", "must be true: delays always have full jitter");
    }
    Retry { times: times.and_then(|n| u32::try_from(n).ok()), initial_ms, max_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: &str) -> Result<RunOptions, Refusal> {
        read(Fields::of_body(json.as_bytes())?)
    }

    #[test]
    fn no_body_means_the_defaults_of_the_replaced_system() {
        let read = options("").unwrap();
        assert_eq!((read.mode, read.batch_size, read.dry_run), (Mode::Fill, BatchSize::Auto, false));
        assert_eq!((read.retry_initial_ms, read.retry_max_ms), (Some(5_000), Some(300_000)));
        assert_eq!(options("{}").unwrap(), read);
    }

    #[test]
    fn every_field_is_read() {
        let read = options(
            r#"{"batchSize":500,"maxRecordsToProcess":9,"createBackup":true,"targetSymbols":["A"],
            "onlyProcessNullAssetClass":false,"overwriteExistingValues":true,"dryRun":true,"timeout":"01:00:00",
            "validateAfterEachBatch":false,"retryConfig":{"maxRetries":2,"initialDelay":"PT1S","maxDelay":60,
            "backoffMultiplier":2,"useJitter":true}}"#,
        );
        let wanted = RunOptions {
            mode: Mode::Overwrite,
            scope: Scope { symbols: Some(vec!["A".into()]), failed_of: None },
            batch_size: BatchSize::Fixed(500),
            max_records: Some(9),
            dry_run: true,
            backup: Backup::Journal,
            timeout_s: Some(3_600),
            max_retries: Some(2),
            retry_initial_ms: Some(1_000),
            retry_max_ms: Some(60_000),
        };
        assert_eq!(read, Ok(wanted));
    }

    #[test]
    fn all_faults_are_told_at_once_by_name() {
        let refusal = options(
            r#"{"batchSize":0,"maxRecordsToProcess":0,"createBackup":"no","targetSymbols":[" "],"dryRun":"yes",
            "timeout":"00:00:01","retryConfig":{"maxRetries":11,"colour":1},"wrong":1,"batchsize":1}"#,
        )
        .unwrap_err();
        assert_eq!((refusal.status, refusal.code.as_str()), (400, "INVALID_OPTIONS"));
        for name in [
            "batchSize ",
            "maxRecordsToProcess ",
            "createBackup ",
            "targetSymbols ",
            "dryRun ",
            "timeout ",
            "retryConfig.maxRetries ",
            "retryConfig.colour ",
            "wrong ",
            "batchsize ",
        ] {
            assert!(refusal.errors.iter().any(|e| e.starts_with(name)), "{name}: {:?}", refusal.errors);
        }
        assert_eq!(refusal.errors.len(), 10);
    }

    #[test]
    fn contradicting_modes_are_refused_and_implied_ones_are_not() {
        let both = options(r#"{"onlyProcessNullAssetClass":true,"overwriteExistingValues":true}"#);
        assert!(both.unwrap_err().errors[0].contains("contradicts"));
        assert_eq!(options(r#"{"overwriteExistingValues":true}"#).unwrap().mode, Mode::Overwrite);
        assert_eq!(options(r#"{"onlyProcessNullAssetClass":false}"#).unwrap().mode, Mode::Fill);
    }

    #[test]
    fn a_body_that_is_no_object_is_refused() {
        for bad in ["[]", "1", "{", "\"x\""] {
            assert_eq!(options(bad).unwrap_err().status, 400, "{bad}");
        }
    }
}
