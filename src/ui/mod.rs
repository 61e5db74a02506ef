//! What a person or a script sees, and how they ask.

pub mod args;
mod bar;
mod board;
mod escape;
mod json;
mod lines;
pub mod program;
mod prompt;
mod report;
mod screen;
mod units;
mod wrap;

pub use board::Board;
pub use prompt::Prompt;
pub use screen::{Results, Screen, Style, Verbosity};
