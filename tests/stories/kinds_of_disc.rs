//! Discs that are not one plain data track.

use crate::common::{Folder, damage, disc, told, volume};

#[test]
fn the_run_out_of_a_track_written_track_at_once_is_left_out_and_told() {
    let folder = Folder::new();
    let mut image = disc(1, 5000);
    volume(&mut image, 0, "TAO", 4998);
    folder.write("disc.iso", &image);
    let (events, result) = folder.json(0, &["emulated:disc.iso,layout=tao@0+5000", "out.iso"]);
    folder.must_hold("out.iso", &image[..4998 * 2048], &[]);
    folder.map_must_say("out.iso.map", &[], 4998);
    assert_eq!((&result["sectors"], &result["whole"]), (&4998.into(), &true.into()));
    assert!(told(&events).contains("run-out"), "{}", told(&events));
    assert!(folder.text("out.iso.json").contains("run-out"));
    // Once more: complete, although the drive speaks of two sectors more.
    folder.ends(0, &["emulated:disc.iso,layout=tao@0+5000", "out.iso"]);
    folder.must_hold("out.iso", &image[..4998 * 2048], &[]);
}

#[test]
fn two_dead_sectors_at_the_end_of_a_file_system_are_no_run_out() {
    let folder = Folder::new();
    let image = disc(2, 5000);
    folder.write("disc.iso", &image);
    let (_, result) = folder.json(3, &["emulated:disc.iso,layout=tao@0+5000", "out.iso"]);
    folder.must_hold("out.iso", &image, &[(4998, 2)]);
    assert_eq!(result["bad"], 2);
}

#[test]
fn the_gap_between_two_sessions_is_zero_and_told() {
    let folder = Folder::new();
    let mut image = disc(3, 14_900);
    image[3000 * 2048..14_400 * 2048].fill(0);
    volume(&mut image, 14_400, "SECOND", 14_900);
    folder.write("disc.iso", &image);
    let drive = "emulated:disc.iso,profile=cd-r,layout=data@0+3000::data@14400+500";
    let (events, result) = folder.json(0, &[drive, "out.iso", "--record", "commands"]);
    folder.must_hold("out.iso", &image, &[]);
    assert_eq!(result["failed_reads"], 0);
    assert!(told(&events).contains("gap"), "{}", told(&events));
    let region = events.iter().find(|event| event["event"] == "region").unwrap();
    assert_eq!((&region["first"], &region["count"], &region["class"]), (&3000.into(), &11_400.into(), &"gap".into()));
    assert_eq!(events.iter().find(|event| event["event"] == "disc").unwrap()["sessions"], 2);
    folder.map_must_say("out.iso.map", &[], 14_900);
}

#[test]
fn run_out_at_the_end_of_each_session_is_left_out() {
    let folder = Folder::new();
    let mut image = disc(4, 14_900);
    volume(&mut image, 0, "FIRST", 2998);
    image[2998 * 2048..14_400 * 2048].fill(0);
    volume(&mut image, 14_400, "SECOND", 14_898);
    folder.write("disc.iso", &image);
    let (events, _) = folder.json(0, &["emulated:disc.iso,profile=cd-r,layout=tao@0+3000::tao@14400+500", "out.iso"]);
    folder.must_hold("out.iso", &image[..14_898 * 2048], &[]);
    assert_eq!(told(&events).matches("run-out").count(), 4, "{}", told(&events));
}

#[test]
fn a_data_track_before_music_is_the_image_and_the_music_is_named() {
    let folder = Folder::new();
    let image = disc(5, 3000);
    folder.write("disc.iso", &image);
    let drive = "emulated:disc.iso,layout=data@0+3000:audio@3000+9000:audio@12000+4000";
    let (events, _) = folder.json(0, &[drive, "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
    assert!(told(&events).contains("track 2 is audio") && told(&events).contains("track 3 is audio"), "{}", told(&events));
}

#[test]
fn a_data_session_behind_music_lies_at_its_own_address() {
    let folder = Folder::new();
    let mut image = vec![0; 20_400 * 2048];
    image.extend_from_slice(&disc(6, 3000));
    folder.write("disc.iso", &image);
    let (events, result) = folder.json(0, &["emulated:disc.iso,layout=audio@0+5000:audio@5000+4000::data@20400+3000", "out.iso"]);
    folder.must_hold("out.iso", &image, &[]);
    assert_eq!((&result["sectors"], &result["failed_reads"]), (&23_400.into(), &0.into()));
    let classes: Vec<_> = events.iter().filter(|e| e["event"] == "region").map(|e| e["class"].as_str().unwrap()).collect();
    assert_eq!(classes, ["audio", "audio", "gap"]);
}

#[test]
fn protected_sectors_are_named_and_only_their_edges_asked_for_again() {
    let folder = Folder::new();
    let mut image = disc(7, 30_000);
    image[400 * 2048..20_400 * 2048].fill(0);
    folder.write("disc.iso", &image);
    let drive = "emulated:disc.iso,profile=dvd-rom,layout=data@0+400:css@400+20000:data@20400+9600";
    folder.ends(3, &[drive, "once.iso", "--record", "once"]);
    let (_, result) = folder.json(3, &[drive, "out.iso", "--retries", "5", "--record", "commands"]);
    folder.must_hold("out.iso", &image, &[]);
    folder.map_must_say("out.iso.map", &[(400, 20_000)], 30_000);
    assert_eq!(damage(&result), [(400, 20_000, "protected".to_string())]);
    let failed = folder.failed_reads("commands");
    assert_eq!(failed, folder.failed_reads("once") + 5 * 2, "retried in vain");
    assert!(failed < 20_000 / 10, "{failed} failing reads of a region that gives nothing");
}

#[test]
fn form_2_sectors_are_named_and_only_their_edges_asked_for_again() {
    let folder = Folder::new();
    let mut image = disc(8, 9000);
    image[1000 * 2048..5500 * 2048].fill(0);
    folder.write("disc.iso", &image);
    let drive = "emulated:disc.iso,layout=data@0+1000:form2@1000+4500:data@5500+3500";
    folder.ends(3, &[drive, "once.iso", "--record", "once"]);
    let (_, result) = folder.json(3, &[drive, "out.iso", "--retries", "5", "--record", "commands"]);
    folder.must_hold("out.iso", &image, &[]);
    folder.map_must_say("out.iso.map", &[(1000, 4500)], 9000);
    assert_eq!(damage(&result), [(1000, 4500, "off-track".to_string())]);
    let failed = folder.failed_reads("commands");
    assert_eq!(failed, folder.failed_reads("once") + 5 * 2, "retried in vain");
    assert!(failed < 4500 / 10, "{failed} failing reads of a region that gives nothing");
}

#[test]
fn an_audio_disc_is_refused_with_the_way_on() {
    let folder = Folder::new();
    folder.write("disc.iso", vec![0; 20_000 * 2048]);
    folder.ends(5, &["emulated:disc.iso,layout=audio@0+9000:audio@9000+9000", "out.iso"]).must_say("audio");
    assert_eq!(folder.names(), ["disc.iso"]);
}

#[test]
fn a_blank_disc_is_refused() {
    let folder = Folder::new();
    folder.write("empty", "");
    for profile in ["", ",profile=cd-rw", ",profile=dvd+r", ",profile=dvd-r", ",profile=bd-r"] {
        folder.ends(5, &[&format!("emulated:empty{profile}"), "out.iso"]).must_say("blank");
    }
    assert_eq!(folder.names(), ["empty"]);
}
