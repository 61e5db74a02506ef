//! Numbers as people read them.

pub(super) use crate::medium::show_size as bytes;
use crate::mmc::{Extent, SECTOR};

/// A run of sectors in words: `sector 7`, `sectors 7 to 9`.
pub(super) fn span(extent: Extent) -> String {
    match extent.count {
        1 => format!("sector {}", extent.first),
        _ => format!("sectors {} to {}", extent.first, extent.end().saturating_sub(1)),
    }
}

/// Sectors as bytes.
pub(super) fn size(sectors: u32) -> String {
    bytes(u64::from(sectors) * SECTOR as u64)
}

/// Milliseconds as `1:02:03` or `2:03`.
pub(super) fn time(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A share in percent that is 100 only when all is done.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if part >= whole {
        return "100 %".into();
    }
    // Cut, not rounded: 99.96 is not 100.0.
    format!("{:.1} %", (part as f64 / whole.max(1) as f64 * 1000.0).floor() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well_and_never_round_up_to_done() {
        assert_eq!([59_999, 61_000, 3_723_000].map(time), ["0:59", "1:01", "1:02:03"]);
        assert_eq!(percent(99_999, 100_000), "99.9 %");
        assert_eq!(percent(5, 5), "100 %");
    }
}
