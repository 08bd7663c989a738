//! Deciding one symbol: the dialog that says what will happen to how many rows, and asks once.

use amend_domain::{Act, RuleSlug};
use leptos::{prelude::*, task::spawn_local};

use crate::{
    AppError,
    api::{
        session::use_session,
        unresolved::{Ask, settle},
    },
    components::{Button, ButtonKind, Dialog, ErrorBox, Tone, use_toasts},
    frame::use_refresh,
};

/// What the dialog is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Subject {
    pub symbol: String,
    pub is_value: bool,
    /// Takes back what is assigned.
    pub back: bool,
    /// What may be chosen; anything else is typed.
    pub choices: Vec<String>,
}

/// The page's one dialog.
#[derive(Clone, Copy)]
pub(super) struct Settling {
    rule: Signal<RuleSlug>,
    open: RwSignal<bool>,
    subject: RwSignal<Subject>,
    text: RwSignal<String>,
    answer: RwSignal<Option<Result<String, AppError>>>,
    busy: RwSignal<bool>,
}

impl Settling {
    pub(super) fn new(rule: Signal<RuleSlug>) -> Self {
        Self {
            rule,
            open: RwSignal::new(false),
            subject: RwSignal::new(Subject::default()),
            text: RwSignal::new(String::new()),
            answer: RwSignal::new(None),
            busy: RwSignal::new(false),
        }
    }

    /// Opens the dialog; with a text (or nothing to write) it says at once what will happen.
    pub(super) fn about(self, subject: Subject, text: String) {
        let at_once = subject.back || !text.is_empty();
        self.answer.set(None);
        self.subject.set(subject);
        self.text.set(text);
        self.open.set(true);
        if at_once {
            self.ask(false, || {});
        }
    }

    fn ask(self, sure: bool, done: impl Fn() + 'static) {
        let Subject { symbol, is_value, back, .. } = self.subject.get_untracked();
        let asked = self.text.get_untracked();
        let ask = Ask {
            rule: self.rule.get_untracked(),
            symbol: symbol.clone(),
            decision: (!back).then(|| asked.clone()),
            is_value,
            sure,
        };
        self.busy.set(true);
        spawn_local(async move {
            let answer = settle(ask).await;
            // The page may have been left, and the field or the subject be another by now.
            let Some(same) = self.subject.try_with_untracked(|s| s.symbol == symbol && s.back == back) else { return };
            self.busy.set(false);
            if sure && answer.is_ok() {
                self.open.set(false);
                done();
            }
            if same && self.text.get_untracked() == asked {
                self.answer.set(Some(answer));
            }
        });
    }
}

pub(super) fn dialog(settling: Settling) -> AnyView {
    let Settling { open, subject, text, answer, busy, .. } = settling;
    let (session, refresh, toasts) = (use_session(), use_refresh(), use_toasts());
    let title = Signal::derive(move || {
        subject.with(|s| if s.back { format!("Take back {}?", s.symbol) } else { format!("Decide {}", s.symbol) })
    });
    let known = move || answer.with(|a| matches!(a, Some(Ok(_))));
    let blocked = MaybeProp::derive(move || {
        session.why_not(Act::Assign).or_else(|| (!known()).then(|| "See first what it does.".to_owned()))
    });
    let look = move || {
        if !text.with_untracked(String::is_empty) && !busy.get_untracked() {
            answer.set(None);
            settling.ask(false, || {});
        }
    };
    let field = move || {
        let (back, is_value, choices) = subject.with(|s| (s.back, s.is_value, s.choices.clone()));
        (!back).then(|| {
            let label = if is_value { "Value of the reference" } else { "Symbol of the reference that it stands for" };
            view! {
                <form
                    class="form"
                    on:submit=move |event| {
                        event.prevent_default();
                        look();
                    }
                >
                    <label>
                        <span>{label}</span>
                        <input
                            class="field mono"
                            list="settle-choices"
                            autocomplete="off"
                            spellcheck="false"
                            data-testid="settle-text"
                            prop:value=move || text.get()
                            on:input=move |event| {
                                text.set(event_target_value(&event));
                                answer.set(None);
                            }
                        />
                    </label>
                    <datalist id="settle-choices">
                        {choices.into_iter().map(|c| view! { <option value=c></option> }).collect_view()}
                    </datalist>
                </form>
            }
        })
    };
    let says = move || {
        answer.get().map(|answer| match answer {
            Ok(text) => view! { <p class="num" data-testid="settle-says">{text}</p> }.into_any(),
            Err(error) => view! { <ErrorBox error /> }.into_any(),
        })
    };
    let sure = move |()| {
        settling.ask(true, move || {
            toasts.show(Tone::Good, "Done. The next count and run go by it.");
            refresh.now();
        });
    };
    view! {
        <Dialog open title test_id="settle-dialog">
            {field}
            <div role="status">{says}</div>
            <div class="acts">
                <Button on_click=move |()| open.set(false)>"Leave it"</Button>
                <Button busy=busy test_id="settle-look" on_click=move |()| look()>
                    "See what it does"
                </Button>
                <Button kind=ButtonKind::Go blocked busy=busy test_id="settle-confirm" on_click=sure>
                    {move || if subject.with(|s| s.back) { "Take back" } else { "Assign" }}
                </Button>
            </div>
        </Dialog>
    }
    .into_any()
}
