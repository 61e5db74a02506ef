//! `--picture FILE.svg`: a disc and its damage seen from above, and how fast it was read, for any browser.

mod curve;
mod spiral;
mod xml;

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::unistd::{AccessFlags, access};

use crate::disc::DriveName;
use crate::event::{DiscSummary, Event, ImageOutcome, JobResult, Observer, Outcome};
use crate::medium::{load, save};
use crate::mmc::Class;
use crate::rescue::State;

use super::units::{percent, size, time};
use xml::Xml;

/// How each picture begins: by this it is known again.
const BEGIN: &str = "<!-- A disc, drawn by discrip -->\n<svg ";

/// Bytes of a picture at most: each cell of the surface and each place of the curve take less than 64.
const LONGEST: u64 = 1 << 20;

/// Draws the disc when the job ends; before that, `screen` sees all that happens.
pub struct Picture<'a> {
    path: PathBuf,
    drive: Option<DriveName>,
    disc: Option<DiscSummary>,
    screen: &'a mut dyn Observer,
}

impl<'a> Picture<'a> {
    /// A picture that will be saved at `path`, in place of the one that is there.
    ///
    /// # Errors
    /// `AlreadyExists` for what is there and is no picture of ours; those of looking at its folder, which must be writable.
    pub fn new(path: &Path, screen: &'a mut dyn Observer) -> io::Result<Self> {
        match load(path, LONGEST) {
            Ok(bytes) if bytes.starts_with(BEGIN.as_bytes()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound && path.symlink_metadata().is_err() => {}
            _ => return Err(io::Error::new(ErrorKind::AlreadyExists, "it is there already, and is no picture of a disc")),
        }
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        access(folder, AccessFlags::W_OK | AccessFlags::X_OK)?;
        Ok(Self { path, drive: None, disc: None, screen })
    }

    fn save(&self, result: &JobResult, image: &ImageOutcome) -> io::Result<()> {
        let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        save(&self.path, |out| out.write_all(self.draw(result, image, &now).as_bytes()))
    }

    fn draw(&self, result: &JobResult, image: &ImageOutcome, now: &str) -> String {
        let name = image.image.as_ref().map_or_else(|| "standard output".into(), |path| path.display().to_string());
        let label = self.disc.as_ref().and_then(|disc| disc.label.clone());
        let kind = self.disc.as_ref().map_or_else(String::new, |disc| format!("{}, ", disc.kind));
        let drive = self.drive.as_ref().map_or_else(String::new, |drive| {
            format!("{} {} {} ({}), ", drive.vendor, drive.product, drive.firmware, drive.node)
        });
        let title = label.unwrap_or_else(|| name.clone());
        let about = format!("{kind}{} sectors ({}), into {name}", image.sectors, size(image.sectors));
        let run = format!("{drive}{now}, {}, exit status {}", time(result.elapsed), u8::from(result.status));
        [
            format!(
                "{BEGIN}xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 660\" font-family=\"sans-serif\" font-size=\"14\">"
            ),
            format!("<title>{}</title>", Xml(&title)),
            "<rect width=\"960\" height=\"660\" fill=\"#ffffff\"/>".into(),
            format!("<text x=\"30\" y=\"42\" font-size=\"24\">{}</text>", Xml(&title)),
            format!("<text x=\"30\" y=\"66\">{}</text>", Xml(&about)),
            format!("<text x=\"30\" y=\"86\">{}</text>", Xml(&run)),
            spiral::draw(&image.surface),
            legend(image),
            curve::draw(&image.speeds, image.sectors),
            "</svg>\n".into(),
        ]
        .join("\n")
    }
}

impl Observer for Picture<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Drive(name) => self.drive = Some(name.clone()),
            Event::Disc(disc) => self.disc = Some(disc.clone()),
            Event::Result(result) => {
                if let Some(Outcome::Image(image)) = result.outcome.as_ref()
                    && image.sectors > 0
                    && let Err(error) = self.save(result, image)
                {
                    let path = self.path.display();
                    self.screen
                        .event(&Event::notice(format!("saving the picture {path}: {error}; the same command draws it again")));
                }
            }
            _ => {}
        }
        self.screen.event(event);
    }

    fn next(&mut self) -> Option<&mut dyn Observer> {
        Some(self.screen)
    }
}

/// The colour of a state. The worse, the darker: it shows on paper too, and to eyes that don't tell red from green.
fn colour(state: State) -> &'static str {
    match state {
        State::Finished => "#b7ddb0",
        State::NonTried => "#e4e4e4",
        State::NonTrimmed => "#f0b429",
        State::NonScraped => "#d9681d",
        State::Bad => "#a3000b",
    }
}

/// What the colours mean, and how many sectors there are of each.
fn legend(image: &ImageOutcome) -> String {
    let share = |sectors: u32| format!("{sectors} sectors ({})", percent(sectors.into(), image.sectors.into()));
    let mut missing: BTreeMap<Class, u32> = BTreeMap::new();
    for damage in &image.damage {
        *missing.entry(damage.class).or_default() += damage.extent.count;
    }
    let classes: Vec<String> = missing.iter().map(|(class, count)| format!("{count} {class}")).collect();
    let classes = if classes.is_empty() { String::new() } else { format!(": {}", classes.join(", ")) };
    let rows = [
        (State::Finished, format!("read: {}", share(image.good))),
        (State::Bad, format!("failed alone: {} sectors{classes}", image.bad)),
        (State::NonTried, format!("left: {} sectors; not tried,", image.unread)),
        (State::NonTrimmed, "failed in a long read,".into()),
        (State::NonScraped, "failed with the ECC block".into()),
    ];
    let row = |(row, (state, text)): (usize, (State, String))| {
        let y = 140 + 26 * row;
        let colour = colour(state);
        format!(
            "<rect x=\"600\" y=\"{}\" width=\"18\" height=\"14\" fill=\"{colour}\"/><text x=\"628\" y=\"{y}\">{}</text>",
            y - 12,
            Xml(&text)
        )
    };
    rows.into_iter().enumerate().map(row).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mmc::Extent;
    use crate::rescue::{Extents, Surface};
    use crate::status::Status;

    struct Nobody;

    impl Observer for Nobody {
        fn event(&mut self, _: &Event) {}
    }

    fn picture(sectors: u32, bad: u32) -> String {
        let mut map = Extents::new(sectors, State::Finished);
        map.set(Extent { first: sectors / 2, count: bad }, State::Bad);
        let image = ImageOutcome {
            image: Some("<a> & \"b\"\u{1b}.iso".into()),
            sectors,
            good: sectors - bad,
            bad,
            surface: Surface::of(&map),
            ..ImageOutcome::default()
        };
        let mut nobody = Nobody;
        let picture = Picture { path: PathBuf::new(), drive: None, disc: None, screen: &mut nobody };
        picture.draw(&JobResult::new(Status::Unreadable), &image, "2026-11-22T06:27:13Z")
    }

    #[test]
    fn names_from_outside_are_no_markup() {
        let picture = picture(10_000, 1);
        assert!(picture.contains("&lt;a&gt; &amp; &quot;b&quot;\\u{1b}.iso"), "{picture}");
        assert!(!picture.contains('\u{1b}'));
    }

    #[test]
    fn one_dead_sector_of_a_disc_is_drawn() {
        let dead = |picture: &str| picture.contains("class=\"bad\" d=\"M");
        assert!(dead(&picture(12_000_000, 1)));
        assert!(!dead(&picture(12_000_000, 0)));
    }

    #[test]
    fn the_worst_disc_still_makes_a_small_picture() {
        let mut map = Extents::new(4096, State::Finished);
        (0..4096).step_by(2).for_each(|first| map.set(Extent { first, count: 1 }, State::Bad));
        assert!((spiral::draw(&Surface::of(&map)).len() as u64) < LONGEST / 2);
    }
}
