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

/// The stick: its cache is lost, and it is slow enough to be met in mid-write.
const OPTIONS: &str = "size=24M,cache=4M,speed=6M@w";

/// Writing and reading back take about so long in ms, from the start of the program on.
const LIFE: (u32, u32) = (500, 4500);

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

/// Cuts the power so often. Each machine first writes the stick of the one before to the end.
pub fn cut(seed: u64, wanted: u32, mut news: impl FnMut(&Met)) -> Result<Met, Box<dyn Error>> {
    let old = noise(seed, SECTORS.1)?;
    let mut met = Met::default();
    let mut left: Option<Vec<u8>> = None;
    for number in 1..=wanted.into() {
        let mut random = Random::of_round(seed, number);
        let buses = if random.percent(50) { [Bus::Usb, Bus::Uas] } else { [Bus::Uas, Bus::Usb] };
        let guest = Guest::new()?;
        let image = fs::read(guest.disc("image.iso", seed, SECTORS.0)?)?;
        fs::write(guest.file("cut"), &old)?;
        fs::write(guest.file("left"), left.as_deref().unwrap_or(&old))?;
        let life = f64::from(LIFE.0 + random.below(LIFE.1 - LIFE.0)) / 1000.0;
        let sticks = [Stick::emulated(buses[0], &format!("cut,{OPTIONS}")), Stick::emulated(buses[1], "left,size=24M")];
        let mut script = String::new();
        if left.is_some() {
            script += "finished() { ends 0 isoflash --yes /share/image.iso \"$(stick 1)\"; said verified; }\nchapter finished\n";
        }
        script += &format!(
            "cut() {{
    node=$(stick 0)
    host after {life} kill
    got=0
    isoflash --yes /share/image.iso \"$node\" >/share/said 2>&1 || got=$?
    echo $got >/share/ended
    sleep 60
}}
chapter cut\n"
        );
        let guest = guest.with_sticks(sticks);
        let what = format!("--seed {seed}, power cut {number} after {life} s");
        guest.run(&script).map_err(|error| format!("{what}: {error}"))?;
        if left.is_some() {
            must_hold(&guest.file("left"), &image).map_err(|why| format!("{what}, the stick of the cut before: {why}"))?;
        }
        let stick = fs::read(guest.file("cut"))?;
        let state = state(&stick, &image, &old).ok_or_else(|| format!("{what}: the stick holds half an image that may boot"))?;
        met.cuts += 1;
        match state {
            State::Untouched => met.untouched += 1,
            State::Dead => met.dead += 1,
            State::Whole => met.whole += 1,
        }
        let ended = fs::read_to_string(guest.file("ended")).unwrap_or_default();
        if ended.trim() == "0" && state != State::Whole {
            return Err(format!("{what}: isoflash had called it verified").into());
        }
        left = Some(stick);
        if met.cuts == wanted {
            // The last one needs no machine.
            let operand = format!("emulated:{}", guest.file("cut").display());
            let mut isoflash = Command::new(env!("CARGO_BIN_EXE_isoflash"));
            let ended =
                isoflash.args(["--yes", "-q"]).arg(guest.file("image.iso")).arg(operand).stdout(Stdio::null()).status()?;
            must_hold(&guest.file("cut"), &image).map_err(|why| format!("{what}, written again ({ended}): {why}"))?;
        }
        news(&met);
    }
    Ok(met)
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
