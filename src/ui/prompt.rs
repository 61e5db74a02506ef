//! Questions, on /dev/tty.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, tcflush};

use crate::jobs::{Answer, Question, Wanted};
use crate::sys::Stop;

use super::escape::Escaped;
use super::wrap::{LABELLED, wrap};

/// How questions are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// By the person at the terminal, if there is one.
    Terminal,
    /// Yes, said in advance. More than a yes must be typed.
    Yes,
    /// No question is to be asked.
    Never,
}

impl Prompt {
    /// Asks. A signal counts as no.
    pub fn ask(self, question: &Question, stop: &Stop) -> Answer {
        match self {
            Self::Yes => self.unattended(question),
            Self::Never => Answer::Unasked,
            Self::Terminal => ask_terminal(question, stop).unwrap_or(Answer::Nobody),
        }
    }

    /// Answers where nobody is asked: with the yes that was said in advance, or not at all.
    pub fn unattended(self, question: &Question) -> Answer {
        match (self, &question.wanted) {
            (Self::Yes, Wanted::Yes) => Answer::Assumed,
            _ => Answer::Nobody,
        }
    }
}

fn ask_terminal(question: &Question, stop: &Stop) -> std::io::Result<Answer> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    // What was typed before the question was there is no answer to it.
    tcflush(&terminal, FlushArg::TCIFLUSH)?;
    let hint = match &question.wanted {
        Wanted::Yes => " [y/N] ".into(),
        Wanted::Word(word) => format!(" [{}] ", Escaped(word)),
        Wanted::Choice(last) => format!(" [1-{last}] "),
    };
    let text = question.text.lines().map(|line| Escaped(line).to_string()).collect::<Vec<_>>().join("\n") + &hint;
    let lines: Vec<String> = text.lines().map(|line| wrap(line, beside_label(line), &terminal)).collect();
    write!(terminal, "{}", lines.join("\n"))?;
    loop {
        let ready = poll(&mut [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)], PollTimeout::from(100u8));
        if stop.requested().is_some() {
            return Ok(Answer::No);
        }
        if ready.is_ok_and(|ready| ready > 0) {
            let mut answer = [0; 256];
            let length = terminal.read(&mut answer)?;
            if length == answer.len() {
                // Nobody types that much. The rest is not for the shell that comes after.
                tcflush(&terminal, FlushArg::TCIFLUSH)?;
                return Ok(Answer::No);
            }
            return Ok(understand(&String::from_utf8_lossy(&answer[..length]), &question.wanted));
        }
    }
}

/// Where a line of a question goes on: a card's rows have a label, and are set in by four.
fn beside_label(line: &str) -> usize {
    if line.starts_with(' ') { 4 + LABELLED } else { 0 }
}

fn understand(typed: &str, wanted: &Wanted) -> Answer {
    let typed = typed.trim();
    let is_yes = match wanted {
        Wanted::Yes => ["y", "yes"].contains(&typed.to_lowercase().as_str()),
        Wanted::Word(word) => typed == word,
        Wanted::Choice(last) => {
            let number = typed.parse().ok().filter(|number| (1..=*last).contains(number));
            return number.map_or(Answer::No, Answer::Choice);
        }
    };
    if is_yes { Answer::Yes } else { Answer::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_a_yes() {
        for typed in ["y\n", " YES \n"] {
            assert_eq!(understand(typed, &Wanted::Yes), Answer::Yes);
        }
        for typed in ["", "\n", "no\n", "ye\n", "1\n"] {
            assert_eq!(understand(typed, &Wanted::Yes), Answer::No);
        }
        let word = Wanted::Word("7F3A".into());
        assert_eq!(understand("7F3A\n", &word), Answer::Yes);
        assert_eq!(understand("y\n", &word), Answer::No);
        let choice = Wanted::Choice(3);
        assert_eq!(understand("3\n", &choice), Answer::Choice(3));
        for typed in ["0\n", "4\n", "y\n", "-1\n", "\n"] {
            assert_eq!(understand(typed, &choice), Answer::No);
        }
    }
}
