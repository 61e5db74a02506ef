//! One pattern of damage, as a picture for any browser: how much of what can be recovered is there, after how much time was lost. Pure.

/// A rescue.
pub struct Line {
    pub reader: String,
    pub colour: &'static str,
    /// Seconds of overhead, and what is missing then of the recoverable, from 1 to 0; ascending.
    pub steps: Vec<(f64, f64)>,
}

const WIDTH: f64 = 260.0;
const HEIGHT: f64 = 220.0;
/// Of a panel and its margin.
const PITCH: f64 = WIDTH + 60.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 70.0;

/// Shares that have a line, and their names: what is missing counts, so that each factor of ten is as high.
const SHARES: [(f64, &str); 5] = [(0.5, "50 %"), (0.1, "90 %"), (0.01, "99 %"), (0.001, "99.9 %"), (0.0, "100 %")];

/// A panel for each disc, side by side. Names are our own, and no markup.
pub fn draw(pattern: &str, panels: &[(String, Vec<Line>)]) -> String {
    let (width, height) = (LEFT + PITCH * panels.len() as f64, TOP + HEIGHT + 60.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>{pattern}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"28\" font-size=\"18\">{pattern}</text>\n"
    );
    let mut x = LEFT;
    for (_, lines) in &panels[..panels.len().min(1)] {
        for line in lines.iter().rev() {
            svg += &format!("<text x=\"{x}\" y=\"48\" fill=\"{}\">{}</text>\n", line.colour, line.reader);
            x += 30.0 + 7.0 * line.reader.len() as f64;
        }
    }
    for (number, (disc, lines)) in panels.iter().enumerate() {
        svg += &panel(LEFT + PITCH * number as f64, disc, lines);
    }
    svg + "</svg>\n"
}

/// One disc: the time to the right, until the slowest rescue has all that can be had; what is recovered upwards.
fn panel(left: f64, disc: &str, lines: &[Line]) -> String {
    let most = lines.iter().flat_map(|line| &line.steps).map(|step| step.0).fold(1.0, f64::max);
    let x = |seconds: f64| left + WIDTH * seconds / most;
    let grid = SHARES.map(|(missing, name)| {
        let y = height(missing);
        format!(
            "<path d=\"M{left},{y:.1}h{WIDTH}\" stroke=\"#dddddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" font-size=\"10\">{name}</text>\n",
            left - 5.0,
            y + 4.0
        )
    });
    let path = |line: &Line| {
        let mut corners: Vec<String> = vec![format!("M{left},{:.0}", height(1.0))];
        // What looks the same is drawn once.
        for corner in line.steps.iter().map(|&(seconds, missing)| format!("H{:.0}V{:.0}", x(seconds), height(missing))) {
            if corners.last() != Some(&corner) {
                corners.push(corner);
            }
        }
        format!("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>\n", corners.concat(), line.colour)
    };
    let bottom = TOP + HEIGHT;
    let texts = format!(
        "<path d=\"M{left},{TOP}V{bottom}h{WIDTH}\" fill=\"none\" stroke=\"#555555\"/>\n\
         <text x=\"{left}\" y=\"{y}\">{disc}</text>\n\
         <text x=\"{right}\" y=\"{y}\" text-anchor=\"end\">lost time, up to {minutes:.1} min</text>\n",
        y = bottom + 20.0,
        right = left + WIDTH,
        minutes = most / 60.0,
    );
    grid.into_iter().chain([texts]).chain(lines.iter().map(path)).collect()
}

/// Where a share is, by what is missing: 90, 99 and 99.9 % lie as far from each other; from 99.99 % on it is the top.
fn height(missing: f64) -> f64 {
    TOP + HEIGHT * (1.0 + missing.max(1e-4).log10() / 4.0)
}
