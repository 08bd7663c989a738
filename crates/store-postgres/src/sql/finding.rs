//! `amend_domain::finding::classify`, word for word in SQL.

use amend_domain::{Finding, Mode};

use crate::tx::Args;

/// The finding of a row whose value is the text expression `cur`, joined with `r` from the left.
pub(crate) fn classify(cur: &str, args: &mut Args) -> String {
    let space = args.white_space();
    // A value equal to the reference's cannot be blank, so the cheap comparison comes first.
    format!(
        "CASE WHEN r.st IS NULL THEN '{orphan}' WHEN r.st = 'a' THEN '{ambiguous}' WHEN r.st = 'u' THEN '{unresolvable}'
              WHEN {cur} IS NULL THEN '{missing}' WHEN {cur} = r.val THEN '{correct}'
              WHEN btrim({cur}, {space}) = '' THEN '{missing}'
              WHEN lower(btrim({cur}, {space}) COLLATE \"C\") = lower(btrim(r.val, {space}) COLLATE \"C\") THEN '{variant}'
              ELSE '{mismatched}' END",
        orphan = Finding::Orphan.as_str(),
        ambiguous = Finding::Ambiguous.as_str(),
        unresolvable = Finding::Unresolvable.as_str(),
        missing = Finding::Missing.as_str(),
        correct = Finding::Correct.as_str(),
        variant = Finding::Variant.as_str(),
        mismatched = Finding::Mismatched.as_str(),
    )
}

/// Whether `mode` corrects a row whose reference resolves to `r.val`.
pub(crate) fn correctable(mode: Mode, cur: &str, args: &mut Args) -> String {
    match mode {
        Mode::Fill => format!("({cur} IS NULL OR btrim({cur}, {}) = '')", args.white_space()),
        // Missing, mismatched or variant is: anything but the reference's value.
        Mode::Overwrite => format!("{cur} IS DISTINCT FROM r.val"),
    }
}
