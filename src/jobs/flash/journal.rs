//! The journal of a run: which image is being written to which medium, and a digest of each chunk that was flushed. A run that did not end
//! leaves it behind, and the same command goes on with it (docs/formats.md). It proves nothing: it says where to look, and what the medium
//! holds is read and compared all the same.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};

use crate::medium::load;
use crate::pipeline::CHUNK;
use crate::trust::{Ledger, sha256};

/// Version of the journal's layout.
const FORMAT: u32 = 1;

/// Journals of one medium: sticks of a batch may have one serial number, or none, and are written at the same time.
const SLOTS: u32 = 16;

/// Journals that are kept. That of a 16 GB image is below 300 kB.
const KEPT: usize = 32;

/// After this time nobody comes back with the stick.
const OLD: Duration = Duration::from_secs(30 * 24 * 3600);

/// The image that is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// Its path; what of it is no UTF-8 becomes U+FFFD.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// Seconds and nanoseconds of its last change.
    pub(super) changed: (i64, i64),
    pub(super) inode: u64,
    /// The digest that the person expects of it, if there is one.
    pub(super) digest: Option<String>,
}

impl Origin {
    /// The same file, unchanged; or another one that must have the same digest.
    fn is(&self, other: &Self) -> bool {
        let is_same_file = (&self.path, self.changed, self.inode) == (&other.path, other.changed, other.inode);
        self.bytes == other.bytes && (is_same_file || (self.digest.is_some() && self.digest == other.digest))
    }
}

/// The medium that it is written to. Its node is another one each time that it is plugged in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bearer {
    pub(super) serial: Option<String>,
    pub(super) bytes: u64,
    pub(super) sector: u32,
    /// The file that it is made of.
    pub(super) file: Option<String>,
}

/// The first line of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Title {
    format: u32,
    source: Origin,
    medium: Bearer,
    chunk: u64,
}

/// Why a journal is of no use for this run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// There is none.
    #[error("it is empty")]
    Blank,
    /// Another image was being written, or this one before it changed.
    #[error("{0} is another image than the one that was being written, or changed since")]
    Other(String),
    /// It makes no sense.
    #[error("the journal {} of an earlier run makes no sense ({why})", path.display())]
    Hurt { path: PathBuf, why: String },
}

/// Where the journal of a run belongs, and what it is about.
#[derive(Debug)]
pub(super) struct Place {
    folder: PathBuf,
    title: Title,
}

/// A journal that is being kept. Nobody else takes it up meanwhile (flock).
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    title: Title,
    chunks: Vec<String>,
}

/// The folder for journals: `$XDG_STATE_HOME/discsmith/isoflash`, else in `~/.local/state`. `None` where nobody has a home; somebody else's home, which `sudo`
/// may leave in place, is none.
pub fn state_folder() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let is_ours = |home: &PathBuf| fs::metadata(home).is_ok_and(|meta| meta.uid() == geteuid().as_raw());
    let home = || named("HOME").filter(is_ours).map(|home| home.join(".local/state"));
    Some(named("XDG_STATE_HOME").or_else(home)?.join("discsmith/isoflash"))
}

impl Place {
    pub(super) fn new(folder: &Path, source: Origin, medium: Bearer) -> Self {
        Self { folder: folder.into(), title: Title { format: FORMAT, source, medium, chunk: CHUNK as u64 } }
    }

    /// Bytes of the image that an earlier run had flushed to this medium, if a journal says so. Changes nothing.
    pub(super) fn vouched(&self) -> u64 {
        let fits = |slot| self.read(&self.slot(slot)).ok();
        (1..=SLOTS).find_map(fits).map_or(0, |chunks| self.title.bytes(&chunks))
    }

    fn slot(&self, number: u32) -> PathBuf {
        let medium = serde_json::to_vec(&self.title.medium).unwrap_or_default();
        self.folder.join(format!("{:.16}-{number}.journal", sha256(&medium)))
    }

    /// The digests in a journal of this image and this medium.
    fn read(&self, path: &Path) -> Result<Vec<String>, Unfit> {
        match load(path, Ledger::LONGEST) {
            Ok(text) => self.title.digests(&text).map_err(|unfit| match unfit {
                Unfit::Hurt { why, .. } => Unfit::Hurt { path: path.into(), why },
                other => other,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Unfit::Blank),
            Err(error) => Err(Unfit::Hurt { path: path.into(), why: error.to_string() }),
        }
    }
}

impl Title {
    /// Parses a journal of this title. Its last line may have been cut off by a kill: it does not count then.
    fn digests(&self, text: &[u8]) -> Result<Vec<String>, Unfit> {
        let hurt = |why: String| Unfit::Hurt { path: PathBuf::new(), why };
        let mut lines = text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
        let Some(first) = lines.next() else {
            return Err(if text.is_empty() { Unfit::Blank } else { hurt("it has no whole line".into()) });
        };
        let title: Self = serde_json::from_slice(first).map_err(|error| hurt(error.to_string()))?;
        if (title.format, title.chunk, &title.medium) != (FORMAT, self.chunk, &self.medium) {
            return Err(hurt("it is of another program's version, or of another medium".into()));
        }
        if !title.source.is(&self.source) {
            return Err(Unfit::Other(self.source.path.clone()));
        }
        let mut chunks = Vec::new();
        for line in lines {
            let more: Vec<String> = serde_json::from_slice(line).map_err(|error| hurt(error.to_string()))?;
            chunks.extend(more);
        }
        let is_digest = |hex: &String| hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        let most = self.source.bytes.div_ceil(self.chunk);
        if chunks.len() as u64 > most || !chunks.iter().all(is_digest) {
            return Err(hurt(format!("{} digests, and some are none, or the image has fewer chunks", chunks.len())));
        }
        Ok(chunks)
    }

    /// How many bytes so many chunks are.
    fn bytes(&self, chunks: &[String]) -> u64 {
        (chunks.len() as u64).saturating_mul(self.chunk).min(self.source.bytes)
    }
}

impl Journal {
    /// Takes up the journal of an earlier run, or begins one. Why that of an earlier run was of no use is told besides.
    ///
    /// # Errors
    /// None can be kept there.
    pub(super) fn open(place: &Place) -> io::Result<(Self, Result<(), Unfit>)> {
        DirBuilder::new().recursive(true).mode(0o700).create(&place.folder)?;
        tidy(&place.folder);
        for slot in 1..=SLOTS {
            let path = place.slot(slot);
            let mut options = File::options();
            options.read(true).append(true).create(true).mode(0o600).custom_flags(libc::O_NONBLOCK);
            let file = options.open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => continue,
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
            // The run that had it may have come to its end, and removed it, before the lock was ours.
            if file.metadata()?.nlink() == 0 {
                continue;
            }
            let mut journal = Self { path, file, title: place.title.clone(), chunks: Vec::new() };
            let unfit = match place.read(&journal.path) {
                Ok(chunks) => {
                    journal.chunks = chunks;
                    journal.cut_torn_line()?;
                    Ok(())
                }
                Err(unfit) => {
                    journal.restart()?;
                    Err(unfit)
                }
            };
            return Ok((journal, unfit));
        }
        Err(io::Error::other(format!("{SLOTS} runs have one for such a medium")))
    }

    fn cut_torn_line(&mut self) -> io::Result<()> {
        let mut text = Vec::new();
        self.file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        self.file.set_len(whole as u64)
    }

    /// Begins anew: nothing of the image is known to be on the medium.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        self.chunks.clear();
        self.file.set_len(0)?;
        self.append(&self.title)?;
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    /// Bytes of the image that are known to have been flushed.
    pub(super) fn bytes(&self) -> u64 {
        self.title.bytes(&self.chunks)
    }

    /// Notes that the first chunks of the image, with these digests, are on the medium: they were flushed. False when an earlier run had read others
    /// from the image: then only these count.
    pub(super) fn keep(&mut self, chunks: &[String]) -> io::Result<bool> {
        let is_same = self.chunks.iter().zip(chunks).all(|(earlier, now)| earlier == now);
        if !is_same {
            self.restart()?;
        }
        if let Some(more) = chunks.get(self.chunks.len()..).filter(|more| !more.is_empty()) {
            self.append(&more)?;
            self.chunks.extend_from_slice(more);
        }
        Ok(is_same)
    }

    fn append(&self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        (&self.file).write_all(&text)?;
        self.file.sync_data()
    }

    /// The run came to its end: there is nothing to go on with. One that stays behind all the same only costs the next run a few reads.
    pub(super) fn finish(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes journals that nobody will go on with: the oldest beyond [`KEPT`], and those that are [`OLD`]. What can't be removed stays.
fn tidy(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let journals =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "journal"));
    let mut journals: Vec<(SystemTime, PathBuf)> =
        journals.filter_map(|path| Some((fs::metadata(&path).ok()?.modified().ok()?, path))).collect();
    journals.sort_unstable_by(|one, other| other.cmp(one));
    let is_old = |changed: &SystemTime| changed.elapsed().is_ok_and(|age| age > OLD);
    for (number, (changed, path)) in journals.iter().enumerate() {
        if number < KEPT && !is_old(changed) {
            continue;
        }
        // Not one that a run is keeping now.
        if File::open(path).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn title() -> Title {
        let source = Origin { path: "/a.iso".into(), bytes: 3 * CHUNK as u64 - 5, changed: (7, 8), inode: 9, digest: None };
        let medium = Bearer { serial: Some("4C53".into()), bytes: 1 << 30, sector: 512, file: None };
        Title { format: FORMAT, source, medium, chunk: CHUNK as u64 }
    }

    fn place(folder: &Path) -> Place {
        Place::new(folder, title().source, title().medium)
    }

    fn digests(count: u8) -> Vec<String> {
        (0..count).map(|number| sha256(&[number])).collect()
    }

    #[test]
    fn what_was_kept_is_found_again_and_a_torn_line_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(&folder.path().join("deep/down"));
        assert_eq!(place.vouched(), 0);
        let (mut journal, unfit) = Journal::open(&place).unwrap();
        assert_eq!((unfit, journal.bytes()), (Err(Unfit::Blank), 0));
        assert!(journal.keep(&digests(1)).unwrap() && journal.keep(&digests(2)).unwrap());
        let path = journal.path.clone();
        (&journal.file).write_all(b"[\"abc").unwrap();
        drop(journal);
        assert_eq!(place.vouched(), 2 * CHUNK as u64);
        let (mut journal, unfit) = Journal::open(&place).unwrap();
        assert_eq!((unfit, journal.bytes()), (Ok(()), 2 * CHUNK as u64));
        // It goes on from there; the last chunk is a shorter one.
        assert!(journal.keep(&digests(1)).unwrap() && journal.keep(&digests(3)).unwrap());
        assert_eq!(place.vouched(), 3 * CHUNK as u64 - 5);
        journal.finish();
        assert!(!path.exists());
    }

    #[test]
    fn each_run_has_a_journal_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let (one, _) = Journal::open(&place).unwrap();
        let (mut other, _) = Journal::open(&place).unwrap();
        other.keep(&digests(1)).unwrap();
        assert_ne!(one.path, other.path);
        one.finish();
        drop(other);
        assert_eq!(place.vouched(), CHUNK as u64, "wherever it lies");
    }

    #[test]
    fn other_digests_than_before_begin_a_journal_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(&place(folder.path())).unwrap();
        journal.keep(&digests(3)).unwrap();
        let mut other = digests(2);
        other[1] = sha256(b"other");
        assert!(!journal.keep(&other).unwrap());
        drop(journal);
        assert_eq!(place(folder.path()).read(&place(folder.path()).slot(1)), Ok(other));
    }

    #[test]
    fn another_image_or_a_changed_one_is_not_gone_on_with() {
        let line = |title: &Title| format!("{}\n", serde_json::to_string(title).unwrap());
        let ours = title();
        assert_eq!(ours.digests(line(&ours).as_bytes()), Ok(vec![]));
        for change in [
            |source: &mut Origin| source.inode += 1,
            |source: &mut Origin| source.changed.1 += 1,
            |source: &mut Origin| source.bytes += 1,
            |source: &mut Origin| source.path.push('x'),
        ] {
            let mut theirs = title();
            change(&mut theirs.source);
            assert!(matches!(ours.digests(line(&theirs).as_bytes()), Err(Unfit::Other(_))), "{theirs:?}");
            // The digest that is expected of both makes them one, but not if one is longer.
            let (mut ours, digest) = (title(), Some(format!("sha256 {}", sha256(b""))));
            (ours.source.digest, theirs.source.digest) = (digest.clone(), digest);
            assert_eq!(ours.digests(line(&theirs).as_bytes()).is_ok(), theirs.source.bytes == ours.source.bytes);
        }
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        let good = serde_json::to_string(&title()).unwrap();
        let many = format!("{good}\n{}\n", serde_json::to_string(&digests(4)).unwrap());
        let texts = [
            "{}\n".into(),
            "garbage".into(),
            "\0\0\0\n".into(),
            format!("{}\n", good.replace("\"format\":1", "\"format\":99")),
            format!("{}\n", good.replace("\"chunk\":4194304", "\"chunk\":0")),
            format!("{}\n", good.replace("\"bytes\":1073741824", "\"bytes\":18446744073709551615")),
            format!("{good}\n[\"{}\"]\n", "g".repeat(64)),
            format!("{good}\n[7]\n"),
            many,
        ];
        for text in texts {
            assert!(matches!(title().digests(text.as_bytes()), Err(Unfit::Hurt { .. })), "{text}");
        }
    }

    #[test]
    fn old_journals_go_and_those_in_use_stay() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - OLD - Duration::from_secs(9)).unwrap();
            file
        };
        let held = make("held.journal");
        held.lock().unwrap();
        drop((make("old.journal"), make("somebody's")));
        for number in 0..KEPT + 5 {
            File::create(folder.path().join(format!("{number}.journal"))).unwrap();
        }
        tidy(folder.path());
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), KEPT + 2);
        assert!(names.contains(&"held.journal".into()) && names.contains(&"somebody's".into()));
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text: Vec<u8>, cut in 0usize..400) {
            let _ = title().digests(&text);
            let good = format!("{}\n{}\n", serde_json::to_string(&title()).unwrap(), serde_json::to_string(&digests(2)).unwrap());
            let mut hurt = good.clone().into_bytes();
            hurt.truncate(cut);
            hurt.extend(text);
            let _ = title().digests(&hurt);
        }
    }
}
