//! What one may do with a run: pause, resume or cancel it while it runs, roll it back when it is over.

use amend_domain::{Act, RunKind, RunState, RunView};
use leptos::prelude::*;

use super::steer;
use crate::{
    AppError,
    api::{runs::cancel_run, session::use_session},
    components::{Button, ButtonKind, ButtonLink, Dialog, ErrorBox, Tone, use_toasts},
    format::{counted, date},
    frame::use_link,
    live::use_live,
    pages::runs::words,
    read::read,
};

pub(super) fn acts(run: Memo<RunView>) -> AnyView {
    let over = Memo::new(move |_| read(run, |r| r.state.is_over()));
    (move || if over.get() { roll_back(run) } else { cancel(run) }).into_any()
}

fn roll_back(run: Memo<RunView>) -> AnyView {
    let (link, session) = (use_link(), use_session());
    let nothing = Memo::new(move |_| {
        read(run, |r| {
            if words::is_dry(r) {
                Some("A dry run wrote nothing.")
            } else if r.changed == 0 {
                Some("The run changed nothing.")
            } else if r.purged_at.is_some() && !words::made_snapshot(r) {
                Some("Its retention is over: the journal was dropped.")
            } else {
                None
            }
        })
    });
    let blocked = Memo::new(move |_| nothing.get().map(Into::into).or_else(|| session.why_not(Act::Rollback)));
    let available = move || {
        blocked.get().is_none().then(|| {
            let (undone, until) =
                read(run, |r| (r.undone_by.is_some(), r.rollback_until.filter(|_| r.purged_at.is_none())));
            let text = match until {
                _ if undone => "Rolled back already; what is left can be looked at".to_owned(),
                Some(until) => format!("Rollback available until {}", date(until)),
                None => "Rollback available".to_owned(),
            };
            view! { <span class="dim" data-testid="rollback-available">{text}</span> }
        })
    };
    let mended = run.with_untracked(|r| r.kind == RunKind::Correction && r.changed > 0 && !words::is_dry(r));
    let keep = mended.then(|| {
        view! { <ButtonLink href=Signal::derive(move || link("/prevention")) test_id="keep">"Keep it from coming back"</ButtonLink> }
    });
    view! {
        {available}
        {keep}
        <ButtonLink
            kind=ButtonKind::Undo
            href=Signal::derive(move || link(&format!("/rollback/{}", read(run, |r| r.run_id.to_string()))))
            blocked=blocked
            test_id="roll-back"
        >
            {run.with_untracked(|r| if r.kind == RunKind::Rollback { "Undo this rollback" } else { "Roll back" })}
        </ButtonLink>
    }
    .into_any()
}

fn cancel(run: Memo<RunView>) -> AnyView {
    let (live, session, toasts) = (use_live(), use_session(), use_toasts());
    let open = RwSignal::new(false);
    let ask: Action<(), Result<(), AppError>> = Action::new(move |(): &()| {
        let id = run.with_untracked(|r| r.run_id.clone());
        async move {
            let view = cancel_run(id).await?;
            let over = view.state.is_over();
            live.answer(view);
            if !over {
                toasts.show(Tone::Neutral, "Cancelling: the transaction in flight is finished first.");
            }
            Ok(())
        }
    });
    // What one wanted is asked; the dialog goes when it is answered.
    Effect::new(move |_| {
        if matches!(ask.value().get(), Some(Ok(()))) {
            open.set(false);
        }
    });
    let blocked = Memo::new(move |_| {
        session
            .why_not(Act::Cancel)
            .or_else(|| read(run, |r| r.state == RunState::Cancelling).then(|| "It is being cancelled.".to_owned()))
    });
    let consequence = move || {
        run.with(|r| {
            if words::is_dry(r) {
                return "A dry run writes nothing, so nothing has to be undone.".to_owned();
            }
            format!(
                "The transaction in flight is finished first. {} changed so far stay changed, with what stood there \
                 before, and can be rolled back from this page. The others stay as they are.",
                counted(r.changed, "row", "rows")
            )
        })
    };
    view! {
        {steer::pause(run)}
        <Button kind=ButtonKind::Undo blocked=blocked test_id="cancel-run" on_click=move |()| open.set(true)>
            "Cancel"
        </Button>
        <Dialog open title="Cancel this run?" test_id="cancel-dialog">
            <p class="num">{consequence}</p>
            {move || ask.value().get().and_then(Result::err).map(|error| view! { <ErrorBox error /> })}
            <div class="acts">
                <Button on_click=move |()| open.set(false)>"Let it run"</Button>
                <Button
                    kind=ButtonKind::Undo
                    busy=ask.pending()
                    test_id="confirm-cancel"
                    on_click=move |()| {
                        ask.dispatch(());
                    }
                >
                    "Cancel the run"
                </Button>
            </div>
        </Dialog>
    }
    .into_any()
}
