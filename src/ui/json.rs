//! Events as JSON lines (docs/formats.md).

use serde::Serialize;

use crate::event::Event;

/// Version of the lines' layout.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    /// The drive of a batch that the event is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    drive: Option<&'a str>,
    /// The same of several media.
    #[serde(skip_serializing_if = "Option::is_none")]
    medium: Option<&'a str>,
    #[serde(flatten)]
    event: &'a Event,
}

/// One line without its end.
pub(super) fn line(event: &Event, drive: Option<&str>) -> String {
    let (medium, event) = match event {
        Event::Of(of) => (Some(of.medium.as_str()), &*of.event),
        event => (None, event),
    };
    // Every key is a string and every number finite, so this can't fail; an empty line would say that it did.
    serde_json::to_string(&Line { v: VERSION, drive, medium, event }).unwrap_or_default()
}
