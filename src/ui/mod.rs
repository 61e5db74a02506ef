//! What a person or a script sees, and how they ask.

pub mod args;
mod bar;
mod bars;
mod board;
mod escape;
mod json;
mod lines;
mod log;
mod panel;
mod picture;
pub mod program;
mod prompt;
mod report;
mod rows;
mod screen;
mod strip;
mod units;
pub mod watch;
mod wrap;

pub use board::Board;
pub use log::Log;
pub use picture::Picture;
pub use prompt::Prompt;
pub use screen::{Results, Screen, Style, Verbosity};
