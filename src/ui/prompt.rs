//! Questions, on /dev/tty.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::jobs::rip::{Answer, Question};
use crate::sys::Stop;

use super::escape::Escaped;

/// How questions are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// By the person at the terminal, if there is one.
    Terminal,
    /// Yes, said in advance.
    Yes,
    /// No question is to be asked.
    Never,
}

impl Prompt {
    /// Asks. A signal counts as no.
    pub fn ask(self, question: &Question, stop: &Stop) -> Answer {
        match self {
            Self::Yes => Answer::Yes,
            Self::Never => Answer::Unasked,
            Self::Terminal => ask_terminal(question, stop).unwrap_or(Answer::Nobody),
        }
    }
}

fn ask_terminal(question: &Question, stop: &Stop) -> std::io::Result<Answer> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty")?;
    write!(terminal, "{} [y/N] ", Escaped(&question.0))?;
    loop {
        let ready = poll(&mut [PollFd::new(terminal.as_fd(), PollFlags::POLLIN)], PollTimeout::from(100u8));
        if stop.requested().is_some() {
            return Ok(Answer::No);
        }
        if ready.is_ok_and(|ready| ready > 0) {
            let mut answer = [0; 64];
            let length = terminal.read(&mut answer)?;
            let answer = String::from_utf8_lossy(&answer[..length]).trim().to_lowercase();
            return Ok(if answer == "y" || answer == "yes" { Answer::Yes } else { Answer::No });
        }
    }
}
