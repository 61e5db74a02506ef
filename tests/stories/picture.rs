//! `--picture FILE.svg`: the disc, its damage and the speed, drawn.

use crate::common::{Folder, installed, skipped};

const DAMAGED: &str = "emulated:demo,damaged";

/// Another program's XML parser takes it. Its texts, where there is one.
fn texts(folder: &Folder, name: &str) -> Option<String> {
    if !installed("python3") {
        skipped("no parser of XML");
        return None;
    }
    let script = "import sys, xml.etree.ElementTree as e; print('\\n'.join(e.parse(sys.argv[1]).getroot().itertext()))";
    Some(folder.witness("python3", &["-c", script, name])?.out())
}

#[test]
fn the_picture_is_xml_and_says_what_the_map_says() {
    let folder = Folder::new();
    folder.ends(3, &[DAMAGED, "<a> & b.iso", "--picture", "disc.svg"]);
    let picture = folder.text("disc.svg");
    assert!(picture.contains("class=\"bad\" d=\"M"), "28 dead sectors are drawn: {picture}");
    assert!(picture.contains("class=\"not-tried\" d=\"\""), "nothing is left: {picture}");
    assert!(picture.matches("h1").count() > 10, "the curve has places: {picture}");
    let Some(texts) = texts(&folder, "disc.svg") else { return };
    for text in ["DISCSMITH_DEMO", "<a> & b.iso", "cd-rom, 6166 sectors", "DISCSMTH Emulated drive 1.00", "exit status 3"] {
        assert!(texts.contains(text), "no {text}: {texts}");
    }
    for text in ["read: 6138 sectors (99.5 %)", "failed alone: 28 sectors: 28 medium", "left: 0 sectors"] {
        assert!(texts.contains(text), "no {text}: {texts}");
    }
}

#[test]
fn a_run_that_stops_is_drawn_and_the_next_one_replaces_the_picture() {
    let folder = Folder::new();
    folder.ends(7, &[DAMAGED, "out.iso", "--picture", "disc.svg", "--max-errors", "2"]);
    let begun = folder.text("disc.svg");
    assert!(begun.contains("class=\"not-tried\" d=\"M") && begun.contains("exit status 7"), "{begun}");
    folder.ends(3, &[DAMAGED, "out.iso", "--picture", "disc.svg"]);
    let ended = folder.text("disc.svg");
    assert!(ended.contains("class=\"not-tried\" d=\"\"") && ended.contains("exit status 3"), "{ended}");
    // Nothing is left to read: the map is drawn, without the drive.
    folder.remove(&["disc.svg"]);
    folder.ends(3, &[DAMAGED, "out.iso", "--picture", "disc.svg"]);
    let again = folder.text("disc.svg");
    let bad = |picture: &str| picture.lines().find(|line| line.contains("class=\"bad\"")).unwrap().to_string();
    assert_eq!(bad(&again), bad(&ended));
    assert!(again.contains("nothing was read in this run"), "{again}");
}

#[test]
fn a_file_that_is_no_picture_of_ours_is_left_alone_and_nothing_begins() {
    let folder = Folder::new();
    folder.write("logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    folder.ends(5, &[DAMAGED, "out.iso", "--picture", "logo.svg"]).must_say("is no picture of a disc");
    folder.ends(1, &[DAMAGED, "out.iso", "--picture", "nowhere/disc.svg"]).must_say("nowhere/disc.svg");
    assert_eq!(folder.text("logo.svg"), "<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    for own in ["out.iso", "out.iso.map", "out.iso.json"] {
        folder.ends(2, &[DAMAGED, "out.iso", "--picture", own]).must_say("--picture is one of the image's own");
    }
    folder.ends(0, &[DAMAGED, "out.iso", "--picture", "disc.svg", "-n"]);
    assert_eq!(folder.names(), ["logo.svg"]);
}
