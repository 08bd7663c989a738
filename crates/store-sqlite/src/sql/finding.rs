//! A row's finding in SQL: `amend_domain::finding::classify`, word for word.

use amend_domain::{Finding, Mode};

use super::{
    reference::{DISAGREE, RESOLVED, UNUSABLE},
    text_of, trimmed,
};
use crate::shape::Bound;

impl Bound<'_> {
    /// The row's value as text.
    pub(crate) fn current(&self) -> String {
        text_of("t", &self.rule.target.value)
    }

    /// A finding's name. "Correct" is asked before "missing", which is cheaper and changes nothing:
    /// what a reference resolves to is never blank.
    pub(crate) fn finding_case(&self) -> String {
        let current = self.current();
        let (ours, theirs) = (trimmed(&current), trimmed("r.value"));
        format!(
            "CASE WHEN r.kind IS NULL THEN '{}' WHEN r.kind = {DISAGREE} THEN '{}' WHEN r.kind = {UNUSABLE} THEN '{}' \
             WHEN {current} = r.value THEN '{}' WHEN {current} IS NULL OR {ours} = '' THEN '{}' \
             WHEN lower({ours}) = lower({theirs}) THEN '{}' ELSE '{}' END",
            Finding::Orphan.as_str(),
            Finding::Ambiguous.as_str(),
            Finding::Unresolvable.as_str(),
            Finding::Correct.as_str(),
            Finding::Missing.as_str(),
            Finding::Variant.as_str(),
            Finding::Mismatched.as_str(),
        )
    }

    /// Holds for the rows that a mode corrects. Of resolved rows, missing, mismatched and variant
    /// are together all that are not correct.
    pub(crate) fn correctable(&self, mode: Mode) -> String {
        let current = self.current();
        match mode {
            Mode::Fill => format!("r.kind = {RESOLVED} AND ({current} IS NULL OR {} = '')", trimmed(&current)),
            Mode::Overwrite => format!("r.kind = {RESOLVED} AND {current} IS NOT r.value"),
        }
    }
}
