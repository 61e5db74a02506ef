//! What stands at the bottom of a terminal: a bar, or the panel of a disc. Indicatif only paints; the numbers are ours.

use std::io::stderr;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
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
    shape: Shape,
    heard: Instant,
    last: Option<Progress>,
}

/// How much room it has.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// As many lines as it wants.
    Alone(Palette),
    /// One line of several.
    Row,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self::with(ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr()), Shape::Alone(Palette::of_environment()))
    }

    /// One of several, each below the one before.
    pub(super) fn of(bars: &MultiProgress) -> Self {
        Self::with(bars.add(ProgressBar::new(1)), Shape::Row)
    }

    /// What stands before one of several.
    pub(super) fn label(&self, text: String) {
        self.bar.set_prefix(text);
    }

    fn with(bar: ProgressBar, shape: Shape) -> Self {
        let bar = Self { bar, shape, heard: Instant::now(), last: None };
        bar.style(None);
        bar
    }

    /// A disc that is read alone has a panel; all else has a line.
    fn style(&self, reading: Option<&ReadingProgress>) {
        let template = match (self.shape, reading) {
            (Shape::Alone(_), Some(_)) => "{msg}",
            (Shape::Alone(_), None) => "[{bar:16}] {wide_msg}",
            (Shape::Row, _) => "{prefix} [{bar:16}] {wide_msg}",
        };
        // The templates are constants; a wrong one would show as the plain bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
    }

    /// Nothing is read at present: says what there is to say instead.
    pub(super) fn rest(&mut self, text: String) {
        self.last = None;
        self.bar.set_position(0);
        self.bar.set_message(text);
    }

    /// True while there is no progress.
    pub(super) fn is_at_rest(&self) -> bool {
        self.last.is_none()
    }

    pub(super) fn progress(&mut self, progress: &Progress) {
        self.heard = Instant::now();
        let before = self.last.replace(progress.clone());
        if before.is_none_or(|before| before.reading.is_some() != progress.reading.is_some()) {
            // Or what stood there is painted once more in the new style.
            self.bar.set_message("");
            self.style(progress.reading.as_ref());
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
        let text = match (self.shape, &progress.reading) {
            (Shape::Alone(palette), Some(reading)) => by_width(progress, reading, silence, palette),
            _ if silence >= SILENCE => {
                format!("waiting for the device, {} s: {}", silence.as_secs(), report::progress(progress))
            }
            // No line above it says what is being done.
            (Shape::Row, None) => report::phase_and_progress(progress),
            _ => report::progress(progress),
        };
        if self.bar.message() != text {
            self.bar.set_message(text);
        }
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

/// The panel of a disc, as wide as the terminal is now: a window may have changed its size.
fn by_width(progress: &Progress, reading: &ReadingProgress, silence: Duration, palette: Palette) -> String {
    let columns = terminal_size_of(stderr()).map_or(COLUMNS, |(Width(columns), _)| columns);
    panel(progress, reading, silence, columns.into(), palette).join("\n")
}
