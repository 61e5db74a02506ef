//! Options that every program has: what is shown, and how questions are answered.

use clap::Args;

use crate::ui::{Prompt, Results, Style, Verbosity};

/// How a job is shown.
#[derive(Debug, Args)]
pub struct Show {
    /// Events and result as JSON lines on stdout
    #[arg(long)]
    json: bool,
    /// How progress is shown
    #[arg(long, value_enum, default_value_t = Style::Auto)]
    progress: Style,
    /// Errors and results alone
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// The evidence as well
    #[arg(short, long)]
    verbose: bool,
    /// Answer the last question with yes; lifts no refusal
    #[arg(short, long)]
    yes: bool,
}

impl Show {
    /// How progress is shown.
    pub fn style(&self) -> Style {
        self.progress
    }

    /// How much is said.
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Evidence,
            _ => Verbosity::Normal,
        }
    }

    /// Where results go, unless stdout carries an image.
    pub fn results(&self) -> Results {
        if self.json { Results::Json } else { Results::Stdout }
    }

    /// How questions are answered.
    pub fn prompt(&self) -> Prompt {
        match (self.yes, self.json) {
            (true, _) => Prompt::Yes,
            (_, true) => Prompt::Never,
            _ => Prompt::Terminal,
        }
    }
}
