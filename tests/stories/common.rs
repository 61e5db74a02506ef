//! What all stories need: discs from a seed, their damage, a folder to work in, and the program with a time limit.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub const SECTOR: usize = 2048;

/// Longest run of one command. Nothing here takes a tenth of it; a hang shall not hold up everything else.
const LIMIT: Duration = Duration::from_secs(120);

/// Numbers from a seed (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u32) -> u32 {
        (self.throw() % u64::from(end)) as u32
    }
}

/// A disc of noise with a volume descriptor in sector 16; some of its sectors are zeros, as on discs that people have.
pub fn disc(seed: u64, sectors: u32) -> Vec<u8> {
    let mut dice = Dice(seed);
    let noise: Vec<u8> = (0..1 << 17).flat_map(|_| dice.throw().to_le_bytes()).collect();
    let mut image = vec![0; sectors as usize * SECTOR];
    for sector in image.chunks_exact_mut(SECTOR) {
        if dice.below(16) > 0 {
            let from = dice.below((noise.len() - SECTOR) as u32) as usize;
            sector.copy_from_slice(&noise[from..from + SECTOR]);
            sector[..8].copy_from_slice(&dice.throw().to_le_bytes());
        }
    }
    volume(&mut image, 0, "STORY", sectors);
    image
}

/// Writes volume descriptors for a file system of so many sectors into the track that begins at `start`.
pub fn volume(image: &mut [u8], start: u32, label: &str, sectors: u32) {
    let at = (start as usize + 16) * SECTOR;
    let Some(area) = image.get_mut(at..at + 2 * SECTOR) else { return };
    area.fill(0);
    area[..7].copy_from_slice(b"\x01CD001\x01");
    area[40..72].fill(b' ');
    area[40..40 + label.len()].copy_from_slice(label.as_bytes());
    area[80..84].copy_from_slice(&sectors.to_le_bytes());
    area[84..88].copy_from_slice(&sectors.to_be_bytes());
    area[128..132].copy_from_slice(&[0, 8, 8, 0]);
    area[SECTOR..SECTOR + 7].copy_from_slice(b"\xffCD001\x01");
}

/// Places on a disc: first sector and count, in order, apart from each other.
pub type Places = Vec<(u32, u32)>;

/// Damage of all shapes: single sectors, scratches, and the last sectors of the disc.
pub fn random_damage(seed: u64, sectors: u32) -> Places {
    let mut dice = Dice(seed ^ 0xdead);
    let mut dead = vec![false; sectors as usize];
    for _ in 0..=dice.below(12) {
        let longest = [1, 3, 40, 700][dice.below(4) as usize];
        let (first, count) = (dice.below(sectors), 1 + dice.below(longest));
        // Sector 16 stays: a disc that nothing is known of has stories of its own.
        dead[first as usize..(first + count).min(sectors) as usize].fill(true);
    }
    if dice.below(3) == 0 {
        dead[(sectors - 1 - dice.below(75)) as usize..].fill(true);
    }
    dead[16] = false;
    places(&dead)
}

/// The places where `flags` says yes.
pub fn places(flags: &[bool]) -> Places {
    let mut places: Places = Vec::new();
    for lba in (0..).zip(flags).filter(|(_, flag)| **flag).map(|(lba, _)| lba) {
        match places.last_mut() {
            Some((first, count)) if *first + *count == lba => *count += 1,
            _ => places.push((lba, 1)),
        }
    }
    places
}

/// A folder with `disc.iso`, and in `damage` the mapfile of what is dead on it; and the disc's bytes.
pub fn damaged_disc(seed: u64, sectors: u32, dead: &[(u32, u32)]) -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let image = disc(seed, sectors);
    folder.write("disc.iso", &image);
    folder.write("damage", mapfile(dead, '-', sectors));
    (folder, image)
}

/// A folder with `disc.iso`, and in `rules` what the drive does wrong; and the disc's bytes.
pub fn faulty_disc(seed: u64, sectors: u32, rules: &str) -> (Folder, Vec<u8>) {
    let folder = Folder::new();
    let image = disc(seed, sectors);
    folder.write("disc.iso", &image);
    folder.write("rules", rules);
    (folder, image)
}

/// A ddrescue mapfile with `bad` at these places and `+` elsewhere.
pub fn mapfile(places: &[(u32, u32)], bad: char, sectors: u32) -> String {
    let mut text = String::from("0x00000000     +               1\n");
    let mut line = |first: u32, end: u32, state: char| {
        if end > first {
            let bytes = SECTOR as u64;
            text += &format!("0x{:08X}  0x{:08X}  {state}\n", u64::from(first) * bytes, u64::from(end - first) * bytes);
        }
    };
    let mut at = 0;
    for &(first, count) in places {
        line(at, first, '+');
        line(first, first + count, bad);
        at = first + count;
    }
    line(at, sectors, '+');
    text
}

/// The blocks of a mapfile without its comments and its position: what two runs must agree on.
pub fn blocks(mapfile: &str) -> Vec<String> {
    mapfile.lines().filter(|line| !line.starts_with('#')).skip(1).map(Into::into).collect()
}

/// A folder to work in; the program runs inside of it, so that names are short.
pub struct Folder(TempDir);

/// A run that ended.
pub struct Ran {
    pub command: String,
    pub ended: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    pub fn remove(&self, names: &[&str]) {
        for name in names {
            fs::remove_file(self.path(name)).unwrap();
        }
    }

    /// What lies in the folder.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Any program, in this folder.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // What a program keeps for its next run is no affair of the tester's home.
        command.env("XDG_STATE_HOME", self.path("state"));
        command
    }

    /// discrip, not yet started.
    pub fn discrip(&self, args: &[&str]) -> Command {
        self.command(DISCRIP, args)
    }

    /// discrip from beginning to end.
    pub fn rip(&self, args: &[&str]) -> Ran {
        finish(self.discrip(args), args)
    }

    /// discrip from beginning to end, which must be with this status.
    pub fn ends(&self, status: i32, args: &[&str]) -> Ran {
        let ran = self.rip(args);
        ran.must_be(status);
        ran
    }

    /// discrip with --json: the events and the result, its status checked.
    pub fn json(&self, status: i32, args: &[&str]) -> (Vec<Value>, Value) {
        let ran = self.ends(status, &[args, &["--json"]].concat());
        let mut events = ran.events();
        let result = events.pop().unwrap_or_else(|| panic!("no result: {ran}"));
        assert_eq!(result["event"], "result", "{ran}");
        assert_eq!(result["status"], status, "{ran}");
        (events, result)
    }

    /// isoverify from beginning to end, which must be with this status.
    pub fn verify(&self, status: i32, args: &[&str]) -> Ran {
        let ran = finish(self.command(ISOVERIFY, args), args);
        ran.must_be(status);
        ran
    }

    /// isoverify with --json: the result, its status checked.
    pub fn verify_json(&self, status: i32, args: &[&str]) -> Value {
        let ran = self.verify(status, &[args, &["--json"]].concat());
        let result = ran.events().pop().unwrap_or_else(|| panic!("no result: {ran}"));
        assert_eq!((&result["event"], result["status"].as_i64()), (&Value::from("result"), Some(status.into())), "{ran}");
        result
    }

    /// A witness: another program that must agree. `None`, and a line that says so, where it is not installed.
    pub fn witness(&self, program: &str, args: &[&str]) -> Option<Ran> {
        let ran = installed(program).then(|| finish(self.command(program, args), args))?;
        assert!(ran.ended.success(), "{program}: {ran}");
        Some(ran)
    }

    /// A shell, for what only a shell can set up.
    pub fn shell(&self, script: &str) -> Ran {
        let mut command = self.command("bash", &["-c", script]);
        command.env("DISCRIP", DISCRIP);
        finish(command, &[script])
    }

    /// The image holds the disc outside of the damage, zeros inside, and nothing else.
    pub fn must_hold(&self, name: &str, disc: &[u8], damage: &[(u32, u32)]) {
        let image = self.read(name);
        assert_eq!(image.len(), disc.len(), "length of {name}");
        let is_dead = |lba: u32| damage.iter().any(|&(first, count)| (first..first + count).contains(&lba));
        for (lba, (got, right)) in (0..).zip(image.chunks(SECTOR).zip(disc.chunks(SECTOR))) {
            if got != right || !damage.is_empty() {
                let right = if is_dead(lba) { &[0; SECTOR][..right.len()] } else { right };
                assert!(got == right, "sector {lba} of {name} is wrong (dead: {})", is_dead(lba));
            }
        }
    }

    /// The map says `-` of the damage and `+` of the rest; ddrescuelog agrees.
    pub fn map_must_say(&self, name: &str, damage: &[(u32, u32)], sectors: u32) {
        let right = mapfile(damage, '-', sectors);
        assert_eq!(blocks(&self.text(name)), blocks(&right), "{name}");
        self.write("right.map", right);
        self.witness("ddrescuelog", &["-p", "right.map", name]);
    }

    /// Failed READ commands in a record of --record.
    pub fn failed_reads(&self, record: &str) -> usize {
        let is_read = |line: &Value| line["cdb"].as_str().is_some_and(|cdb| cdb.starts_with("28"));
        self.recorded(record).iter().filter(|line| is_read(line) && (line["status"] != 0 || line["host"] != 0)).count()
    }

    /// The commands of a record.
    pub fn recorded(&self, record: &str) -> Vec<Value> {
        self.text(record).lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }
}

/// The program under test.
pub const DISCRIP: &str = env!("CARGO_BIN_EXE_discrip");

/// The program that compares.
pub const ISOVERIFY: &str = env!("CARGO_BIN_EXE_isoverify");

/// Starts a command, and waits for its end.
pub fn finish(mut command: Command, args: &[&str]) -> Ran {
    let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    wait(child, &args.join(" "))
}

/// Waits until the program has its signal handlers: before that, USR1 would end it.
pub fn listening(child: &Child) {
    let begin = Instant::now();
    let hears = || {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 << (10 - 1) != 0)
    };
    while !hears() {
        assert!(begin.elapsed() < LIMIT, "it never listens to USR1");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for the end of a command that was started. What runs too long is ended, and fails the test.
pub fn wait(mut child: Child, name: &str) -> Ran {
    fn drain(from: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            from.map(|mut from| from.read_to_end(&mut bytes));
            bytes
        })
    }
    let (stdout, stderr) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let begin = Instant::now();
    let ended = loop {
        match child.try_wait().unwrap() {
            Some(ended) => break ended,
            None if begin.elapsed() > LIMIT => {
                child.kill().unwrap();
                panic!("{name}: still running after {LIMIT:?}");
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let stderr = String::from_utf8_lossy(&stderr.join().unwrap()).into_owned();
    Ran { command: name.into(), ended, stdout: stdout.join().unwrap(), stderr }
}

impl Ran {
    #[track_caller]
    pub fn must_be(&self, status: i32) {
        assert_eq!(self.ended.code(), Some(status), "{self}");
    }

    #[track_caller]
    pub fn must_die_by(&self, signal: i32) {
        assert_eq!(self.ended.signal(), Some(signal), "{self}");
    }

    #[track_caller]
    pub fn must_say(&self, what: &str) {
        assert!(self.stderr.contains(what), "nothing of {what:?} in: {self}");
    }

    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// stdout as JSON lines, all of them.
    pub fn events(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?} in {self}"));
        self.out().lines().map(parse).collect()
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let out = if self.stdout.len() < 5000 { self.out() } else { format!("({} bytes)", self.stdout.len()) };
        write!(f, "`{}` ended with {}\n--- stdout\n{out}\n--- stderr\n{}", self.command, self.ended, self.stderr)
    }
}

/// Whether a tool is there; says so if not.
pub fn installed(program: &str) -> bool {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
        || PathBuf::from("/usr/sbin").join(program).is_file();
    if !found {
        skipped(&format!("{program} is not installed"));
    }
    found
}

/// Says that something can't be tested here, once for each reason, and past the test harness, which hides what a passing test prints.
pub fn skipped(why: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap().insert(why.into()) {
        std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes()).unwrap();
    }
}

/// Whether the tests run as root; says so if not.
pub fn is_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        skipped("needs root");
    }
    root
}

/// The notices and regions of a run, as one text.
pub fn told(events: &[Value]) -> String {
    let texts = events.iter().filter(|event| event["event"] == "notice" || event["event"] == "region");
    texts
        .map(|event| format!("{} {}\n", event["class"].as_str().unwrap_or_default(), event["text"].as_str().unwrap_or_default()))
        .collect()
}

/// Damage of a result: first, count, class.
pub fn damage(result: &Value) -> Vec<(u64, u64, String)> {
    let places = result["damage"].as_array().cloned().unwrap_or_default();
    let number = |place: &Value, key: &str| place[key].as_u64().unwrap();
    places.iter().map(|p| (number(p, "first"), number(p, "count"), p["class"].as_str().unwrap().into())).collect()
}
