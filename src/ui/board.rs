//! Several drives on one screen: a line for each, and above them what they say.

use std::process::Command;

use crate::event::{JobResult, Progress, Row};
use crate::jobs::batch::{self, Said};
use crate::status::Status;
use crate::sys::Stop;

use super::args::discrip::Args;
use super::bar::Bar;
use super::bars::Bars;
use super::escape::Escaped;
use super::program::{self, NoJob};
use super::report;
use super::screen::{Results, Screen, Style, error_line};

/// The screen of a batch. Each drive's own process writes its sentences.
pub struct Board<'a> {
    screen: &'a mut Screen,
    /// On a terminal.
    bars: Option<Bars>,
}

impl<'a> Board<'a> {
    /// Runs discrip once more for each drive of a batch, and shows what all of them say.
    ///
    /// # Errors
    /// The program's own file can't be found.
    pub fn supervise(drives: &[String], screen: &'a mut Screen, stop: &Stop) -> Result<JobResult, NoJob> {
        let program = std::env::current_exe().map_err(|error| (Status::Failed, format!("finding discrip itself: {error}")))?;
        let mut board = Self::new(screen, drives);
        let command = |drive: &String| {
            let mut command = Command::new(&program);
            command.args(Args::of_drive(drive, board.style()));
            (drive.clone(), command)
        };
        let programs = drives.iter().map(command).collect();
        let result = batch::supervise(programs, &mut |drive, said| board.show(drive, said), stop);
        board.clear();
        Ok(program::told(result, board.screen))
    }

    fn new(screen: &'a mut Screen, drives: &[String]) -> Self {
        let bars = screen.has_bar().then(|| {
            let mut bars = Bars::new();
            drives.iter().for_each(|drive| bars.add(drive, drive));
            bars
        });
        Self { screen, bars }
    }

    /// How each drive's process is to show its progress: where there are bars, they are here.
    fn style(&self) -> Style {
        if self.screen.has_lines() { Style::Lines } else { Style::None }
    }

    /// Shows what is said of a drive.
    fn show(&mut self, drive: &str, said: Said<'_>) {
        let bar = self.bars.as_mut().and_then(|bars| bars.of(drive));
        match said {
            Said::Nothing => bar.into_iter().for_each(Bar::idle),
            Said::Message(text) => {
                bar.into_iter().filter(|bar| bar.is_at_rest()).for_each(|bar| bar.rest(text.trim().into()));
                self.above(|_| error_line(&format!("{}: {text}", Escaped(drive))));
            }
            Said::Event(line, event) => {
                if self.screen.results() == Results::Json {
                    self.above(|screen| screen.output_line(line));
                }
                let bar = self.bars.as_mut().and_then(|bars| bars.of(drive));
                match event["event"].as_str() {
                    Some("progress") => {
                        let progress = serde_json::from_value::<Progress>(event.clone());
                        progress.ok().zip(bar).into_iter().for_each(|(progress, bar)| bar.progress(&progress));
                    }
                    Some("row") => {
                        let Ok(row) = serde_json::from_value::<Row>(event.clone()) else { return };
                        let text = report::row(&row);
                        bar.into_iter().for_each(|bar| bar.rest(text.clone()));
                        self.above(|screen| screen.result_line(&text));
                    }
                    _ => {}
                }
            }
        }
    }

    /// Takes the bars away.
    fn clear(&mut self) {
        self.bars.take().into_iter().for_each(|bars| bars.clear());
    }

    /// Prints above the bars.
    fn above(&mut self, print: impl FnOnce(&mut Screen)) {
        match &self.bars {
            Some(bars) => bars.above(|| print(self.screen)),
            None => print(self.screen),
        }
    }
}
