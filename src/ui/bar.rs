//! The bar on a terminal. Indicatif only paints; the numbers are ours.

use std::io::stderr;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::Progress;

use super::report;
use super::wrap::{LABELLED, wrap};

/// A drive that is silent for so long is named as the one who is waited for.
const SILENCE: Duration = Duration::from_secs(3);

/// A line at the bottom of the terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    heard: Instant,
    text: String,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self::with(ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr()), "[{bar:16}] {wide_msg}")
    }

    /// One of several, each below the one before; `name` stands before it.
    pub(super) fn of(bars: &MultiProgress, name: String) -> Self {
        Self::with(bars.add(ProgressBar::new(1)).with_prefix(name), "{prefix} [{bar:16}] {wide_msg}")
    }

    fn with(bar: ProgressBar, template: &'static str) -> Self {
        // The templates are constants; a wrong one would show as the plain bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, heard: Instant::now(), text: String::new() }
    }

    /// Nothing is read at present: says what there is to say instead.
    pub(super) fn rest(&mut self, text: String) {
        self.text.clear();
        self.bar.set_position(0);
        self.bar.set_message(text);
    }

    /// True while there is no progress.
    pub(super) fn is_at_rest(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn progress(&mut self, progress: &Progress) {
        self.heard = Instant::now();
        self.text = report::progress(progress);
        // Of what has no known end the bar stays empty.
        self.bar.set_length(progress.total.unwrap_or(u64::MAX));
        self.bar.set_position(progress.done);
        self.bar.set_message(self.text.clone());
    }

    /// The drive is at work: says so when it takes long. Before the first progress a question may stand there instead.
    pub(super) fn idle(&mut self) {
        let silence = self.heard.elapsed();
        if silence >= SILENCE && !self.text.is_empty() {
            self.bar.set_message(format!("waiting for the device, {} s: {}", silence.as_secs(), self.text));
        }
    }

    /// Prints above the bar.
    pub(super) fn print(&mut self, line: &str) {
        // A bar that was asked for where there is no terminal is hidden, and swallows lines. Before the first progress there is none to
        // stay above, and a question may stand below.
        if self.bar.is_hidden() || self.text.is_empty() {
            super::screen::error_line(line);
        } else {
            self.bar.println(wrap(line, LABELLED, stderr()));
        }
    }

    pub(super) fn finish(&mut self) {
        self.bar.finish_and_clear();
    }
}
