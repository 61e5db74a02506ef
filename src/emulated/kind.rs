//! Whether an operand means a drive or a stick, where both will do.

use super::grammar::{Word, split};
use super::{operand, stick};

/// True when `text`, all that follows `emulated:`, means a stick: a plain FILE, or one with an option that only a stick has. The demo, and
/// what else has an option that only a drive has, is a drive. The words need not make sense; whoever they mean will say so.
pub fn is_stick(text: &str) -> bool {
    let mut parts = split(text).into_iter();
    let demo = parts.next().is_some_and(|file| file == "demo");
    let options: Vec<_> = parts.map(|part| Word::parse(&part).option).collect();
    let of_stick = |option: &String| stick::OPTIONS.iter().any(|(name, _)| name == option);
    let of_drive = |option: &String| option == "damaged" || operand::OPTIONS.iter().any(|(name, _)| name == option);
    let only_stick = options.iter().any(|option| of_stick(option) && !of_drive(option));
    let only_drive = options.iter().any(|option| of_drive(option) && !of_stick(option));
    only_stick || !(demo || only_drive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_file_is_a_stick_and_options_tell() {
        for stick in [
            "a.iso",
            "a.iso,seed=1",
            "a,size=1M",
            "a,seed=1,short-writes",
            "a,real=1M,wrap",
            "./demo",
            "demo,readonly",
            r"demo\,damaged",
            "a,nonsense",
            "a,cache",
            "",
        ] {
            assert!(is_stick(stick), "{stick}");
        }
        for drive in
            ["demo", "demo,damaged", "demo,seed=1", "a,damaged", "a.iso,profile=dvd-rom", "a,seed=1,faults=f", "a,damage"]
        {
            assert!(!is_stick(drive), "{drive}");
        }
    }

    #[test]
    fn every_option_tells_but_for_the_seed() {
        for (option, _) in stick::OPTIONS {
            assert!(is_stick(&format!("a,{option}=1")), "{option}");
        }
        for (option, _) in operand::OPTIONS {
            assert_eq!(is_stick(&format!("a,{option}=1")), option == "seed", "{option}");
        }
    }
}
