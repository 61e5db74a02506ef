//! Where events become visible: a bar or lines on stderr, results or JSON lines on stdout.

use std::io::{self, IsTerminal, Write};

use crate::event::{Event, Observer, Progress};

use super::bar::Bar;
use super::bars::Bars;
use super::lines::Lines;
use super::rows::Rows;
use super::wrap::{LABELLED, wrap};
use super::{json, report};

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Style {
    /// A bar on a terminal, lines otherwise.
    Auto,
    /// A bar.
    Bar,
    /// A line a minute, and at each change.
    Lines,
    /// Nothing.
    None,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and results alone.
    Quiet,
    /// What a person wants to know.
    Normal,
    /// The evidence as well.
    Evidence,
}

/// Where results go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// Text on stdout.
    Stdout,
    /// Text on stderr: stdout carries the image.
    Stderr,
    /// Every event as a JSON line on stdout.
    Json,
}

/// Shows a job.
pub struct Screen {
    verbosity: Verbosity,
    results: Results,
    bar: Option<Bar>,
    lines: Option<Lines>,
    /// Where there are several media.
    rows: Option<Rows>,
    last: Option<Progress>,
    /// The drive of a batch that is shown.
    drive: Option<String>,
    /// A line for stdout could not be written.
    lost: bool,
}

impl Screen {
    /// A screen in this style.
    pub fn new(style: Style, verbosity: Verbosity, results: Results) -> Self {
        let quiet = verbosity == Verbosity::Quiet;
        // A dumb terminal can't move its cursor.
        let on_terminal = io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let bar = !quiet && (style == Style::Bar || style == Style::Auto && on_terminal);
        let lines = !quiet && (style == Style::Lines || style == Style::Auto && !on_terminal);
        let (bar, lines) = (bar.then(Bar::new), lines.then(Lines::new));
        Self { verbosity, results, bar, lines, rows: None, last: None, drive: None, lost: false }
    }

    fn say(&mut self, line: &str) {
        if let Some(bars) = self.rows.as_mut().and_then(Rows::bars) {
            return bars.above(|| error_line(line));
        }
        match &mut self.bar {
            Some(bar) => bar.print(line),
            None => error_line(line),
        }
    }

    /// Names the drive in each line of JSON: one of a batch.
    pub fn show_drive(&mut self, drive: &str) {
        self.drive = Some(drive.into());
    }

    /// True where a bar shows the progress.
    pub(super) fn has_bar(&self) -> bool {
        self.bar.is_some()
    }

    /// True where lines show it.
    pub(super) fn has_lines(&self) -> bool {
        self.lines.is_some()
    }

    /// Where results go.
    pub(super) fn results(&self) -> Results {
        self.results
    }

    /// True when results did not reach stdout.
    pub fn lost_results(&self) -> bool {
        self.lost
    }

    pub(super) fn output_line(&mut self, line: &str) {
        self.lost |= writeln!(io::stdout(), "{line}").is_err();
    }

    pub(super) fn result_line(&mut self, line: &str) {
        match self.results {
            Results::Stdout => self.output_line(&wrap(line, LABELLED, io::stdout())),
            Results::Stderr => error_line(line),
            Results::Json => {}
        }
    }

    /// A result that other programs read: as it is, wherever it goes.
    fn digest_line(&mut self, line: &str) {
        match self.results {
            Results::Stdout => self.output_line(line),
            Results::Stderr => raw_error_line(line),
            Results::Json => {}
        }
    }
}

impl Observer for Screen {
    fn event(&mut self, event: &Event) {
        if self.results == Results::Json {
            self.output_line(&json::line(event, self.drive.as_deref()));
        }
        match event {
            Event::Progress(progress) => {
                if let Some(bar) = &mut self.bar {
                    bar.progress(progress);
                }
                if let Some(line) = self.lines.as_mut().and_then(|lines| lines.progress(progress)) {
                    error_line(&line);
                }
                self.last = Some(progress.clone());
            }
            Event::Trouble(trouble) if self.verbosity < Verbosity::Evidence => {
                if let Some(line) = self.lines.as_mut().and_then(|lines| lines.trouble(trouble)) {
                    error_line(&line);
                }
            }
            Event::Of(of) => {
                let has_bar = self.bar.is_some();
                let rows = self.rows.get_or_insert_with(|| Rows::new(has_bar.then(Bars::new)));
                let line = rows.event(&of.medium, &of.event).filter(|_| self.lines.is_some());
                line.iter().for_each(|line| error_line(line));
                // A row says it.
                if has_bar && matches!(*of.event, Event::Phase(_)) {
                    return;
                }
            }
            Event::Ended(end) => self.rows.iter_mut().for_each(|rows| rows.end(end)),
            Event::Result(result) => {
                self.rows.take().as_mut().and_then(Rows::bars).into_iter().for_each(|bars| bars.clear());
                if let Some(bar) = &mut self.bar {
                    bar.finish();
                }
                report::told(result).iter().for_each(|line| self.result_line(line));
                let (summary, advice) = match self.verbosity {
                    Verbosity::Quiet => (Vec::new(), None),
                    _ => (report::summary(result), report::advice(result)),
                };
                let lines = [summary, report::missing(result), report::reasons(result), advice.into_iter().collect()];
                lines.iter().flatten().for_each(|line| error_line(line));
                report::digests(result).iter().for_each(|line| self.digest_line(line));
            }
            Event::Targets(targets) => report::targets(targets).iter().for_each(|line| self.result_line(line)),
            Event::Row(row) => {
                // The next disc gets a bar of its own.
                if let Some(mut bar) = self.bar.take() {
                    bar.finish();
                    self.bar = Some(Bar::new());
                }
                self.result_line(&report::row(row));
            }
            Event::Entry(file) => self.digest_line(&report::entry(file)),
            Event::Checked(checked) => self.result_line(&report::checked(checked)),
            Event::Drives(drives) => report::drives(drives).iter().for_each(|line| self.result_line(line)),
            _ => {}
        }
        if self.verbosity > Verbosity::Quiet
            && let Some(line) = report::line(event)
        {
            self.say(&line);
        }
        if self.verbosity == Verbosity::Evidence {
            report::detail(event).iter().for_each(|line| self.say(line));
        }
    }

    fn idle(&mut self) {
        if let Some(bar) = &mut self.bar {
            bar.idle();
        }
        self.rows.as_mut().and_then(Rows::bars).into_iter().for_each(Bars::idle);
    }

    fn standing(&mut self) {
        if let Some(rows) = &self.rows {
            return rows.standing().iter().for_each(|line| self.say(line));
        }
        let line = self.last.as_ref().map_or_else(|| "nothing was read yet".into(), report::phase_and_progress);
        self.say(&line);
    }
}

/// A line on stderr. When nobody can read it there is nobody to tell that.
pub(super) fn error_line(line: &str) {
    raw_error_line(&wrap(line, LABELLED, io::stderr()));
}

fn raw_error_line(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
