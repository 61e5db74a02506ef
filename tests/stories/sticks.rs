//! What stories of isoflash need besides: images, loop devices of files in the story's own folder, and what no failure may claim.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::common::{Dice, Folder, Ran, finish, installed, is_root, skipped};

pub const ISOFLASH: &str = env!("CARGO_BIN_EXE_isoflash");
/// What stays zero until all else is proved.
pub const HEAD: usize = 1 << 20;
pub const MIB: usize = 1 << 20;

/// An image of noise; no two of its sectors are alike, and none is zero.
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut dice = Dice(seed);
    let mut image: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| dice.throw().to_le_bytes()).collect();
    image.truncate(bytes);
    // Not by accident the beginning of a packed file.
    image.iter_mut().take(1).for_each(|byte| *byte = 0xeb);
    image
}

impl Folder {
    /// isoflash, not yet started.
    pub fn isoflash(&self, args: &[&str]) -> Command {
        self.command(ISOFLASH, args)
    }

    /// isoflash from beginning to end, which must be with this status; and whatever is not 0 claims nothing.
    #[track_caller]
    pub fn flash(&self, status: i32, args: &[&str]) -> Ran {
        let ran = finish(self.isoflash(args), args);
        ran.must_be(status);
        if status != 0 {
            ran.must_not_claim();
        }
        ran
    }

    /// The same with --json: the events and the result.
    #[track_caller]
    pub fn flash_json(&self, status: i32, args: &[&str]) -> (Vec<Value>, Value) {
        let ran = self.flash(status, &[args, &["--json"]].concat());
        let mut events = ran.events();
        let result = events.pop().unwrap_or_else(|| panic!("no result: {ran}"));
        assert_eq!(result["event"], "result", "{ran}");
        assert_eq!(result["status"], status, "{ran}");
        if status != 0 {
            assert!(!result["verified"].as_bool().unwrap_or(false), "{ran}");
            assert!(result["digests"].as_object().is_none_or(serde_json::Map::is_empty), "{ran}");
        }
        (events, result)
    }

    /// Both files hold the same for so many bytes; cmp and the test itself agree on that.
    #[track_caller]
    pub fn must_be_equal(&self, image: &str, medium: &str) {
        let (image_bytes, medium_bytes) = (self.read(image), self.read(medium));
        assert!(medium_bytes.len() >= image_bytes.len() && medium_bytes[..image_bytes.len()] == image_bytes[..], "{medium}");
        self.witness("cmp", &["-n", &image_bytes.len().to_string(), image, medium]);
    }

    /// What was left behind boots nowhere.
    #[track_caller]
    pub fn head_must_be_zero(&self, medium: &str) {
        let bytes = self.read(medium);
        let found = bytes[..HEAD.min(bytes.len())].iter().position(|byte| *byte != 0);
        assert_eq!(found, None, "byte of the first MiB of {medium} that is not zero");
    }
}

impl Ran {
    /// Nothing of this run sounds like success.
    #[track_caller]
    pub fn must_not_claim(&self) {
        for text in [self.out(), self.stderr.clone()] {
            let text = text.to_lowercase().replace("not verified", "").replace("\"verified\":false", "");
            for claim in ["verified", "read back from it", "sha256 ("] {
                assert!(!text.contains(claim), "{claim:?} is claimed: {self}");
            }
            let is_done = |line: &str| line.trim_start_matches(['\r', ' ']).starts_with("done");
            assert!(!text.lines().any(is_done), "\"done\" is claimed: {self}");
        }
    }

    /// stderr without what says the same in another order.
    #[track_caller]
    pub fn must_not_say(&self, what: &str) {
        assert!(!self.stderr.contains(what), "{what:?} in: {self}");
    }
}

/// Places of a result: offset and length.
pub fn spans(result: &Value, key: &str) -> Vec<(u64, u64)> {
    let number = |span: &Value, key: &str| span[key].as_u64().unwrap();
    result[key].as_array().unwrap().iter().map(|span| (number(span, "offset"), number(span, "length"))).collect()
}

/// Whether loop devices can be made here; says so if not.
pub fn can_loop() -> bool {
    let has_control = Path::new("/dev/loop-control").exists();
    if !has_control {
        skipped("there is no /dev/loop-control");
    }
    has_control && is_root() && installed("losetup")
}

/// A machine has few loop devices: stories that need some take turns.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A loop device of a file in the story's folder; gone when the story ends, however it does.
pub struct Loop {
    pub node: String,
    backing: String,
}

impl Loop {
    /// `None`, and a line that says so, where the machine gives none.
    pub fn of(folder: &Folder, file: &str, options: &[&str]) -> Option<Self> {
        // As the kernel names it, which Drop compares with.
        let backing = folder.path(file).canonicalize().unwrap().display().to_string();
        let args = [&["-f", "--show"], options, &[backing.as_str()]].concat();
        // Another program may take the free one between losetup's question and its answer.
        for _ in 0..5 {
            let made = finish(folder.command("losetup", &args), &args);
            if made.ended.success() {
                return Some(Self { node: made.out().trim().into(), backing });
            }
        }
        skipped("no loop device is free");
        None
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        // Only while it is still ours.
        let shown = Command::new("losetup").args(["-n", "-O", "BACK-FILE", &self.node]).output();
        if shown.is_ok_and(|shown| String::from_utf8_lossy(&shown.stdout).trim().starts_with(&self.backing)) {
            let _ = Command::new("losetup").args(["-d", &self.node]).status();
        }
    }
}

/// Whether a list of the machine's sticks would look into nothing but these devices; says so if not. Lists open what may be written, if
/// only for reading, and a story has no business with the tester's own sticks.
pub fn are_only_sticks(devices: &[&Loop]) -> bool {
    let is_elsewhere = |name: &str| {
        let size = std::fs::read_to_string(format!("/sys/block/{name}/size")).unwrap_or_default();
        let is_refused = ["vd", "nvme", "zram", "ram", "dm-", "md", "sr"].iter().any(|kind| name.starts_with(kind));
        size.trim() != "0" && !is_refused && !devices.iter().any(|device| device.node.ends_with(&format!("/{name}")))
    };
    let names = std::fs::read_dir("/sys/block").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others = names.filter(|name| is_elsewhere(name)).count();
    if others > 0 {
        skipped("a list of sticks, while the machine has some that are not the story's");
    }
    others == 0
}

/// A mount; gone when the story ends.
pub struct Mounted(pub String);

impl Mounted {
    #[track_caller]
    pub fn at(folder: &Folder, node: &str, point: &str) -> Self {
        let point = folder.path(point).display().to_string();
        std::fs::create_dir_all(&point).unwrap();
        let args = [node, point.as_str()];
        finish(folder.command("mount", &args), &args).must_be(0);
        Self(point)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).stderr(std::process::Stdio::null()).status();
    }
}
