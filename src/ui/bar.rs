//! What stands at the bottom of a terminal: a bar, or the panel of a disc. Indicatif only paints; the numbers are ours.

use std::io::stderr;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use terminal_size::{Width, terminal_size_of};

use crate::event::{Progress, ReadingProgress};

use super::panel::{SILENCE, panel};
use super::report;
use super::strip::Palette;
use super::wrap::{LABELLED, wrap};

/// Columns of a terminal that does not say how many it has.
const COLUMNS: u16 = 80;

/// The last lines of the terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    palette: Palette,
    heard: Instant,
    last: Option<Progress>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
        Self { bar, palette: Palette::of_environment(), heard: Instant::now(), last: None }
    }

    pub(super) fn progress(&mut self, progress: &Progress) {
        self.heard = Instant::now();
        let before = self.last.replace(progress.clone());
        // A disc has its lines, everything else one.
        if before.is_none_or(|before| before.reading.is_some() != progress.reading.is_some()) {
            let template = if progress.reading.is_some() { "{msg}" } else { "[{bar:16}] {wide_msg}" };
            // The template is a constant; a wrong one would show as the plain bar.
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style.progress_chars("=> "));
            }
        }
        // Of what has no known end the bar stays empty.
        self.bar.set_length(progress.total.unwrap_or(u64::MAX));
        self.bar.set_position(progress.done);
        self.paint();
    }

    /// The drive is at work: says so when it takes long. Before the first progress a question may stand there instead.
    pub(super) fn idle(&mut self) {
        self.paint();
    }

    fn paint(&mut self) {
        let Some(progress) = &self.last else { return };
        let silence = self.heard.elapsed();
        let text = match &progress.reading {
            Some(reading) => self.panel(progress, reading, silence),
            None if silence >= SILENCE => {
                format!("waiting for the device, {} s: {}", silence.as_secs(), report::progress(progress))
            }
            None => report::progress(progress),
        };
        if self.bar.message() != text {
            self.bar.set_message(text);
        }
    }

    fn panel(&self, progress: &Progress, reading: &ReadingProgress, silence: Duration) -> String {
        // Asked each time: a window may have changed its size.
        let columns = terminal_size_of(stderr()).map_or(COLUMNS, |(Width(columns), _)| columns);
        panel(progress, reading, silence, columns.into(), self.palette).join("\n")
    }

    /// Prints above the bar.
    pub(super) fn print(&mut self, line: &str) {
        // A bar that was asked for where there is no terminal is hidden, and swallows lines. Before the first progress there is none to
        // stay above, and a question may stand below.
        if self.bar.is_hidden() || self.last.is_none() {
            super::screen::error_line(line);
        } else {
            self.bar.println(wrap(line, LABELLED, stderr()));
        }
    }

    pub(super) fn finish(&mut self) {
        self.bar.finish_and_clear();
    }
}
