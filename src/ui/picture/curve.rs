//! How fast the disc was read: sectors from left to right, speed upwards.

use crate::event::SpeedAt;
use crate::ui::units::bytes;

const LEFT: f64 = 600.0;
const RIGHT: f64 = 930.0;
const TOP: f64 = 340.0;
const BOTTOM: f64 = 600.0;

/// The curve: of each place its mean, and a bar down to its slowest read.
pub(super) fn draw(speeds: &[SpeedAt], sectors: u32) -> String {
    let most = speeds.iter().map(|speed| speed.mean).max().unwrap_or(0);
    let x = |lba: u32| LEFT + (RIGHT - LEFT) * f64::from(lba) / f64::from(sectors.max(1));
    let y = |rate: u64| BOTTOM - (BOTTOM - TOP) * rate as f64 / most.max(1) as f64;
    let means: String = speeds.iter().map(|speed| format!("M{:.1},{:.1}h1", x(speed.lba), y(speed.mean))).collect();
    let bars: String =
        speeds.iter().map(|speed| format!("M{:.1},{:.1}V{:.1}", x(speed.lba), y(speed.mean), y(speed.least))).collect();
    let text = |x: f64, y: f64, anchor: &str, text: &str| {
        format!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" font-size=\"12\">{text}</text>")
    };
    let head = match most {
        0 => "Read speed: nothing was read in this run, or by a drive without time".into(),
        _ => format!("Read speed of this run, up to {}/s; bars go down to the slowest read", bytes(most)),
    };
    [
        text(LEFT, TOP - 12.0, "start", &head),
        format!("<path d=\"M{LEFT},{TOP}V{BOTTOM}H{RIGHT}\" fill=\"none\" stroke=\"#555555\"/>"),
        format!("<path class=\"slowest\" d=\"{bars}\" fill=\"none\" stroke=\"#b9cbe6\"/>"),
        format!("<path class=\"speed\" d=\"{means}\" fill=\"none\" stroke=\"#1f4e9c\" stroke-width=\"2\"/>"),
        text(LEFT, BOTTOM + 18.0, "start", "sector 0"),
        text(RIGHT, BOTTOM + 18.0, "end", &sectors.to_string()),
    ]
    .join("\n")
}
