//! The control panel: choose, see what it would do, start exactly that.

mod form;
mod options;
mod plan_view;

use amend_domain::{Act, Plan, RunView};
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use crate::{
    AppError,
    api::{
        plan::{make_plan, start_run},
        session::use_session,
    },
    components::{Card, ErrorBox, PageHead},
    format::{count, counted},
    frame::{use_link, use_refresh, use_rule},
    live::use_live,
    load::load_later,
    read::read,
};
use options::Choice;

const LEAD: &str = "Nothing is written before you press Start, and the run stops before its first write if the \
                    numbers have moved by then.";

type StartAction = Action<Plan, Result<RunView, AppError>>;

#[component]
pub fn RunNewPage() -> impl IntoView {
    let (rule, refresh, live, link) = (use_rule(), use_refresh(), use_live(), use_link());
    let query = use_query_map();
    // The URL is the one place where the choice lives: a reload, a link and Back all keep it.
    let choice = Memo::new(move |_| read(query, Choice::of));
    let navigate = use_navigate();
    let choose = Callback::new(move |choice: Choice| {
        let path = untrack(|| link(&choice.path()));
        navigate(&path, NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() });
    });
    let options = Memo::new(move |_| read(choice, Choice::options));
    // It takes a pass over the table, which neither the first paint nor hydration waits for.
    let plan = load_later(move || {
        // A run that ended, or a new analysis, moves the numbers.
        let _moved = (refresh.count(), live.landmarks(), live.quality.get());
        let (rule, options) = (rule.get(), options.get());
        async move { make_plan(rule, options?).await }
    });
    let counted = Memo::new(move |_| plan.value.get());
    // Built for other options than those that now stand in the form, while the new ones are counted.
    let fresh = Memo::new(move |_| !plan.pending.get() && read(counted, Option::is_some));
    let go = use_navigate();
    let start: StartAction = Action::new(move |plan: &Plan| {
        let Plan { rule, options, hash, counts, .. } = plan.clone();
        let go = go.clone();
        async move {
            let run = start_run(rule, options, hash, counts).await?;
            live.put(run.clone());
            go(&untrack(|| link(&format!("/runs/{}", run.run_id))), NavigateOptions::default());
            Ok(run)
        }
    });
    view! {
        <Title text="New run" />
        <PageHead title=move || headline(counted) lead=|| LEAD />
        {move || start.value().get()?.err().map(|error| view! { <ErrorBox error>{active_link()}</ErrorBox> })}
        <div class="cols c21">
            <Card title="What to do">{form::form(choice, choose)}</Card>
            <Card title="The plan" test_id="plan">
                {plan_view::plan(counted, fresh)}
                {start_controls(counted, fresh, start)}
            </Card>
        </div>
    }
    .into_any()
}

/// What is known of the plan: nothing yet, the plan, or why there is none.
type Counted = Memo<Option<Result<Plan, AppError>>>;

fn headline(counted: Counted) -> impl IntoView {
    move || {
        let (number, words) = counted.with(|c| match c {
            None => (String::new(), "Counting what a run would do.".to_owned()),
            Some(Err(_)) => (String::new(), "This run cannot start yet.".into()),
            Some(Ok(plan)) if plan.to_change == 0 => (String::new(), "There is nothing to change.".into()),
            Some(Ok(plan)) => {
                let rows = if plan.to_change == 1 { "row" } else { "rows" };
                let verb =
                    if plan.options.dry_run { "would be rehearsed, and none written." } else { "would be changed." };
                (count(plan.to_change), format!("{rows} {verb}"))
            }
        });
        view! {
            <span data-testid="plan-verdict">
                <em class="num">{number}</em>
                " "
                {words}
            </span>
        }
    }
}

/// A link to the run that stands in the way, when one does.
fn active_link() -> impl IntoView {
    let (live, link) = (use_live(), use_link());
    let active = live.active(use_rule());
    move || {
        active.get().map(|run| {
            let path = link(&format!("/runs/{}", run.run_id));
            view! { <a class="btn" href=path>{format!("Open {}", run.run_id)}</a> }
        })
    }
}

fn start_controls(counted: Counted, fresh: Memo<bool>, start: StartAction) -> AnyView {
    let live = use_live();
    let active = live.active(use_rule());
    let session = use_session();
    let blocked = Memo::new(move |_| {
        if let Some(why) = session.why_not(Act::Run) {
            return Some(why);
        }
        if let Some(run) = active.get() {
            return Some(format!("Run {} of this rule is {}; one at a time.", run.run_id, run.state.as_str()));
        }
        if !fresh.get() {
            return Some("The plan is being counted.".into());
        }
        counted.with(|c| match c {
            Some(Ok(plan)) if plan.to_change == 0 => Some("There is nothing to change.".into()),
            Some(Ok(_)) => None,
            Some(Err(_)) => Some("There is no plan to start.".into()),
            None => Some("The plan is being counted.".into()),
        })
    });
    let label = move || {
        if start.pending().get() {
            return "Starting".to_owned();
        }
        counted.with(|c| match c {
            Some(Ok(plan)) if plan.options.dry_run => "Start the dry run".into(),
            Some(Ok(plan)) if plan.to_change > 0 => {
                format!("Start: change {}", counted_rows(plan.to_change))
            }
            _ => "Start".into(),
        })
    };
    view! {
        <div class="start">
            <crate::components::Button
                kind=crate::components::ButtonKind::Go
                blocked=blocked
                busy=start.pending()
                test_id="start-run"
                on_click=move |()| {
                    if let Some(Ok(plan)) = counted.get_untracked() {
                        start.dispatch(plan);
                    }
                }
            >
                {label}
            </crate::components::Button>
            <p class="dim" data-testid="start-blocked">{move || blocked.get()}</p>
            {active_link()}
        </div>
    }
    .into_any()
}

fn counted_rows(n: i64) -> String {
    counted(n, "row", "rows")
}
