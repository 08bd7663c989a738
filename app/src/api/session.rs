//! Who is signed in, known without a round trip: the server writes it into the page.

use amend_domain::{Act, Caller, Role};
use leptos::prelude::*;

use crate::load::from_page;

#[cfg(feature = "ssr")]
use super::context;

/// What the browser's build has in place of the request.
#[cfg(not(feature = "ssr"))]
mod context {
    pub(super) const fn caller() -> Option<amend_domain::Caller> {
        None
    }

    pub(super) const fn not_found() {}
}

/// The signed-in person, as context below [`crate::frame::Frame`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub caller: Option<Caller>,
}

impl Session {
    /// Reads it from the request on the server, and from the page in the browser.
    #[must_use]
    pub fn of_page() -> Self {
        Self { caller: from_page(context::caller) }
    }

    #[must_use]
    pub fn may(&self, act: Act) -> bool {
        self.caller.as_ref().is_some_and(|c| c.role.may(act))
    }

    /// Why a control is disabled; `None` when it is not.
    #[must_use]
    pub fn why_not(&self, act: Act) -> Option<String> {
        if self.may(act) {
            return None;
        }
        let needed = Role::ALL.into_iter().find(|r| r.may(act)).unwrap_or(Role::Admin);
        Some(match &self.caller {
            Some(caller) => format!("Needs the role {needed}; you are signed in as {}.", caller.role),
            None => "You are not signed in.".into(),
        })
    }
}

/// The session of the page one is on.
#[must_use]
pub fn use_session() -> Session {
    use_context().unwrap_or(Session { caller: None })
}

/// Answers the page that is being rendered with status 404.
pub fn mark_not_found() {
    context::not_found();
}
