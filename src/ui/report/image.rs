//! What came of a disc, as sentences.

use crate::disc::Damage;
use crate::event::ImageOutcome;
use crate::mmc::Class;
use crate::ui::escape::Escaped;
use crate::ui::units::{percent, size, span, time};

use super::{hurt, origins};

/// Damage is listed up to this many places; the map has them all.
const LISTED: usize = 10;

pub(super) fn summary(image: &ImageOutcome, elapsed: u64) -> Vec<String> {
    if image.sectors == 0 || image.commands == 0 {
        return Vec::new();
    }
    let name =
        image.image.as_ref().map_or_else(|| "standard output".into(), |path| Escaped(&path.display().to_string()).to_string());
    let verb = if image.unread > 0 { "so far" } else { "done  " };
    let all = if image.whole {
        "all read".into()
    } else {
        format!("{} read ({})", image.good, percent(image.good.into(), image.sectors.into()))
    };
    let done = format!("{verb}  {name}: {} sectors ({}), {all}, in {}", image.sectors, size(image.sectors), time(elapsed));
    [Some(done), origins(&image.origins), brought_back(image), weak(image)].into_iter().flatten().collect()
}

/// Which way of the retries brought back how many sectors.
fn brought_back(image: &ImageOutcome) -> Option<String> {
    let ways: Vec<String> = image.brought_back.iter().map(|(way, count)| format!("{count} {}", way.text())).collect();
    let sectors = match image.brought_back.values().sum() {
        0 => return None,
        1 => "1 sector".into(),
        count => format!("{count} sectors"),
    };
    Some(format!("back    {sectors} that had failed came back: {}", ways.join(", ")))
}

/// What came with effort.
fn weak(image: &ImageOutcome) -> Option<String> {
    let mut places: Vec<String> = image.weak.iter().take(LISTED).map(|extent| span(*extent)).collect();
    if image.weak.len() > LISTED {
        places.push(format!("and {} more places", image.weak.len() - LISTED));
    }
    let number = match image.weak.len() {
        0 => return None,
        1 => "1 place".into(),
        many => format!("{many} places"),
    };
    Some(format!(
        "weak    {number} took the drive effort: {}; what comes with effort is next to go, so keep this image safe",
        places.join(", ")
    ))
}

/// What is missing.
pub(super) fn missing(image: &ImageOutcome) -> Vec<String> {
    let heads = std::iter::once("missing ").chain(std::iter::repeat("        "));
    let place = |(head, damage): (&str, &Damage)| {
        format!("{head}{} ({}): {}", span(damage.extent), size(damage.extent.count), damage.class.text())
    };
    let mut lines: Vec<String> = heads.zip(image.damage.iter().take(LISTED)).map(place).collect();
    if image.damage.len() > LISTED {
        let map =
            image.map.as_ref().map_or_else(String::new, |map| format!("; {} has them all", Escaped(&map.display().to_string())));
        lines.push(format!("        and {} more places{map}", image.damage.len() - LISTED));
    }
    // A look has no more to say than what would be read.
    if image.unread > 0 && image.commands > 0 {
        let sectors = if image.unread == 1 { "sector" } else { "sectors" };
        lines.push(format!("left    {} {sectors} not tried to the end", image.unread));
    }
    let json = image.image.as_ref().map_or_else(|| "--json".into(), |image| format!("{}.json", image.display()));
    lines.extend(image.hurt.iter().flat_map(|hurt| hurt::lines(hurt, &json)));
    lines
}

/// What to do about missing sectors, if anything helps.
pub(super) fn advice(image: &ImageOutcome) -> Option<String> {
    let text = match () {
        () if image.bad == 0 || image.unread > 0 => return None,
        () if image.damage.iter().all(|damage| damage.class.is_region() && damage.class != Class::Blank) => {
            "no drive gives these sectors out in this way: reading them again does not help"
        }
        () if image.map.is_none() => "read the disc into a file: then what is missing can be tried again",
        () => {
            "clean the disc, and run the command with --retries 6, in this drive or another: only what is missing is read again"
        }
    };
    Some(format!("next    {text}"))
}

/// The name that digests stand beside.
pub(super) fn name(image: &ImageOutcome) -> String {
    let name = image.image.as_ref().map_or_else(|| "-".into(), |path| path.display().to_string());
    // A name with a line break in it would need the escapes of GNU coreutils; it gets ours, which no checker takes for a name.
    Escaped(&name).to_string()
}

/// The comment above digests of an image with holes.
pub(super) fn holes(image: &ImageOutcome) -> Option<String> {
    (!image.whole).then(|| {
        format!(
            "# {} sectors of {} could not be read and are zero; these are the digests of the image as it is",
            image.bad + image.unread,
            name(image)
        )
    })
}
