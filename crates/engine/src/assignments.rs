//! Deciding what the reference cannot: work items with suggestions, assigning, taking back.

use amend_domain::{
    Act, Assignment, AssignmentEffect, AssignmentView, Caller, ColumnName, Decision, ErrorCode, Finding, Matches,
    Problem, Rule, RuleSlug, Said, Scope, Standing, WorkItem,
    assignment::symbol_of,
    finding::{Resolution, classify},
};
use serde_json::json;

use crate::{
    facade::{Engine, public},
    store::TableInfo,
    suggest::{Index, Known, suggest},
};

/// Matches of the reference that suggestions are looked for among.
const KNOWN: u32 = 200_000;
/// Symbols for whose rows the venue is looked at.
const PLACED: usize = 200;

impl Engine {
    /// Symbols that need a person, those with most rows first, with suggestions.
    ///
    /// # Errors
    /// A limit outside 1 to 10,000; `RULE_NOT_FOUND`; trouble with the database.
    pub async fn unresolved_work(&self, who: &Caller, slug: &RuleSlug, limit: u32) -> Result<Vec<WorkItem>, Problem> {
        let rows = self.unresolved(who, slug, limit).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let rule = self.rule_or_problem(slug).await?;
        let store = &self.inner.store;
        let known = Known {
            matches: store.known_matches(&rule, KNOWN).await.map_err(public)?,
            decided: self.decided_elsewhere(&rule).await?,
            columns: rule.target.matches.iter().map(ToString::to_string).collect(),
            allowed: rule.allowed_values.clone(),
            placed: Vec::new(),
        };
        let ambiguous: Vec<Matches> = rows
            .iter()
            .filter(|r| r.finding == Finding::Ambiguous)
            .filter_map(|r| r.matches.clone())
            .take(PLACED)
            .collect();
        let known = match self.venue(&rule).await? {
            Some((ours, theirs)) if !ambiguous.is_empty() => {
                let found = store.placed(&rule, &ambiguous, &ours, &theirs).await.map_err(public)?;
                let placed = found.into_iter().filter_map(|p| Some((ambiguous.get(p.at)?.clone(), p.value, p.rows)));
                Known { placed: placed.collect(), ..known }
            }
            _ => known,
        };
        // Comparing spellings keeps a core busy for up to some seconds.
        tokio::task::spawn_blocking(move || suggest(rows, &Index::new(known)))
            .await
            .map_err(|e| Problem::new(ErrorCode::Internal, format!("The suggestions could not be made: {e}.")))
    }

    /// What people decided in this rule, and in others that read the same reference in the same way.
    async fn decided_elsewhere(&self, rule: &Rule) -> Result<Vec<Assignment>, Problem> {
        let store = &self.inner.store;
        let mut all = store.assignments(&rule.slug).await.map_err(public)?;
        for other in store.rules().await.map_err(public)? {
            let same =
                other.reference.table == rule.reference.table && other.reference.matches == rule.reference.matches;
            if other.slug != rule.slug && same {
                all.extend(store.assignments(&other.slug).await.map_err(public)?);
            }
        }
        Ok(all)
    }

    /// A dimension of the rule that says where a row was traded, and the reference's column for the same.
    async fn venue(&self, rule: &Rule) -> Result<Option<(ColumnName, ColumnName)>, Problem> {
        let Some(ours) = rule.target.dimensions.iter().find(|c| is_venue(&c.0)) else { return Ok(None) };
        let reference = self.inner.store.table(&rule.reference.table).await.map_err(public)?;
        let theirs = |table: TableInfo| table.columns.into_iter().map(|c| c.name).find(|c| is_venue(&c.0));
        Ok(reference.and_then(theirs).map(|theirs| (ours.clone(), theirs)))
    }

    /// What is assigned, the newest first, and how each does now.
    ///
    /// # Errors
    /// `RULE_NOT_FOUND`; `RULE_UNUSABLE`; trouble with the database.
    pub async fn assignments(&self, who: &Caller, slug: &RuleSlug) -> Result<Vec<AssignmentView>, Problem> {
        self.authorise(who, Act::Read, "assignments", slug.as_str()).await?;
        let rule = self.rule_or_problem(slug).await?;
        let store = &self.inner.store;
        let assigned = store.assignments(slug).await.map_err(public)?;
        let own: Vec<Matches> = assigned.iter().map(|a| a.matches.clone()).collect();
        let other = |a: &Assignment| match &a.decision {
            Decision::As(other) => other.clone(),
            Decision::Value(_) => a.matches.clone(),
        };
        let others: Vec<Matches> = assigned.iter().map(other).collect();
        let own = store.said(&rule, &own).await.map_err(public)?;
        let others = store.said(&rule, &others).await.map_err(public)?;
        let views = assigned.into_iter().zip(own).zip(others);
        Ok(views.map(|((assignment, own), other)| seen(&rule, assignment, &own, &other)).collect())
    }

    /// What an assignment would do. Writes nothing.
    ///
    /// # Errors
    /// As [`Engine::assign`], but for permission and active runs.
    pub async fn assignment_effect(
        &self,
        who: &Caller,
        slug: &RuleSlug,
        matches: &[String],
        decision: &Decision,
    ) -> Result<AssignmentEffect, Problem> {
        self.authorise(who, Act::Read, "assignments", slug.as_str()).await?;
        let rule = self.rule_or_problem(slug).await?;
        self.effect(&rule, matches, decision).await
    }

    /// Decides a match: whose other spelling it is, or which of the reference's values holds. Later
    /// counts and runs use it, for as long as the reference itself gives no value and what it points to
    /// gives one. An earlier assignment of the match is replaced.
    ///
    /// # Errors
    /// `FORBIDDEN`; `INVALID_OPTIONS` with the field at fault; `WRONG_STATE` when there is nothing to
    /// decide; `OPERATION_IN_PROGRESS` while a run of the rule is active; trouble with the database.
    pub async fn assign(
        &self,
        who: &Caller,
        slug: &RuleSlug,
        matches: Matches,
        decision: Decision,
    ) -> Result<AssignmentEffect, Problem> {
        self.authorise(who, Act::Assign, "assign", slug.as_str()).await?;
        let effect = match self.may_assign(slug, &matches, &decision).await {
            Ok(effect) => effect,
            Err(problem) => {
                self.audit_refusal(who, "assign", slug.as_str(), &problem).await?;
                return Err(problem);
            }
        };
        let store = &self.inner.store;
        let before = store.assignments(slug).await.map_err(public)?.into_iter().find(|a| a.matches == matches);
        // The audit line comes first: an act that cannot be logged does not happen.
        let detail = json!({ "effect": effect, "before": before });
        self.audit(who, "assign", slug.as_str(), "done", detail).await?;
        let assignment =
            Assignment { matches, decision, assigned_by: who.name.clone(), assigned_at: self.inner.clock.now() };
        store.assign(slug, &assignment).await.map_err(public)?;
        Ok(effect)
    }

    /// Takes an assignment back. Its rows are what they were for the reference alone; what runs wrote
    /// because of it stays, and is undone by rolling those runs back.
    ///
    /// # Errors
    /// `FORBIDDEN`; `NOT_FOUND` where nothing is assigned; `OPERATION_IN_PROGRESS`; trouble with the
    /// database.
    pub async fn unassign(&self, who: &Caller, slug: &RuleSlug, matches: &[String]) -> Result<(), Problem> {
        self.authorise(who, Act::Assign, "unassign", slug.as_str()).await?;
        let store = &self.inner.store;
        let found = async {
            self.refuse_during_run(slug).await?;
            let all = store.assignments(slug).await.map_err(public)?;
            all.into_iter().find(|a| a.matches == matches).ok_or_else(|| {
                Problem::new(ErrorCode::NotFound, format!("Nothing is assigned for {}.", symbol_of(matches)))
                    .advice("`amend assignments` lists what is.")
            })
        };
        let before = match found.await {
            Ok(before) => before,
            Err(problem) => {
                self.audit_refusal(who, "unassign", slug.as_str(), &problem).await?;
                return Err(problem);
            }
        };
        self.audit(who, "unassign", slug.as_str(), "done", json!({ "before": before })).await?;
        store.unassign(slug, matches).await.map_err(public)?;
        Ok(())
    }

    async fn may_assign(
        &self,
        slug: &RuleSlug,
        matches: &[String],
        decision: &Decision,
    ) -> Result<AssignmentEffect, Problem> {
        let rule = self.rule_or_problem(slug).await?;
        self.refuse_during_run(slug).await?;
        self.effect(&rule, matches, decision).await
    }

    async fn effect(&self, rule: &Rule, matches: &[String], decision: &Decision) -> Result<AssignmentEffect, Problem> {
        let value = self.decide(rule, matches, decision).await?;
        let mut effect = AssignmentEffect {
            matches: matches.to_vec(),
            decision: decision.clone(),
            value_now: value,
            rows: 0,
            correct: 0,
            missing: 0,
            different: 0,
        };
        let scope = Scope { symbols: Some(vec![symbol_of(matches)]), ..Scope::default() };
        for group in self.inner.store.summarise(rule, &scope).await.map_err(public)?.groups {
            effect.rows += group.rows;
            match classify(group.current.as_deref(), Resolution::Value(&effect.value_now)) {
                Finding::Correct => effect.correct += group.rows,
                Finding::Missing => effect.missing += group.rows,
                _ => effect.different += group.rows,
            }
        }
        Ok(effect)
    }

    /// The value that a decision gives now; refused unless it gives one.
    async fn decide(&self, rule: &Rule, matches: &[String], decision: &Decision) -> Result<String, Problem> {
        check_parts(rule, "match", matches)?;
        let mut asked = vec![matches.to_vec()];
        if let Decision::As(other) = decision {
            check_parts(rule, "as", other)?;
            if other == matches {
                return Err(Problem::field("as", "must be another match than the one that is assigned"));
            }
            asked.push(other.clone());
        }
        let said = self.inner.store.said(rule, &asked).await.map_err(public)?;
        let [own, rest @ ..] = said.as_slice() else {
            return Err(Problem::new(ErrorCode::Internal, "The reference was not read."));
        };
        let allowed = &rule.allowed_values;
        if let Resolution::Value(value) = own.resolution(allowed) {
            return Err(Problem::new(
                ErrorCode::WrongState,
                format!("The reference itself says {value} for {}; there is nothing to decide.", symbol_of(matches)),
            )
            .advice("If that is wrong, mend the reference."));
        }
        match (decision, rest.first()) {
            (Decision::As(other), Some(said)) => match said.resolution(allowed) {
                Resolution::Value(value) => Ok(value.to_owned()),
                trouble => Err(Problem::field(
                    "as",
                    &format!(
                        "must be a match to which the reference itself gives one value; {} is {}",
                        symbol_of(other),
                        classify(None, trouble).as_str()
                    ),
                )),
            },
            (Decision::Value(value), _) if own.offers(value, allowed) => Ok(value.clone()),
            _ => Err(not_offered(own, allowed)),
        }
    }
}

/// A value that no row of the reference gives would be a second truth beside the reference.
fn not_offered(own: &Said, allowed: &[String]) -> Problem {
    let offered: Vec<&str> =
        own.values.iter().flatten().map(String::as_str).filter(|v| own.offers(v, allowed)).collect();
    let problem = Problem::field("value", "must be one that the reference gives for this match and the rule allows");
    if offered.is_empty() {
        problem.advice("There is none. Add or mend the reference's row, or assign the match as another spelling.")
    } else {
        problem.advice(format!("One of: {}.", offered.join(", ")))
    }
}

fn check_parts(rule: &Rule, field: &str, parts: &[String]) -> Result<(), Problem> {
    let width = rule.target.matches.len();
    if parts.len() != width {
        return Err(Problem::field(field, &format!("must have {width} parts, as the rule has match columns")));
    }
    if parts.iter().any(|p| p.contains('\0')) {
        return Err(Problem::field(field, "must not hold a NUL character"));
    }
    Ok(())
}

fn is_venue(column: &str) -> bool {
    let plain: String = column.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    ["venue", "exchange", "market", "mic"].contains(&plain.as_str())
}

fn seen(rule: &Rule, assignment: Assignment, own: &Said, other: &Said) -> AssignmentView {
    let allowed = &rule.allowed_values;
    let width = rule.target.matches.len();
    let other_width = match &assignment.decision {
        Decision::As(other) => other.len(),
        Decision::Value(_) => width,
    };
    if assignment.matches.len() != width || other_width != width {
        // From before the rule had as many match columns as now.
        return AssignmentView { assignment, standing: Standing::Broken, value_now: None };
    }
    let (standing, value) = match (own.resolution(allowed), &assignment.decision) {
        (Resolution::Value(value), _) => (Standing::NotNeeded, Some(value.to_owned())),
        (_, Decision::As(_)) => match other.resolution(allowed) {
            Resolution::Value(value) => (Standing::InForce, Some(value.to_owned())),
            _ => (Standing::Broken, None),
        },
        (_, Decision::Value(value)) if own.offers(value, allowed) => (Standing::InForce, Some(value.clone())),
        _ => (Standing::Broken, None),
    };
    AssignmentView { assignment, standing, value_now: value }
}
