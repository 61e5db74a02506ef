//! Questions that only a person can answer.

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is asked, without the hint at the answers. Names in it are not escaped yet.
    pub text: String,
    /// What counts as an answer.
    pub wanted: Wanted,
}

/// What counts as an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Yes, or anything else.
    Yes,
    /// This word, typed: what is about to happen deserves a second look. `--yes` does not answer it.
    Word(String),
    /// A number from 1 to this.
    Choice(usize),
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes, by the person who read the question.
    Yes,
    /// Yes, said before the question was there (`--yes`).
    Assumed,
    /// No.
    No,
    /// The number that was typed.
    Choice(usize),
    /// There is nobody to ask.
    Nobody,
    /// A question was not to be asked.
    Unasked,
}

impl Question {
    /// A question for yes or no.
    pub fn permission(text: impl Into<String>) -> Self {
        Self { text: text.into(), wanted: Wanted::Yes }
    }
}

/// Asks a person.
pub type Ask<'a> = dyn FnMut(&Question) -> Answer + Send + 'a;
