//! The command line of isoinspect, as typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::image::tree;
use crate::jobs::inspect::{Destination, Request, Wish};
use crate::ui::Results;

use super::{Arguments, Show, UsageError};

/// Tells what an image, a disc or a stick holds: how long it is by what lies in it, what boots from it, what it calls itself, which
/// files are in it. It is only read.
///
/// IMAGE is a file, /dev/sdb, /dev/sr0, a link in /dev/disk/by-id, or emulated:FILE. Discs are read by SCSI command, sticks past the
/// page cache. What IMAGE.map beside a file (GNU ddrescue's mapfile) does not call finished counts as missing.
///
/// Exit status: 0 told, 1 it can't be read, 2 usage, 3 not all of it could be read, 5 refused, or nothing in it is known, 6 truncated, or in
/// contradiction to itself, 7 stopped before the end.
#[derive(Debug, Parser)]
#[command(
    name = "isoinspect",
    version,
    max_term_width = 98,
    override_usage = "isoinspect [OPTIONS] IMAGE\n       isoinspect [OPTIONS] IMAGE --ls [PATH]\n       isoinspect [OPTIONS] IMAGE --extract PATH -o FILE"
)]
pub struct Args {
    /// A file, a node, or emulated:FILE
    #[arg(value_name = "IMAGE")]
    image: Option<OsString>,
    /// List the files and directories at and below PATH
    #[arg(long, value_name = "PATH", num_args = 0..=1, default_missing_value = "/")]
    ls: Option<OsString>,
    /// Copy the file at PATH out of the image; what can't be read of it is zero there
    #[arg(long, value_name = "PATH", requires = "output", conflicts_with = "ls")]
    extract: Option<String>,
    /// Where to; it must not exist. - is stdout
    #[arg(short, long, value_name = "FILE", requires = "extract")]
    output: Option<PathBuf>,
    /// Whose names; the best that there are by default
    #[arg(long, value_enum)]
    tree: Option<Tree>,
    #[command(flatten)]
    show: Show,
}

/// Whose names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tree {
    /// UDF
    Udf,
    /// Rock Ridge
    RockRidge,
    /// Joliet
    Joliet,
    /// ISO 9660 alone
    #[value(alias = "iso9660")]
    Iso,
}

impl Args {
    /// The task, and the image as it was named.
    ///
    /// # Errors
    /// What makes no sense.
    pub fn task(&self) -> Result<(Request, OsString), UsageError> {
        // `--ls IMAGE` takes the image for a path.
        let (image, ls) = match (&self.image, &self.ls) {
            (None, Some(image)) if image != "/" => (image.clone(), Some("/".into())),
            (None, _) => return usage("the image is missing"),
            (Some(image), ls) => (image.clone(), ls.as_ref().map(|path| path.to_string_lossy().into_owned())),
        };
        if image.is_empty() {
            return usage("the image's name is empty");
        }
        if image == "-" {
            return usage("an image can't come from stdin: it is read by place");
        }
        let wish = match (ls, &self.extract, &self.output) {
            (Some(path), ..) => Wish::List(absolute(&path)),
            (None, Some(path), Some(file)) => Wish::Extract(absolute(path), destination(file)),
            _ if self.tree.is_some() => return usage("--tree goes with --ls or --extract"),
            _ => Wish::Tell,
        };
        let tree = self.tree.map(|tree| match tree {
            Tree::Udf => tree::Tree::Udf,
            Tree::RockRidge => tree::Tree::RockRidge,
            Tree::Joliet => tree::Tree::Joliet,
            Tree::Iso => tree::Tree::Iso9660,
        });
        Ok((Request { wish, tree }, image))
    }
}

impl Arguments for Args {
    fn show(&self) -> &Show {
        &self.show
    }

    fn results(&self) -> Results {
        let is_stdout = self.output.as_deref().is_some_and(|file| destination(file) == Destination::Stdout);
        if is_stdout { Results::Stderr } else { self.show.results() }
    }
}

/// A path from the root, with or without the slash that it begins with.
fn absolute(path: &str) -> String {
    let path = path.trim_end_matches('/');
    if path.starts_with('/') { path.into() } else { format!("/{path}") }
}

fn destination(file: &std::path::Path) -> Destination {
    if file.as_os_str() == "-" { Destination::Stdout } else { Destination::File(file.into()) }
}

fn usage<T>(text: &str) -> Result<T, UsageError> {
    Err(UsageError(format!("{text}; try: isoinspect image.iso, or isoinspect --help")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn task(words: &[&str]) -> Result<(Request, OsString), String> {
        let args = Args::try_parse_from([&["isoinspect"], words].concat()).map_err(|error| error.to_string())?;
        args.task().map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_image_may_stand_before_or_behind_the_list() {
        for words in [&["--ls", "a.iso"][..], &["a.iso", "--ls"], &["a.iso", "--ls", "/"]] {
            let (request, image) = task(words).unwrap();
            assert_eq!((image.to_str(), request.wish), (Some("a.iso"), Wish::List("/".into())), "{words:?}");
        }
        let (request, _) = task(&["a.iso", "--ls", "boot/"]).unwrap();
        assert_eq!(request.wish, Wish::List("/boot".into()));
        let (request, _) = task(&["a.iso", "--extract", "x", "-o", "-"]).unwrap();
        assert_eq!(request.wish, Wish::Extract("/x".into(), Destination::Stdout));
    }

    #[test]
    fn what_makes_no_sense_says_what_would() {
        for words in [&[][..], &["--ls"], &[""], &["-"], &["a.iso", "--tree", "udf"]] {
            assert!(task(words).unwrap_err().contains("try: isoinspect"), "{words:?}");
        }
        for words in
            [&["a.iso", "--extract", "/x"][..], &["a.iso", "-o", "x"], &["a.iso", "--ls", "/", "--extract", "x", "-o", "y"]]
        {
            assert!(task(words).is_err(), "{words:?}");
        }
    }
}
