//! `r`: asks the page that is open to load its data again.

use leptos::prelude::*;

/// Counts the wishes to load again; a page's resource reads it in its source.
#[derive(Debug, Clone, Copy, Default)]
pub struct Refresh(RwSignal<u32>);

impl Refresh {
    pub fn now(self) {
        self.0.update(|n| *n = n.wrapping_add(1));
    }

    /// A part of a resource's source: when it grows, the resource loads again.
    pub fn count(self) -> u32 {
        self.0.get()
    }
}

/// The refresh of the frame.
///
/// # Panics
/// Outside the frame.
#[must_use]
pub fn use_refresh() -> Refresh {
    expect_context()
}
