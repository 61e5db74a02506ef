//! Disc after disc, from several drives at once: a row for each, and nothing is read twice.

use std::process::Child;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::{Folder, Ran, disc, mapfile, skipped, volume, wait};

const SECTORS: u32 = 1000;

/// A folder with discs of these labels (`a.iso`, `b.iso`, …) and a folder `d` to image them into.
fn discs(seed: u64, labels: &[&str]) -> (Folder, Vec<Vec<u8>>) {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("d")).unwrap();
    let made = ["a.iso", "b.iso", "c.iso"].into_iter().zip(labels).zip(seed..).map(|((name, label), seed)| {
        let mut image = disc(seed, SECTORS);
        volume(&mut image, 0, label, SECTORS);
        folder.write(name, &image);
        image
    });
    let made = made.collect();
    (folder, made)
}

/// The rows, in the order of the drives' names; python's csv module reads the same.
fn rows(folder: &Folder) -> Vec<Value> {
    let mut rows: Vec<Value> = folder.recorded("d/batch.jsonl");
    let script = "import csv, json; print(json.dumps(list(csv.DictReader(open('d/batch.csv', newline=''), strict=True))))";
    match folder.witness("python3", &["-c", script]) {
        Some(python) => {
            let cells: Vec<Value> = serde_json::from_str(&python.out()).unwrap();
            // Several processes append to two files: in each of them a row may come first.
            let sorted = |mut rows: Vec<String>| {
                rows.sort();
                rows
            };
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string().replace("null", ""), Into::into);
            let keys = ["end", "node", "serial", "kind", "sectors", "image", "status", "outcome", "bad", "unread", "seconds"];
            let some = |row: &Value| keys.map(|key| text(&row[key])).join("|");
            assert_eq!(sorted(cells.iter().map(some).collect()), sorted(rows.iter().map(some).collect()));
            for cell in &cells {
                assert!(cell.as_object().unwrap().len() == 14, "{cell}");
            }
        }
        None => skipped("no python3 to read batch.csv with"),
    }
    rows.sort_by_key(|row| row["node"].as_str().unwrap().to_string());
    rows
}

/// Node and outcome of each row.
fn outcomes(rows: &[Value]) -> Vec<(&str, &str)> {
    rows.iter().map(|row| (row["node"].as_str().unwrap(), row["outcome"].as_str().unwrap())).collect()
}

/// Both files are equal; cmp says so.
fn must_be_same(folder: &Folder, image: &str, disc: &str) {
    assert!(folder.read(image) == folder.read(disc), "{image} is not {disc}");
    folder.witness("cmp", &[image, disc]);
}

/// The image on which the disc of a drive lies.
fn image_of(rows: &[Value], node: &str) -> String {
    let row = rows.iter().find(|row| row["node"] == node).unwrap_or_else(|| panic!("no row of {node}: {rows:?}"));
    format!("d/{}", row["image"].as_str().unwrap())
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id() as i32), signal).unwrap();
}

#[test]
fn each_disc_has_an_image_and_a_row_and_what_is_no_data_disc_has_a_row() {
    let (folder, made) = discs(1, &["WHOLE", "HURT"]);
    folder.write("damage", mapfile(&[(300, 20)], '-', SECTORS));
    folder.write("empty", "");
    let drives = ["emulated:a.iso", "emulated:b.iso,damage=damage", "emulated:empty", "emulated:b.iso,layout=audio@0+900"];
    let ran = folder.ends(5, &[&["--batch", "d", "--discs", "1"], &drives[..]].concat());
    let rows = rows(&folder);
    assert_eq!(
        outcomes(&rows),
        [(drives[0], "whole"), (drives[1], "damaged"), (drives[3], "refused"), (drives[2], "refused")],
        "{ran}"
    );
    must_be_same(&folder, "d/WHOLE.iso", "a.iso");
    folder.must_hold("d/HURT.iso", &made[1], &[(300, 20)]);
    assert_eq!((&rows[1]["bad"], &rows[1]["label"], &rows[1]["status"]), (&20.into(), &"HURT".into(), &3.into()));
    assert!(rows[3]["reasons"][0].as_str().unwrap().contains("blank"), "{}", rows[3]);
    if let Some(sum) = folder.witness("sha256sum", &["d/WHOLE.iso"]) {
        assert_eq!(rows[0]["digests"]["sha256"], sum.out()[..64]);
    }
    assert_eq!(ran.out().lines().count(), 4, "a line a disc: {ran}");
    ran.must_say("emulated:a.iso: disc    cd-rom");
}

#[test]
fn two_discs_of_one_label_get_two_names_and_each_is_known_again() {
    let (folder, _) = discs(10, &["STORY", "STORY"]);
    let batch = ["--batch", "d", "--discs", "1", "emulated:a.iso", "emulated:b.iso"];
    folder.ends(0, &batch);
    let first = rows(&folder);
    assert_eq!(outcomes(&first), [("emulated:a.iso", "whole"), ("emulated:b.iso", "whole")]);
    let images = [image_of(&first, "emulated:a.iso"), image_of(&first, "emulated:b.iso")];
    assert!(images.contains(&"d/STORY.iso".into()) && images.contains(&"d/STORY-2.iso".into()), "{images:?}");
    must_be_same(&folder, &images[0], "a.iso");
    must_be_same(&folder, &images[1], "b.iso");
    // Under whatever name.
    for suffix in ["", ".map", ".json"] {
        std::fs::rename(folder.path(&format!("{}{suffix}", images[0])), folder.path(&format!("d/holiday.iso{suffix}"))).unwrap();
    }
    folder.ends(0, &batch);
    let (old, new) = (first.len(), rows(&folder));
    assert_eq!(new.iter().filter(|row| row["outcome"] == "already-there").count(), 2, "{new:?}");
    assert_eq!(new.len(), old + 2);
    let (_, result) = folder.json(0, &["emulated:a.iso", "d"]);
    assert_eq!((&result["image"], &result["commands"]), (&"d/holiday.iso".into(), &0.into()), "{result}");
    let names: Vec<_> = std::fs::read_dir(folder.path("d")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 8, "two images and the rows: {names:?}");
}

#[test]
fn copies_of_one_disc_in_two_drives_are_read_once() {
    let (folder, _) = discs(20, &["TWIN"]);
    folder.write("b.iso", folder.read("a.iso"));
    let slow = ",clock=real,model=ideal,faults=rules";
    folder.write("rules", "read 500+200 delay=300 times=3\n");
    let drives = [format!("emulated:a.iso{slow}"), format!("emulated:b.iso{slow}")];
    let ran = folder.rip(&["--batch", "d", "--discs", "1", &drives[0], &drives[1]]);
    let rows = rows(&folder);
    let whole = rows.iter().filter(|row| row["outcome"] == "whole").count();
    let other = rows.iter().filter(|row| row["outcome"] == "refused" || row["outcome"] == "already-there").count();
    assert_eq!((whole, other), (1, 1), "{ran}");
    must_be_same(&folder, "d/TWIN.iso", "a.iso");
    assert!(!folder.exists("d/TWIN-2.iso"));
}

/// The tray of a drive in which the second disc lies after a while.
fn one_drive(folder: &Folder, rules: &str) -> Ran {
    folder.write("rules", format!("00 * skip=8 times=1 disc=b.iso sense=6/28/00\n{rules}"));
    folder.ends(0, &["--batch", "d", "--discs", "2", "emulated:a.iso,faults=rules"])
}

#[test]
fn a_drive_takes_disc_after_disc() {
    let (folder, _) = discs(30, &["FIRST", "SECOND"]);
    let ran = one_drive(&folder, "");
    assert!(!ran.stderr.contains("by hand"), "{ran}");
    ran.must_say("waiting for a disc");
    let rows = rows(&folder);
    assert_eq!(rows.iter().map(|row| row["label"].as_str().unwrap()).collect::<Vec<_>>(), ["FIRST", "SECOND"], "{ran}");
    must_be_same(&folder, "d/FIRST.iso", "a.iso");
    must_be_same(&folder, "d/SECOND.iso", "b.iso");
}

#[test]
fn a_disc_that_the_drive_does_not_give_out_is_not_read_again() {
    let (folder, _) = discs(40, &["FIRST", "SECOND"]);
    let ran = one_drive(&folder, "1b * sense=5/53/02\n");
    ran.must_say("take the disc out by hand");
    let rows = rows(&folder);
    assert_eq!(rows.iter().map(|row| row["label"].as_str().unwrap()).collect::<Vec<_>>(), ["FIRST", "SECOND"], "{ran}");
}

#[test]
fn a_drive_that_hangs_stops_no_other_and_a_second_signal_ends_at_once() {
    let (folder, _) = discs(50, &["A", "B", "C"]);
    folder.write("rules", "read 400+200 hang=10000\n");
    let hanging = "emulated:c.iso,clock=real,model=ideal,faults=rules";
    let batch = ["--batch", "d", "--discs", "1", "emulated:a.iso", "emulated:b.iso", hanging];
    let child = folder.discrip(&batch).spawn().unwrap();
    until("two rows", || folder.exists("d/batch.jsonl") && folder.text("d/batch.jsonl").lines().count() == 2);
    until("the image of the third", || folder.exists("d/C.iso.map"));
    send(&child, Signal::SIGINT);
    std::thread::sleep(Duration::from_millis(500));
    send(&child, Signal::SIGINT);
    wait(child, "the batch with a drive that hangs").must_die_by(2);
    assert_eq!(outcomes(&rows(&folder)), [("emulated:a.iso", "whole"), ("emulated:b.iso", "whole")]);
    folder.write("rules", "");
    free(&folder, "d/C.iso");
    folder.ends(0, &batch);
    for (image, disc) in [("d/A.iso", "a.iso"), ("d/B.iso", "b.iso"), ("d/C.iso", "c.iso")] {
        must_be_same(&folder, image, disc);
    }
    let rows = rows(&folder);
    assert_eq!(rows.iter().filter(|row| row["outcome"] == "already-there").count(), 2, "{rows:?}");
}

/// Waits until no process works on an image any more.
fn free(folder: &Folder, image: &str) {
    folder.witness("flock", &["-w", "60", image, "true"]);
}

#[test]
fn a_batch_that_is_killed_or_stopped_is_completed_by_the_same_command() {
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        println!("{signal}");
        let (folder, _) = discs(60, &["A", "B"]);
        folder.write("rules", "read 300+400 delay=400\n");
        let drives = ["a.iso", "b.iso"].map(|disc| format!("emulated:{disc},clock=real,model=ideal,faults=rules"));
        let batch = ["--batch", "d", "--discs", "1", &drives[0], &drives[1]];
        let child = folder.discrip(&batch).spawn().unwrap();
        until("both images", || folder.exists("d/A.iso.map") && folder.exists("d/B.iso.map"));
        send(&child, signal);
        wait(child, "the batch that is ended").must_die_by(signal as i32);
        // Also when nobody watches any more, each drive's process stops in order, and writes its row.
        until("rows of both", || folder.exists("d/batch.jsonl") && folder.text("d/batch.jsonl").lines().count() == 2);
        for image in ["d/A.iso", "d/B.iso"] {
            free(&folder, image);
        }
        assert_eq!(outcomes(&rows(&folder)), [(drives[0].as_str(), "stopped"), (drives[1].as_str(), "stopped")]);
        folder.write("rules", "");
        folder.ends(0, &batch);
        must_be_same(&folder, "d/A.iso", "a.iso");
        must_be_same(&folder, "d/B.iso", "b.iso");
        let rows = rows(&folder);
        assert_eq!(rows.iter().filter(|row| row["outcome"] == "whole").count(), 2, "{rows:?}");
    }
}

#[test]
fn a_label_is_no_formula_in_a_spreadsheet_and_a_torn_row_hurts_no_other() {
    let label = "=1+2,\"x\"";
    let (folder, _) = discs(70, &[label]);
    folder.write(
        "d/batch.csv",
        "end,node,serial,kind,label,sectors,image,status,outcome,bad,unread,sha256,seconds,reason\r\n2026,\"to",
    );
    folder.write("d/batch.jsonl", "{\"end\":");
    folder.ends(0, &["--batch", "d", "--discs", "1", "emulated:a.iso"]);
    let row: Value = serde_json::from_str(folder.text("d/batch.jsonl").lines().nth(1).unwrap()).unwrap();
    assert_eq!(row["label"], label);
    let script =
        "import csv; print([row[4] for row in csv.reader(open('d/batch.csv', newline=''), strict=True) if len(row) == 14][-1])";
    if let Some(python) = folder.witness("python3", &["-c", script]) {
        assert_eq!(python.out().trim_end(), format!("'{label}"));
    }
}

#[test]
fn json_names_the_drive_in_each_line_and_ends_with_the_batch() {
    let (folder, _) = discs(80, &["A", "B"]);
    for drives in [&["emulated:a.iso", "emulated:b.iso"][..], &["emulated:a.iso"]] {
        let (events, result) = folder.json(0, &[&["--batch", "d", "--discs", "1"], drives].concat());
        assert!(events.iter().all(|event| drives.contains(&event["drive"].as_str().unwrap())), "{events:?}");
        assert_eq!(events.iter().filter(|event| event["event"] == "row").count(), drives.len());
        let counted: u64 = result["discs"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(counted, drives.len() as u64, "{result}");
    }
}

#[test]
fn options_reach_each_drive_and_what_makes_no_sense_is_2() {
    let (folder, _) = discs(90, &["A", "B"]);
    let batch =
        ["--batch", "d", "--discs", "1", "--max-errors", "3", "--digest", "md5,crc32", "emulated:a.iso", "emulated:b.iso"];
    folder.ends(0, &batch);
    for row in rows(&folder) {
        assert_eq!(row["digests"].as_object().unwrap().keys().collect::<Vec<_>>(), ["crc32", "md5"], "{row}");
    }
    let record: Value = serde_json::from_str(&folder.text("d/A.iso.json")).unwrap();
    let options: Vec<&str> = record["runs"][0]["options"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(options.windows(2).any(|pair| pair == ["--max-errors", "3"]), "{options:?}");
    for args in [
        &["--batch", "nowhere", "emulated:a.iso"][..],
        &["--batch", "d", "emulated:a.iso", "emulated:a.iso"],
        &["--batch", "d", "emulated:a.iso", "-"],
        &["--batch", "d", "--force", "emulated:a.iso"],
        &["--batch", "d", "--range", "0-9", "emulated:a.iso"],
        &["--batch", "d", "--sha256", "00", "emulated:a.iso"],
        &["--batch", "d", "--log", "log", "emulated:a.iso"],
        &["--batch", "d", "--picture", "disc.svg", "emulated:a.iso"],
        &["--batch", "d", "--discs", "0", "emulated:a.iso"],
        &["--discs", "1", "emulated:a.iso", "out.iso"],
    ] {
        folder.ends(2, args);
    }
}
