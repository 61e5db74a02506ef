//! The file of fault rules, and what they have done so far.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::operand::OperandError;
use super::rule::{self, Circumstances, Hit, Rule};
use crate::scsi::Cdb;

/// The rules of one file.
#[derive(Debug)]
pub(super) struct Faults {
    path: PathBuf,
    /// Time of change and length of the file that the rules are from.
    seen: Option<(SystemTime, u64)>,
    rules: Vec<Rule>,
}

impl Faults {
    /// Reads the file, which must be there.
    pub(super) fn load(path: &Path) -> Result<Self, OperandError> {
        fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        let mut faults = Self { path: path.into(), seen: None, rules: Vec::new() };
        faults.refresh()?;
        Ok(faults)
    }

    /// Reads the file again if it changed. Rules whose line is still there go on counting where they were. A file that
    /// vanished holds no rules.
    pub(super) fn refresh(&mut self) -> Result<(), OperandError> {
        let now = match fs::metadata(&self.path) {
            Ok(about) => about.modified().ok().map(|time| (time, about.len())),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.seen = None;
                self.rules.clear();
                return Ok(());
            }
            Err(error) => return Err(unreadable(&self.path, &error)),
        };
        if now.is_some() && now == self.seen {
            return Ok(());
        }
        let text = fs::read_to_string(&self.path).map_err(|error| unreadable(&self.path, &error))?;
        let mut rules = rule::parse(&text).map_err(|(line, why)| OperandError::BadRule { path: self.path.clone(), line, why })?;
        for rule in &mut rules {
            rule.take_over(&mut self.rules);
        }
        (self.rules, self.seen) = (rules, now);
        Ok(())
    }

    /// The rule that acts on this command, if one does. Counts.
    pub(super) fn hit(&mut self, cdb: &Cdb, circumstances: Circumstances) -> Option<Hit> {
        self.rules.iter_mut().find_map(|rule| rule.act(cdb, circumstances))
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> OperandError {
    OperandError::Unreadable { path: path.into(), why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Faults {
        Faults { path: PathBuf::new(), seen: None, rules: rule::parse(text).unwrap() }
    }

    fn ascq(hit: Option<Hit>) -> Option<u8> {
        hit.and_then(|hit| hit.action.sense).map(|(.., ascq)| ascq)
    }

    #[test]
    fn the_first_rule_that_matches_acts() {
        let mut faults = faults(
            "# a comment\nread 100+2 sense=3/11/01 # another\n\nread * sense=3/11/02\n25 * sense=2/04/03\nany * sense=6/29/04\n",
        );
        assert_eq!(ascq(faults.hit(&Cdb::read_10(90, 10), Circumstances::default())), Some(2));
        let hit = faults.hit(&Cdb::read_10(90, 12), Circumstances::default()).unwrap();
        assert_eq!(hit.sectors, Some(100..102));
        assert_eq!(hit.action.sense(hit.sectors.as_ref()).unwrap().information, Some(100));
        assert_eq!(ascq(faults.hit(&Cdb::read_10(101, 1), Circumstances::default())), Some(1));
        assert_eq!(ascq(faults.hit(&Cdb::read_10(102, 1), Circumstances::default())), Some(2));
        assert_eq!(ascq(faults.hit(&Cdb::read_capacity(), Circumstances::default())), Some(3));
        assert_eq!(ascq(faults.hit(&Cdb::test_unit_ready(), Circumstances::default())), Some(4));
    }

    #[test]
    fn rules_skip_and_are_spent() {
        let mut faults = faults("read 5 sense=3/11/01 skip=2 times=2\nread * sense=3/11/02 times=1");
        let seen: Vec<_> = (0..6).map(|_| ascq(faults.hit(&Cdb::read_10(5, 1), Circumstances::default()))).collect();
        assert_eq!(seen, [Some(2), None, Some(1), Some(1), None, None]);
    }

    #[test]
    fn a_changed_file_is_read_again_and_counters_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faults");
        fs::write(&path, "read 1 sense=3/11/01 times=2\n").unwrap();
        let mut faults = Faults::load(&path).unwrap();
        assert_eq!(ascq(faults.hit(&Cdb::read_10(1, 1), Circumstances::default())), Some(1));
        fs::write(&path, "read 2 sense=3/11/02\nread 1 sense=3/11/01 times=2\n").unwrap();
        faults.refresh().unwrap();
        assert_eq!(ascq(faults.hit(&Cdb::read_10(2, 1), Circumstances::default())), Some(2));
        assert_eq!(ascq(faults.hit(&Cdb::read_10(1, 1), Circumstances::default())), Some(1));
        assert_eq!(ascq(faults.hit(&Cdb::read_10(1, 1), Circumstances::default())), None, "the counter went on");
        fs::write(&path, "nonsense\n").unwrap();
        assert!(matches!(faults.refresh(), Err(OperandError::BadRule { line: 1, .. })));
        fs::remove_file(&path).unwrap();
        faults.refresh().unwrap();
        assert_eq!(faults.hit(&Cdb::read_10(2, 1), Circumstances::default()), None);
        assert!(matches!(Faults::load(&path), Err(OperandError::Unreadable { .. })));
    }
}
