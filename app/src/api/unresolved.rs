//! Symbols that the reference cannot decide, and what people decide about them.

use amend_domain::{RuleSlug, UnresolvedRow};
use leptos::{prelude::*, server_fn::codec::Json};
use serde::{Deserialize, Serialize};

use crate::AppError;

/// Symbols listed at most.
pub const LISTED: u32 = 1_000;

/// Something that a person may accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// Another symbol, or one of the reference's values: what is written into the field.
    pub text: String,
    /// What the rows would get.
    pub value: String,
    pub confidence: u8,
    pub why: String,
}

/// A symbol with what is suggested for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    pub row: UnresolvedRow,
    /// The symbol as it is written into a field; `None` where a row has none to assign.
    pub write: Option<String>,
    pub hints: Vec<Hint>,
}

/// Everything of the page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    pub work: Vec<Work>,
    /// What is assigned: match (as it is written into the field), what was decided, what it gives now, how it
    /// does, by whom, when.
    pub assigned: Vec<Vec<String>>,
}

/// Orphan, ambiguous and unresolvable symbols, those with most rows first, at most [`LISTED`]; and what
/// is assigned.
#[server(prefix = "/fn", endpoint = "list_unresolved")]
pub async fn list_unresolved(rule: RuleSlug) -> Result<Queue, AppError> {
    use super::context::{signed_in, tell};
    use amend_domain::Decision;
    let (engine, caller) = signed_in().await?;
    let items = tell(engine.unresolved_work(&caller, &rule, LISTED).await)?;
    let views = tell(engine.assignments(&caller, &rule).await)?;
    let work = items.into_iter().map(|item| {
        let hints = item.suggestions.into_iter().map(|s| Hint {
            text: match &s.decision {
                Decision::As(other) => written(other),
                Decision::Value(value) => value.clone(),
            },
            value: s.value,
            confidence: s.confidence,
            why: s.why,
        });
        Work { write: item.row.matches.as_deref().map(written), hints: hints.collect(), row: item.row }
    });
    let assigned = views.into_iter().map(|view| {
        let decided = match &view.assignment.decision {
            Decision::As(other) => format!("as {}", amend_domain::assignment::symbol_of(other)),
            Decision::Value(value) => format!("value {value}"),
        };
        vec![
            written(&view.assignment.matches),
            decided,
            view.value_now.unwrap_or_else(|| "nothing".to_owned()),
            view.standing.as_str().to_owned(),
            view.assignment.assigned_by,
            crate::format::date(view.assignment.assigned_at),
        ]
    });
    Ok(Queue { work: work.collect(), assigned: assigned.collect() })
}

/// Matches as they are written into a field, and read back by `read_matches`.
#[cfg(feature = "ssr")]
fn written(matches: &[String]) -> String {
    match matches {
        [one] => one.clone(),
        several => serde_json::json!(several).to_string(),
    }
}

/// What is asked about a symbol. One function for all, because each has its own code in the browser's
/// module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    pub rule: RuleSlug,
    pub symbol: String,
    /// The other symbol or the value; `None` takes back what is assigned.
    pub decision: Option<String>,
    /// The decision is a value, and not another symbol.
    pub is_value: bool,
    /// Do it; otherwise say what it would do.
    pub sure: bool,
}

/// Answers with a sentence: what happens, in numbers.
#[server(prefix = "/fn", endpoint = "settle", input = Json)]
pub async fn settle(ask: Ask) -> Result<String, AppError> {
    use super::context::{signed_in, tell};
    use amend_domain::{Decision, assignment::read_matches};
    let (engine, caller) = signed_in().await?;
    let Ask { rule, symbol, decision, is_value, sure } = ask;
    let width = tell(engine.rule(&caller, &rule).await)?.target.matches.len();
    let matches = tell(read_matches("symbol", &symbol, width))?;
    let Some(text) = decision else {
        if sure {
            tell(engine.unassign(&caller, &rule, &matches).await)?;
            return Ok(format!("What was assigned for {symbol} is taken back."));
        }
        let views = tell(engine.assignments(&caller, &rule).await)?;
        let assigned = views.into_iter().map(|v| v.assignment).find(|a| a.matches == matches);
        let effect = match assigned {
            Some(a) => engine.assignment_effect(&caller, &rule, &a.matches, &a.decision).await.ok(),
            None => None,
        };
        return Ok(match effect {
            Some(effect) => sentence::taken_back(&effect),
            None => "It decides nothing now, so no row is affected.".to_owned(),
        });
    };
    let decision =
        if is_value { Decision::Value(text) } else { Decision::As(tell(read_matches("symbol", &text, width))?) };
    let effect = if sure {
        tell(engine.assign(&caller, &rule, matches, decision).await)?
    } else {
        tell(engine.assignment_effect(&caller, &rule, &matches, &decision).await)?
    };
    Ok(if sure {
        format!("Assigned: {symbol} is {} from now on.", effect.value_now)
    } else {
        sentence::assigned(&effect)
    })
}

#[cfg(feature = "ssr")]
mod sentence {
    use amend_domain::AssignmentEffect;

    use crate::format::counted;

    /// What assigning does.
    pub fn assigned(effect: &AssignmentEffect) -> String {
        let value = &effect.value_now;
        let mut text = format!("{} should be {value} from now on.", counted(effect.rows, "row", "rows"));
        let mut add = |n: i64, what: &str| {
            if n > 0 {
                text.push_str(&format!(" {} {what}", counted(n, "row", "rows")));
            }
        };
        add(effect.correct, "carry it already.");
        add(effect.missing, "without a value are filled by the next run.");
        add(effect.different, "carry another value, which only a run that overwrites changes.");
        text.push_str(" Nothing is written to the table before a run, and it can be taken back.");
        text
    }

    /// What taking back does.
    pub fn taken_back(effect: &AssignmentEffect) -> String {
        format!(
            "{} that should be {} are unresolved again. {} carry it now and keep it: to undo that, roll back the run \
             that wrote it.",
            counted(effect.rows, "row", "rows"),
            effect.value_now,
            counted(effect.correct, "row", "rows"),
        )
    }
}
