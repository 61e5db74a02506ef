//! `--record`: a session with a drive that replays as a test.

use std::fs::File;

use discsmith::event::Outcome;
use discsmith::event::{Event, Observer};
use discsmith::jobs::Answer;
use discsmith::jobs::rip::{ImageOperand, Limits, Request, run};
use discsmith::scsi::replay::ReplayPort;
use discsmith::status::Status;
use discsmith::sys::Stop;
use discsmith::trust::Algorithm;

use crate::common::{Folder, Places, disc, mapfile};

struct Nobody;

impl Observer for Nobody {
    fn event(&mut self, _: &Event) {}
}

fn request(folder: &Folder, name: &str) -> Request {
    Request {
        image: ImageOperand::Path(folder.path(name)),
        map: None,
        retries: 1,
        no_scrape: false,
        direction: discsmith::rescue::Direction::Forwards,
        range: None,
        skip_patterns: false,
        limits: Limits::default(),
        speed: None,
        wait: false,
        wait_drive: std::time::Duration::from_secs(5),
        unmount: false,
        eject: false,
        force: false,
        same_disc: false,
        dry_run: false,
        beside: Vec::new(),
        digests: vec![Algorithm::Sha256],
        expectation: None,
        options: Vec::new(),
    }
}

#[test]
fn a_record_replays_into_the_same_image() {
    let folder = Folder::new();
    let (image, dead): (_, Places) = (disc(1, 4000), vec![(700, 30), (2500, 1)]);
    folder.write("disc.iso", &image);
    folder.write("damage", mapfile(&dead, '-', 4000));
    folder.write(
        "rules",
        "read 100 hang=60000 times=1\nread 1500 host=7 times=1\nread 3000 sense=6/29/00 times=1\nread 3100 gone=900 times=1\n",
    );
    folder.ends(3, &["emulated:disc.iso,damage=damage,faults=rules", "out.iso", "--retries", "1", "--record", "commands"]);
    let commands = folder.recorded("commands");
    for key in ["cdb", "at", "real", "took", "status", "host", "driver", "residual"] {
        assert!(commands.iter().all(|line| !line[key].is_null() || !line["error"].is_null()), "{key} is missing");
    }
    assert!(commands.iter().any(|line| !line["error"].is_null()), "the drive was gone for a while");
    // The data of reads is told by its digest alone.
    let reads: Vec<_> = commands.iter().filter(|line| line["cdb"].as_str().unwrap().starts_with("28")).collect();
    assert!(reads.iter().all(|line| line["data"].is_null()));
    assert!(
        reads
            .iter()
            .filter(|line| line["status"] == 0 && line["host"] == 0 && line["error"].is_null())
            .all(|line| line["sha256"].is_string())
    );

    let port = ReplayPort::new(&folder.text("commands"), Some(File::open(folder.path("out.iso")).unwrap())).unwrap();
    let result = run(&request(&folder, "again.iso"), Box::new(port), &mut |_| Answer::Nobody, &mut Nobody, &Stop::default());
    assert_eq!(result.status, Status::Unreadable, "{:?}", result.reasons);
    folder.must_hold("again.iso", &image, &dead);
    folder.map_must_say("again.iso.map", &dead, 4000);
}

#[test]
fn each_field_that_speaks_against_a_read_is_believed_also_when_the_buffer_is_full() {
    let folder = Folder::new();
    let image = disc(2, 4000);
    folder.write("disc.iso", &image);
    folder.ends(0, &["emulated:disc.iso", "out.iso", "--record", "commands"]);
    let commands = folder.recorded("commands");
    let last = commands.iter().rposition(|line| line["cdb"].as_str().is_some_and(|cdb| cdb.starts_with("28"))).unwrap();
    for (field, value) in [("residual", 512), ("residual", -1), ("driver", 6), ("driver", 4), ("host", 7), ("status", 8)] {
        println!("{field} {value}");
        let mut altered = commands[..=last].to_vec();
        altered[last][field] = value.into();
        let altered: Vec<String> = altered.iter().map(ToString::to_string).collect();
        let sectors = File::open(folder.path("disc.iso")).unwrap();
        let port = ReplayPort::new(&altered.join("\n"), Some(sectors)).unwrap();
        let name = format!("{field}{value}.iso");
        // The record ends there, so that the run can't go on; what matters is that the last read does not count.
        let request = request(&folder, &name);
        let result = run(&request, Box::new(port), &mut |_| Answer::Nobody, &mut Nobody, &Stop::default());
        assert_ne!(result.status, Status::Done);
        let Some(Outcome::Image(image)) = &result.outcome else { panic!("{result:?}") };
        assert!(image.good > 0 && image.good < 4000, "{result:?}");
    }
}

#[test]
fn a_record_that_can_not_be_written_is_told_before_anything_is_read() {
    let folder = Folder::new();
    folder.ends(1, &["emulated:demo", "out.iso", "--record", "nowhere/commands"]).must_say("nowhere/commands");
    assert_eq!(folder.names(), [""; 0]);
}
