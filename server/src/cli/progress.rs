//! Bars on a terminal, silence in a pipe.

use std::io::IsTerminal as _;
use std::time::Duration;

use amend_domain::RunView;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text::{grouped, span};

/// Redraws a second.
const REDRAWS: u8 = 8;

fn target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr_with_hz(REDRAWS)
    } else {
        ProgressDrawTarget::hidden()
    }
}

fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), target());
    // A template that cannot be read leaves the library's own bar.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// For rows that are being written.
pub fn rows_bar(total: u64) -> ProgressBar {
    bar(total, "[{bar:30}] {percent:>3}% {human_pos}/{human_len} rows, {per_sec}, {eta} left")
}

/// For a file that is being read.
pub fn bytes_bar(total: u64) -> ProgressBar {
    bar(total, "[{bar:30}] {percent:>3}% {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left, {msg}")
}

/// For work of unknown length.
pub fn spinner(message: &'static str) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, target());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        spinner.set_style(style);
    }
    spinner.set_message(message);
    spinner.enable_steady_tick(Duration::from_millis(200));
    spinner
}

/// For a run.
pub struct RunBar(ProgressBar);

impl RunBar {
    pub fn new() -> Self {
        Self(bar(1_000, "[{bar:30}] {msg}"))
    }

    /// Shows the newest state.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1,000 of a bar")]
    pub fn show(&self, view: &RunView) {
        self.0.set_position((view.progress() * 10.0) as u64);
        self.0.set_message(describe(view));
    }

    /// A line above the bar.
    pub fn say(&self, text: &str) {
        if self.0.is_hidden() {
            eprintln!("{text}");
        } else {
            self.0.println(text);
        }
    }

    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

fn describe(view: &RunView) -> String {
    let mut text = format!("{:>4.1}% {}, {} changed", view.progress(), view.phase.as_str(), grouped(view.changed));
    if let Some(rate) = view.rate {
        text.push_str(&format!(", {rate:.0} rows/s"));
    }
    if let Some(left) = view.eta_ms() {
        text.push_str(&format!(", {} left", span(left)));
    }
    text
}
