//! Which machine it was, and how busy.

use std::fs;
use std::num::NonZero;
use std::thread::available_parallelism;

pub fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

pub fn describe() -> String {
    let information = read("/proc/cpuinfo");
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cpu = model.map_or("unknown CPU", |(_, name)| name);
    format!("{} cores, {cpu}, Linux {}", cores(), read("/proc/sys/kernel/osrelease").trim())
}

/// Programs that ran or wanted to, on average over one minute.
pub fn load() -> String {
    read("/proc/loadavg").split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// Empty where there is no such file.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
