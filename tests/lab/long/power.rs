//! The power goes out in mid-write: the stick loses its cache, and is judged by the file that it is made of.

use std::error::Error;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::disc::noise;
use crate::guest::Guest;
use crate::guest::stick::{Bus, Stick};
use crate::random::Random;

/// What firmware looks at first, and isoflash writes last.
const HEAD: usize = 1 << 20;

/// Sectors of the image, and of the stick.
const SECTORS: (usize, usize) = (5000, 12_288);

/// The sticks that lose the power.
const CUT: [&str; 2] = ["cut0", "cut1"];

/// Their cache is lost, and they are slow enough to be met in mid-write.
const OPTIONS: &str = "size=24M,cache=4M,speed=6M@w";

/// Writing two and reading them back takes about so long in ms, from the start of the programs on.
const LIFE: (u32, u32) = (500, 6500);

/// What the power cuts met.
#[derive(Default)]
pub struct Met {
    /// Power cuts.
    pub cuts: u32,
    untouched: u32,
    dead: u32,
    whole: u32,
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cuts, untouched, dead, whole } = self;
        write!(f, "{cuts} power cuts: {untouched} sticks were as before, {dead} boot nowhere, {whole} hold the whole image")
    }
}

/// Cuts the power so often, each time while two sticks are written. Of these the next machine writes the first to the end, and the
/// program outside the other; outside, too, what the last one left.
pub fn cut(seed: u64, wanted: u32, mut news: impl FnMut(&Met)) -> Result<Met, Box<dyn Error>> {
    let old = noise(seed, SECTORS.1)?;
    let mut met = Met::default();
    let mut left: Option<Vec<u8>> = None;
    for number in 1..=wanted.into() {
        let mut random = Random::of_round(seed, number);
        let mut buses = [Bus::Usb, Bus::Uas];
        if random.percent(50) {
            buses.reverse();
        }
        let life = f64::from(LIFE.0 + random.below(LIFE.1 - LIFE.0)) / 1000.0;
        let what = format!("--seed {seed}, power cut {number} after {life} s");
        let guest = Guest::new()?;
        let image = fs::read(guest.disc("image.iso", seed, SECTORS.0)?)?;
        let mut sticks = Vec::new();
        for (file, bus) in CUT.iter().zip(buses) {
            fs::write(guest.file(file), &old)?;
            sticks.push(Stick::emulated(bus, &format!("{file},{OPTIONS}")));
        }
        let mut script = String::new();
        if let Some(left) = &left {
            fs::write(guest.file("left"), left)?;
            sticks.push(Stick::emulated(buses[0], "left,size=24M"));
            script += "finished() { ends 0 isoflash --yes /share/image.iso \"$(stick 2)\"; said verified; }\nchapter finished\n";
        }
        script += &format!(
            "write() {{ got=0; isoflash --yes /share/image.iso \"$1\" >\"/share/$2.said\" 2>&1 || got=$?; echo $got >\"/share/$2.ended\"; }}
cut() {{
    first=$(stick 0) second=$(stick 1)
    host after {life} kill
    write \"$first\" {} &
    write \"$second\" {} &
    sleep 60
}}
chapter cut\n",
            CUT[0], CUT[1]
        );
        let guest = guest.with_sticks(sticks);
        guest.run(&script).map_err(|error| format!("{what}: {error}"))?;
        if left.is_some() {
            must_hold(&guest.file("left"), &image).map_err(|why| format!("{what}, the stick of the cut before: {why}"))?;
        }
        met.cuts += 1;
        for file in CUT {
            met.judge(&guest, file, &image, &old).map_err(|why| format!("{what}, {file}: {why}"))?;
        }
        left = Some(fs::read(guest.file(CUT[0]))?);
        let outside = if met.cuts == wanted { &CUT[..] } else { &CUT[1..] };
        for file in outside {
            write_again(&guest, file).map_err(|why| format!("{what}, {file}, written again: {why}"))?;
            must_hold(&guest.file(file), &image).map_err(|why| format!("{what}, {file}, written again: {why}"))?;
        }
        news(&met);
    }
    // Or the lives are too short or too long for this machine, and nothing was tested.
    let is_met = met.cuts < 10 || met.dead * 4 >= met.cuts;
    if is_met { Ok(met) } else { Err(format!("too few in mid-write: {met}").into()) }
}

impl Met {
    /// What became of a stick; an error if it is half an image that may boot, or isoflash had said more than is true.
    fn judge(&mut self, guest: &Guest, file: &str, image: &[u8], old: &[u8]) -> Result<(), Box<dyn Error>> {
        let state = state(&fs::read(guest.file(file))?, image, old).ok_or("it holds half an image that may boot")?;
        match state {
            State::Untouched => self.untouched += 1,
            State::Dead => self.dead += 1,
            State::Whole => self.whole += 1,
        }
        let ended = fs::read_to_string(guest.file(&format!("{file}.ended"))).unwrap_or_default();
        match (ended.trim(), state) {
            ("", _) | ("0", State::Whole) => Ok(()),
            ("0", _) => Err("isoflash had called it verified".into()),
            (status, _) => Err(format!("isoflash had ended with {status} before the power did").into()),
        }
    }
}

/// The same command, without a machine.
fn write_again(guest: &Guest, file: &str) -> Result<(), Box<dyn Error>> {
    let mut isoflash = Command::new(env!("CARGO_BIN_EXE_isoflash"));
    isoflash.args(["--yes", "-q"]).arg(guest.file("image.iso")).arg(format!("emulated:{}", guest.file(file).display()));
    isoflash.env("XDG_STATE_HOME", guest.file("state"));
    let ended = isoflash.stdout(Stdio::null()).status()?;
    if ended.success() { Ok(()) } else { Err(ended.to_string().into()) }
}

fn must_hold(stick: &Path, image: &[u8]) -> Result<(), Box<dyn Error>> {
    let is_there = fs::read(stick)?.starts_with(image);
    is_there.then_some(()).ok_or_else(|| "it does not hold the image".into())
}

/// What became of a stick.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// As it was, but for the zeros that its head begins with.
    Untouched,
    /// It boots nowhere.
    Dead,
    /// It holds the image.
    Whole,
}

/// None for half an image with a head.
fn state(stick: &[u8], image: &[u8], old: &[u8]) -> Option<State> {
    let (head, body) = stick.split_at_checked(HEAD)?;
    let zeros = head.iter().take_while(|byte| **byte == 0).count();
    let given = head.iter().zip(image).take_while(|(stick, image)| stick == image).count();
    let is_proved = body.get(..image.len() - HEAD)? == &image[HEAD..];
    match () {
        () if given == HEAD && is_proved => Some(State::Whole),
        () if zeros == HEAD => Some(State::Dead),
        // The zeros of the head are not written at once, nor is the head in the end, when all else was proved.
        () if stick[zeros..] == old[zeros..] => Some(State::Untouched),
        () if is_proved && head[given..].iter().all(|byte| *byte == 0) => Some(State::Dead),
        () => None,
    }
}
