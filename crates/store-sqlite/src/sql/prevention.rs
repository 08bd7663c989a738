//! The statements that put prevention into a target table. They hold literals where other statements
//! bind values, because a trigger has no parameters; and nothing that SQLite 3.38 cannot read, because
//! one trigger that cannot be read makes the whole file unreadable for whoever opens it.

use amend_domain::{PreventionKind, finding::WHITE_SPACE};

use super::text_of;
use crate::shape::Bound;

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What `str::trim` trims.
fn trimmed(expression: &str) -> String {
    let codes: Vec<String> = WHITE_SPACE.chars().map(|c| u32::from(c).to_string()).collect();
    format!("trim({expression}, char({}))", codes.join(","))
}

impl Bound<'_> {
    /// The reference's value for the row `NEW`; null where it gives none, several, or one that is not
    /// allowed. The same as [`Bound::resolve_sql`], which the conformance suite holds it to.
    fn resolved_for_new(&self) -> String {
        let reference = &self.rule.reference;
        let value = text_of("f", &reference.value);
        let matching: Vec<String> = self
            .reference_texts()
            .zip(&self.rule.target.matches)
            .map(|(there, here)| format!("{there} = {}", text_of("NEW", here)))
            .collect();
        let allowed = if self.rule.allowed_values.is_empty() {
            String::new()
        } else {
            let list: Vec<String> = self.rule.allowed_values.iter().map(|v| literal(v)).collect();
            format!(" AND min(v) IN ({})", list.join(", "))
        };
        format!(
            "(SELECT CASE WHEN min(v) = max(v){allowed} THEN min(v) END
   FROM (SELECT CASE WHEN {} <> '' THEN {value} END AS v
         FROM {} AS f WHERE {}))",
            trimmed(&value),
            quoted_table(&reference.table.name),
            matching.join(" AND "),
        )
    }

    /// Holds for the row that was just written.
    fn is_new(&self) -> String {
        match self.target.rowid {
            Some(rowid) => format!("{rowid} = NEW.{rowid}"),
            None => {
                let key = &self.rule.target.key;
                let equal: Vec<String> = key.iter().map(|c| format!("{0} IS NEW.{0}", c.quoted())).collect();
                equal.join(" AND ")
            }
        }
    }

    /// The two triggers that fill or refuse. Each is passed over while Amend itself writes.
    pub(crate) fn prevention(&self, kind: PreventionKind, name: &str) -> [String; 2] {
        let target = &self.rule.target;
        let watched: Vec<String> = target.matches.iter().chain([&target.value]).map(|c| c.quoted()).collect();
        let watched = format!("UPDATE OF {}", watched.join(", "));
        [("insert", "INSERT"), ("update", watched.as_str())].map(|(suffix, event)| {
            let trigger = quoted_table(&format!("{name}_{suffix}"));
            let table = quoted_table(&target.table.name);
            let value = text_of("NEW", &target.value);
            let resolved = self.resolved_for_new();
            let outsider = "NOT EXISTS (SELECT 1 FROM amend_at_work)";
            match kind {
                // A trigger cannot change the row that is being written, so the row is changed after it.
                // It then has a value, and so does not meet this trigger again.
                PreventionKind::Fill => format!(
                    "CREATE TRIGGER {trigger} AFTER {event} ON {table}
WHEN {outsider}
  AND coalesce({}, '') = ''
  AND {resolved} IS NOT NULL
BEGIN
  UPDATE {table} SET {} = {resolved} WHERE {};
  UPDATE amend_prevention SET acted = acted + 1 WHERE rule = {};
END",
                    trimmed(&value),
                    target.value.quoted(),
                    self.is_new(),
                    literal(self.rule.slug.as_str()),
                ),
                // The message is a literal: SQLite before 3.47 takes nothing else.
                PreventionKind::Refuse => format!(
                    "CREATE TRIGGER {trigger} BEFORE {event} ON {table}
WHEN {outsider}
  AND {resolved} <> coalesce({value}, '')
BEGIN
  SELECT RAISE(ABORT, {});
END",
                    literal(&format!(
                        "amend: {} of {} must be as {} of {} says (rule {}; amend prevent off takes this off)",
                        target.value,
                        target.table,
                        self.rule.reference.value,
                        self.rule.reference.table,
                        self.rule.slug
                    )),
                ),
            }
        })
    }
}

/// Quoted without a schema: a trigger takes none.
fn quoted_table(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(crate) fn drop(name: &str) -> String {
    format!("DROP TRIGGER {}", quoted_table(name))
}
