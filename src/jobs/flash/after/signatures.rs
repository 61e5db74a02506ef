//! Old signatures behind the image, which some systems act on: named, or wiped.

use crate::image::signature::{self, Signature};
use crate::jobs::cards;
use crate::jobs::stick::Judged;
use crate::medium::{Span, Spans};

use super::super::{Request, Wipe};

/// What lay on the medium before, and is found behind an image that ends at byte `end`.
pub(in crate::jobs::flash) struct LeftBehind<'a> {
    found: Vec<&'a Signature>,
    /// Where they lie, if they are to be wiped: whole sectors.
    pub(in crate::jobs::flash) wiped: Spans,
}

impl<'a> LeftBehind<'a> {
    pub(in crate::jobs::flash) fn find(request: &Request, judged: Option<&'a Judged>, end: u64, sector: u32) -> Self {
        let contents = judged.map_or(&[][..], |judged| &judged.contents);
        let found: Vec<&Signature> = signature::beyond(contents, end).filter(|found| found.at_the_end().is_some()).collect();
        let mut wiped = Spans::default();
        if request.wipe == Wipe::Signatures {
            for range in found.iter().filter_map(|found| found.at_the_end()) {
                let one = Spans::from_iter([Span { offset: range.start, length: range.end - range.start }]);
                wiped = wiped.union(&one.sectors(sector));
            }
        }
        let wiped = Spans::from_iter(wiped.within(Span { offset: end, length: u64::MAX - end }));
        Self { found, wiped }
    }

    /// For a person.
    pub(in crate::jobs::flash) fn told(&self) -> Option<String> {
        let old: Vec<String> =
            self.found.iter().map(|found| format!("{} at byte {}", cards::named(found), found.offset)).collect();
        let old = (!old.is_empty()).then(|| old.join(", "))?;
        Some(match self.wiped.is_empty() {
            false => format!("wiped behind the image: {old}"),
            true => format!(
                "behind the image lies what was there before: {old}; some systems act on it (--wipe-signatures makes it zero)"
            ),
        })
    }
}
