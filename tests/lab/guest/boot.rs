//! A machine without a disk of its own that boots from a stick, and what its screen says then: the proof that counts.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use super::guardian::Guardian;
use super::machine::Process;
use super::qemu::qemu;
use super::qmp::Qmp;

/// SeaBIOS, and what it boots, are on the screen well within this.
const LIMIT: Duration = Duration::from_secs(90);
/// Where the VGA card's text stands: 25 lines of 80 characters, each followed by its colour.
const TEXT: (u64, usize, usize) = (0xb8000, 80, 25);

/// Boots from a USB stick that is this file, which is not written to; the lines on the screen as soon as these words are on it
/// and no more come.
/// An error if the words do not come, or if the machine says that it has nothing to boot from.
pub fn screen(stick: &Path, words: &str) -> Result<String, Box<dyn Error>> {
    let guardian = Guardian::new()?;
    let file = json!({"driver": "raw", "node-name": "stick", "read-only": true,
        "file": {"driver": "file", "filename": stick, "locking": "off"}});
    let machine = qemu(guardian.sockets())
        .args(["-M", "pc,usb=off,vmport=off", "-m", "256", "-vga", "std", "-device", "qemu-xhci,id=xhci"])
        .args(["-blockdev", &file.to_string(), "-device", "usb-storage,bus=xhci.0,drive=stick,bootindex=0"])
        .args(["-qmp", "unix:qmp,server=on,wait=off"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let _machine = Process::single(machine);
    let mut qmp = Qmp::connect(&guardian.sockets().join("qmp"))?;
    let end = Instant::now() + LIMIT;
    let mut before = String::new();
    loop {
        sleep(Duration::from_millis(500));
        let text = text(&mut qmp, &guardian.folder().join("text"))?;
        if text.contains(words) && without_digits(&text) == without_digits(&before) {
            return Ok(text);
        }
        if text.contains("No bootable device") || Instant::now() > end {
            return Err(format!("{words:?} is not on the screen:\n{text}").into());
        }
        before = text;
    }
}

/// What of a screen is the same each time: not the clocks and speeds.
pub fn without_digits(screen: &str) -> Vec<&str> {
    screen.lines().filter(|line| !line.bytes().any(|byte| byte.is_ascii_digit())).collect()
}

fn text(qmp: &mut Qmp, file: &Path) -> Result<String, Box<dyn Error>> {
    let (address, columns, lines) = TEXT;
    qmp.execute("pmemsave", json!({"val": address, "size": columns * lines * 2, "filename": file}))?;
    let cells = fs::read(file)?;
    let line = |line: &[u8]| {
        let shown = line.iter().step_by(2).map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { ' ' });
        shown.collect::<String>().trim_end().to_owned()
    };
    let lines: Vec<String> = cells.chunks(columns * 2).map(line).filter(|line| !line.is_empty()).collect();
    Ok(lines.join("\n"))
}
