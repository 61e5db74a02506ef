//! Sizes and offsets as people type them, `4194304`, `8192s`, `4Mi`, `32GB`, and as they read them.

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// No number, or a unit that does not exist.
    #[error("{0:?} is no size; write bytes, or a number with a unit like s (sectors), K or Ki (1024), MB (1000000), G")]
    NotASize(String),
    /// More than 2^64 - 1 bytes.
    #[error("{0} is more than 64 bits hold")]
    TooLarge(String),
}

/// Bytes of a size, with the suffixes of coreutils: `K` `Ki` `KiB` are 1024 (`k` as well), `KB` `kB` 1000, and so on with M, G, T, P and E.
/// `s` counts sectors of `sector` bytes, as in ddrescue. Whole numbers only: half a sector is a mistake more often than a wish.
///
/// # Errors
/// What is wrong with `text`.
pub fn parse_size(text: &str, sector: u32) -> Result<u64, SizeError> {
    let not_a_size = || SizeError::NotASize(text.into());
    let (digits, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len()));
    if digits.is_empty() {
        return Err(not_a_size());
    }
    let unit = unit_of(unit, sector).ok_or_else(not_a_size)?;
    let number = digits.parse::<u64>().ok();
    number.and_then(|number| number.checked_mul(unit)).ok_or_else(|| SizeError::TooLarge(text.into()))
}

fn unit_of(unit: &str, sector: u32) -> Option<u64> {
    match unit {
        "" => return Some(1),
        "s" => return Some(u64::from(sector)),
        _ => {}
    }
    let (letter, rest) = unit.split_at_checked(1)?;
    let power = match letter {
        "k" => 1,
        _ => "KMGTPE".find(letter)? as u32 + 1,
    };
    match rest {
        "" | "i" | "iB" => Some(1024_u64.pow(power)),
        "B" => Some(1000_u64.pow(power)),
        _ => None,
    }
}

/// Bytes in decimal units, three digits: `4.70 GB`.
pub fn show_size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["bytes", "kB", "MB", "GB"] {
        match value {
            _ if unit == "bytes" && bytes < 1000 => return format!("{bytes} bytes"),
            v if v < 10.0 && unit != "bytes" => return format!("{v:.2} {unit}"),
            v if v < 100.0 && unit != "bytes" => return format!("{v:.1} {unit}"),
            v if v < 1000.0 => return format!("{v:.0} {unit}"),
            _ => value /= 1000.0,
        }
    }
    format!("{value:.2} TB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_read_well() {
        let shown = [0, 999, 1000, 12_345, 4_700_372_992].map(show_size);
        assert_eq!(shown, ["0 bytes", "999 bytes", "1.00 kB", "12.3 kB", "4.70 GB"]);
    }

    #[test]
    fn units_are_those_of_coreutils() {
        let sizes = ["0", "007", "3s", "1K", "1k", "1Ki", "1KiB", "1kB", "2M", "2MB", "32GB", "1T", "1P", "15E"];
        let bytes = [0, 7, 1536, 1024, 1024, 1024, 1024, 1000, 2 << 20, 2_000_000, 32_000_000_000, 1 << 40, 1 << 50, 15 << 60];
        assert_eq!(sizes.map(|text| parse_size(text, 512).unwrap()), bytes);
        assert_eq!(parse_size("3s", 2048), Ok(6144));
        assert_eq!(parse_size("18446744073709551615", 512), Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_size_is_told() {
        for text in ["", "s", "K", "-1", "+1", " 1", "1 ", "1.5G", "1m", "1KK", "1Kb", "1sB", "1é", "0x10", "1B", "1i"] {
            assert_eq!(parse_size(text, 512), Err(SizeError::NotASize(text.into())));
        }
        for text in ["18446744073709551616", "16E", "99999999999999999999999s"] {
            assert_eq!(parse_size(text, 512), Err(SizeError::TooLarge(text.into())));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(wild in any::<String>(), text in "[0-9]{0,22}[sKkMGTPEiB\u{e9}]{0,4}") {
            let _ = parse_size(&wild, 512);
            let _ = parse_size(&text, u32::MAX);
        }

        #[test]
        fn a_number_of_bytes_is_itself(bytes in any::<u64>()) {
            prop_assert_eq!(parse_size(&bytes.to_string(), 512), Ok(bytes));
        }
    }
}
