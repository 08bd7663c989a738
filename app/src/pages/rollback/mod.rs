//! The rollback wizard: what will happen, what to include, confirm.

mod confirm;
mod happen;
mod include;
mod wish;

use amend_domain::{Mode, RollbackPlan, RollbackSource, RunId, RunKind, RunView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_params_map};

use crate::{
    AppError,
    api::{rollback::plan_rollback, runs::load_run},
    components::{ButtonKind, ButtonLink, Card, EmptyState, ErrorBox, PageHead, Skeleton, StepState, Steps},
    format,
    frame::{use_link, use_refresh},
    load::load_first,
    pages::runs::words,
};
use confirm::Confirm;
use happen::{Counts, Samples};
use include::{Conflicts, From, Symbols, Values};
use wish::{Step, Wish};

#[component]
pub fn RollbackPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|p| RunId::parse(&p.get("id").unwrap_or_default())));
    let search = use_location().search;
    let read = Memo::new(move |_| search.with(|s| Wish::read(s)));
    let wish = Memo::new(move |_| read.get().unwrap_or_default());
    let scope = Memo::new(move |_| wish.with(|w| (w.from, w.scope())));
    let refresh = use_refresh();
    let found = load_first(
        move || (refresh.count(), id.get(), scope.get()),
        |(_, id, (from, scope))| async move {
            let run = load_run(id.clone().map_err(AppError::from)?).await?.run;
            // Without a journal there is one source left.
            let only = run.purged_at.is_some() && words::made_snapshot(&run);
            let from = if only { RollbackSource::Snapshot } else { from };
            // Of a run that is not over nothing can be said yet.
            let plan = if run.state.is_over() {
                Some(plan_rollback(id.map_err(AppError::from)?, from, scope).await?)
            } else {
                None
            };
            Ok::<_, AppError>((run, plan))
        },
    );
    view! {
        <Title text=move || id.with(|id| id.as_ref().map_or("Roll back".into(), |id| format!("Roll back {id}"))) />
        {move || read.get().err().map(|problem| view! { <ErrorBox error=problem /> })}
        <Transition fallback=|| view! { <Skeleton lines=8 /> }>
            {move || Suspend::new(async move {
                match found.await {
                    Ok((run, plan)) => view! { <Wizard run plan wish /> }.into_any(),
                    Err(error) => {
                        view! {
                            <PageHead title=|| "This run cannot be rolled back." />
                            <ErrorBox error><a class="btn" href="/runs">"All runs"</a></ErrorBox>
                        }
                        .into_any()
                    }
                }
            })}
        </Transition>
    }
    .into_any()
}

#[component]
fn Wizard(run: RunView, plan: Option<RollbackPlan>, wish: Memo<Wish>) -> impl IntoView {
    let id = run.run_id.clone();
    let title = format!("Roll back {id}");
    let lead = what(&run);
    let whole = wish.with_untracked(|w| w.scope().is_whole());
    let body = match (refusal(&run, plan.as_ref(), whole), plan) {
        (Some((title, text)), _) => view! { <Refused run title text /> }.into_any(),
        (None, Some(plan)) => view! { <Steered run plan wish /> }.into_any(),
        // `refusal` has a reason for every run without a plan.
        (None, None) => ().into_any(),
    };
    view! {
        <PageHead title=move || title.clone() lead=move || lead.clone() />
        {body}
    }
    .into_any()
}

/// The run in a sentence: `Overwrite, 52,140 rows changed, 22 Nov 2026 09:14:02 UTC by ops-2`.
fn what(run: &RunView) -> String {
    let kind = match (run.kind, &run.options, &run.undoes) {
        (RunKind::Rollback, _, Some(undone)) => format!("Rollback of {undone}"),
        (RunKind::Rollback, ..) => "Rollback".to_owned(),
        (RunKind::Correction, Some(options), _) if options.mode == Mode::Overwrite => "Overwrite".to_owned(),
        (RunKind::Correction, ..) => "Fill".to_owned(),
    };
    let at = run.ended_at.unwrap_or(run.created_at);
    format!(
        "{kind}, {} changed, {}, {} UTC by {}",
        format::counted(run.changed, "row", "rows"),
        run.state.as_str(),
        format::moment(at),
        run.started_by
    )
}

/// Why there is nothing to roll back: a title and what to do.
fn refusal(run: &RunView, plan: Option<&RollbackPlan>, whole: bool) -> Option<(String, String)> {
    let Some(plan) = plan else {
        return Some((
            format!("The run is {}", run.state.as_str()),
            "A run can be rolled back once it is over. Wait for it, or cancel it: what it has committed until then can be rolled back.".into(),
        ));
    };
    // A scope may leave nothing; that is said in the wizard, where the scope can be changed.
    if !whole {
        return None;
    }
    let left = plan.counts.restorable + plan.counts.changed_since;
    match &run.undone_by {
        Some(by) if plan.counts.restorable == 0 => Some((
            "Already rolled back".into(),
            format!("{by} put the rows of this run back. No row has the value any more that this run wrote."),
        )),
        _ if run.changed == 0 => Some((
            "The run changed nothing".into(),
            "So there is nothing to put back. A dry run never changes a row.".into(),
        )),
        None if left == 0 && plan.counts.total() > 0 => Some((
            "Nothing is left to put back".into(),
            "All rows of this run have their old value already, or were deleted.".into(),
        )),
        _ => None,
    }
}

#[component]
fn Refused(run: RunView, title: String, text: String) -> impl IntoView {
    let link = use_link();
    let here = format!("/runs/{}", run.run_id);
    let undone = run.undone_by.clone().map(|by| {
        let undone = format!("/runs/{by}");
        view! { <a class="btn" href=move || link(&undone) data-testid="undone-by">"Open "{by.to_string()}</a> }
    });
    view! {
        <div data-testid="rollback-refused">
            <EmptyState title>
                <p>{text}</p>
                <div class="acts">
                    <a class="btn" href=move || link(&here)>
                        "Open "
                        {run.run_id.to_string()}
                    </a>
                    {undone}
                </div>
            </EmptyState>
        </div>
    }
}

#[component]
fn Steered(run: RunView, plan: RollbackPlan, wish: Memo<Wish>) -> impl IntoView {
    let steps = Signal::derive(move || {
        let now = wish.with(|w| w.step);
        Step::ALL
            .map(|step| {
                let state = match step.cmp(&now) {
                    std::cmp::Ordering::Less => StepState::Done,
                    std::cmp::Ordering::Equal => StepState::Now,
                    std::cmp::Ordering::Greater => StepState::Ahead,
                };
                (state, step.title().to_owned())
            })
            .to_vec()
    });
    let step = Memo::new(move |_| wish.with(|w| w.step));
    let id = run.run_id.clone();
    let rule = run.rule;
    let unproved = plan.unproved();
    let RollbackPlan { counts, samples, pairs, source: from, snapshot, journal_gone, .. } = plan;
    let main = move || match step.get() {
        Step::Look => view! { <Samples counts samples=samples.clone() /> }.into_any(),
        Step::Include => view! {
            <Conflicts run=id.clone() wish counts />
            {(from == RollbackSource::Journal).then(|| view! { <Values run=id.clone() wish pairs=pairs.clone() /> })}
            <Symbols run=id.clone() wish />
        }
        .into_any(),
        Step::Confirm => view! { <Confirm run=id.clone() rule=rule.clone() wish counts from /> }.into_any(),
    };
    view! {
        <Steps steps />
        <div class="wizard">
            <div class="wizard-side">
                {snapshot.map(|copy| view! { <From run=run.run_id.clone() wish from copy journal_gone /> })}
                <Card title="What will happen">
                    <Counts counts from />
                    {unproved.map(|text| view! { <p role="note" data-testid="unproved">{text}</p> })}
                    <Turns run=run.run_id wish />
                </Card>
            </div>
            <div class="wizard-main">{main}</div>
        </div>
    }
    .into_any()
}

/// Back and on.
#[component]
fn Turns(run: RunId, wish: Memo<Wish>) -> impl IntoView {
    let link = use_link();
    let run = StoredValue::new(run);
    let to = move |step: Option<Step>| {
        let wish = wish.get();
        step.map(|step| run.with_value(|run| link(&wish.at(step).href(run))))
    };
    let step = Memo::new(move |_| wish.with(|w| w.step));
    view! {
        <div class="acts turns">
            {move || {
                to(step.get().back())
                    .map(|href| view! { <ButtonLink href test_id="rollback-back">"Back"</ButtonLink> })
            }}
            {move || {
                to(step.get().next())
                    .map(|href| view! { <ButtonLink kind=ButtonKind::Go href test_id="rollback-next">"Next"</ButtonLink> })
            }}
        </div>
    }
}
