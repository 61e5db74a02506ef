//! Progress as lines: one a minute, and one at each new kind of error.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::event::{Progress, Trouble};
use crate::mmc::Class;

const EVERY: Duration = Duration::from_secs(60);

/// What was said already.
pub(super) struct Lines {
    last: Instant,
    classes: BTreeSet<Class>,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self { last: Instant::now(), classes: BTreeSet::new() }
    }

    /// The line that is due, if one is.
    pub(super) fn progress(&mut self, progress: &Progress) -> Option<String> {
        (self.last.elapsed() >= EVERY).then(|| {
            self.last = Instant::now();
            format!("        {}", super::report::progress(progress))
        })
    }

    /// The first failure of each kind.
    pub(super) fn trouble(&mut self, trouble: &Trouble) -> Option<String> {
        self.classes.insert(trouble.class).then(|| super::report::trouble_line(trouble) + "; -v shows each")
    }
}
