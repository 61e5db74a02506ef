//! The drive from outside: commands go in through the port, and every field that comes back is looked at.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::port;
use crate::scsi::cdb::Lock;
use crate::scsi::{Cdb, Completion, Data, Ending, OpenError, Port, Transport, TransportError};

const LIMIT: Duration = Duration::from_secs(60);
const POISON: u8 = 0xee;

/// A drive in a folder of its own: sector LBA of `disc.iso` holds the byte LBA % 251 + 1.
struct Bench {
    folder: tempfile::TempDir,
    port: Box<dyn Port>,
    drive: Box<dyn Transport>,
}

impl Bench {
    fn new(sectors: u32, options: &str) -> Self {
        Self::with_faults(sectors, options, "")
    }

    fn with_faults(sectors: u32, options: &str, faults: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("disc.iso"), content(0, sectors)).unwrap();
        fs::write(folder.path().join("faults"), faults.replace("@", &path(folder.path(), ""))).unwrap();
        let operand = format!("{},faults={}{options}", path(folder.path(), "disc.iso"), path(folder.path(), "faults"));
        let mut port = port(&operand).unwrap();
        let drive = port.open().unwrap().transport;
        Self { folder, port, drive }
    }

    /// Sends a command with a poisoned buffer of `length` bytes.
    fn send(&mut self, cdb: &Cdb, length: usize) -> (Completion, Vec<u8>) {
        let mut buffer = vec![POISON; length];
        let completion = self.drive.execute(cdb, Data::In(&mut buffer), LIMIT).unwrap();
        (completion, buffer)
    }

    fn read(&mut self, lba: u32, count: u16) -> (Completion, Vec<u8>) {
        self.send(&Cdb::read_10(lba, count), usize::from(count) * 2048)
    }

    /// How a command ends that asks for 64 bytes: `good`, or the sense with its LBA.
    fn ends(&mut self, cdb: &Cdb) -> String {
        brief(&self.send(cdb, 64).0)
    }

    fn reads(&mut self, lba: u32, count: u16) -> String {
        brief(&self.read(lba, count).0)
    }

    fn reply(&mut self, cdb: &Cdb, length: usize) -> Vec<u8> {
        let (completion, mut buffer) = self.send(cdb, length);
        assert_eq!(completion.ending(), Ending::Good, "{cdb:?}");
        buffer.truncate(length - completion.residual as usize);
        buffer
    }
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

fn content(lba: u32, count: u32) -> Vec<u8> {
    (lba..lba + count).flat_map(|lba| [(lba % 251 + 1) as u8; 2048]).collect()
}

fn brief(completion: &Completion) -> String {
    match completion.ending() {
        Ending::Good => "good".into(),
        Ending::Check(sense) => match sense.information {
            Some(lba) => format!("{sense} @{lba}"),
            None => sense.to_string(),
        },
        other => format!("{other:?}"),
    }
}

/// Bytes that nobody wrote.
fn untouched(buffer: &[u8]) -> bool {
    buffer.iter().all(|&byte| byte == POISON)
}

#[test]
fn sectors_come_as_they_lie_in_the_file() {
    let mut bench = Bench::new(600, "");
    let (completion, data) = bench.read(10, 256);
    assert_eq!((completion.ending(), completion.residual), (Ending::Good, 0));
    assert_eq!(data, content(10, 256));
    let read_12 = Cdb::new(&[0xa8, 0, 0, 0, 0, 99, 0, 0, 0, 2, 0, 0]);
    assert_eq!(bench.reply(&read_12, 4096), content(99, 2));
    let read_cd = |selected| Cdb::new(&[0xbe, 0, 0, 0, 0, 99, 0, 0, 2, selected, 0, 0]);
    assert_eq!(bench.reply(&read_cd(0x10), 4096), content(99, 2));
    assert_eq!(bench.ends(&read_cd(0xf8)), "5/24/00");
    assert_eq!(bench.port.backing(), Some(bench.folder.path().join("disc.iso")));
}

#[test]
fn a_buffer_has_its_limits() {
    let mut bench = Bench::new(600, "");
    let (completion, data) = bench.send(&Cdb::read_10(0, 1), 4096);
    assert_eq!((completion.ending(), completion.residual), (Ending::Good, 2048));
    assert!(data[..2048] == content(0, 1) && untouched(&data[2048..]));
    let (completion, data) = bench.send(&Cdb::read_10(0, 2), 2048);
    assert_eq!((completion.status, completion.host_status), (0, 7));
    assert!(untouched(&data));
    let most = bench.drive.max_transfer();
    assert_eq!(most, 256 * 2048);
    let mut long = vec![0; most + 2048];
    let refused = bench.drive.execute(&Cdb::read_10(0, 257), Data::In(&mut long), LIMIT);
    assert_eq!(refused, Err(TransportError::TooLong(most + 2048)));
}

#[test]
fn the_disc_ends_where_the_file_ends_whatever_is_claimed() {
    let mut bench = Bench::new(100, ",capacity=175");
    assert_eq!(bench.reply(&Cdb::read_capacity(), 8), [0, 0, 0, 174, 0, 0, 8, 0]);
    assert_eq!(bench.reads(99, 1), "good");
    assert_eq!(bench.reads(99, 2), "5/21/00");
    assert_eq!(bench.reads(u32::MAX, 2), "5/21/00");
    let mut small = Bench::new(100, ",capacity=50");
    assert_eq!(small.reply(&Cdb::read_capacity(), 8)[3], 49);
    assert_eq!(small.reads(60, 1), "good");
}

#[test]
fn a_dead_sector_fails_its_whole_command_and_tells_its_lba() {
    let mut bench = Bench::new(100, "");
    let map = bench.folder.path().join("map");
    fs::write(&map, "0x0 +\n0x0 0xA000 +\n0xA000 0x1000 -\n").unwrap();
    let operand = format!("{},damage={}", path(bench.folder.path(), "disc.iso"), map.display());
    bench.drive = port(&operand).unwrap().open().unwrap().transport;
    let (completion, data) = bench.read(16, 16);
    assert_eq!(completion.sense, [0xf0, 0, 3, 0, 0, 0, 20, 10, 0, 0, 0, 0, 0x11, 5, 0, 0, 0, 0]);
    assert_eq!((completion.status, completion.driver_status, completion.residual), (2, 8, 16 * 2048));
    assert!(untouched(&data));
    assert!((3.0..11.2).contains(&completion.took.as_secs_f64()), "{:?}", completion.took);
    assert_eq!([bench.reads(21, 1), bench.reads(22, 1), bench.reads(19, 1)], ["3/11/05 @21", "good", "good"]);
    let again = bench.read(20, 1).0.took.as_secs_f64();
    assert!((3.0..8.2).contains(&again), "the disc spins already: {again}");
}

#[test]
fn what_is_no_data_is_refused_as_such() {
    let mut bench = Bench::new(200, ",layout=data@0+50:audio@50+10:form2@60+10::tao@100+20");
    assert_eq!([bench.reads(48, 4), bench.reads(60, 1), bench.reads(80, 1)], ["5/64/00"; 3]);
    assert_eq!(
        [bench.reads(117, 1), bench.reads(118, 1), bench.reads(119, 1), bench.reads(120, 1)],
        ["good", "5/64/00", "5/64/00", "5/21/00"]
    );
    assert_eq!(bench.reply(&Cdb::read_capacity(), 8)[3], 119);
    assert_eq!(bench.reply(&Cdb::read_toc(1, 12), 12)[3], 2);
    assert_eq!(bench.reply(&Cdb::read_toc(2, 1024), 1024).len(), 4 + 11 * 10);
    assert_eq!(bench.reply(&Cdb::read_track_information(2, 36), 36)[6], 0x0f);
    let by = |kind, number| Cdb::new(&[0x52, kind, 0, 0, 0, number, 0, 0, 36, 0]);
    assert_eq!([bench.reply(&by(0, 55), 36)[2], bench.reply(&by(2, 2), 36)[2]], [2, 4]);
    assert_eq!([bench.ends(&by(0, 80)), bench.ends(&by(1, 5))], ["5/24/00"; 2]);
    let mut css = Bench::new(100, ",profile=dvd-rom,layout=data@0+50:css@50+50");
    assert_eq!(css.reads(49, 2), "5/6f/03");
    assert_eq!(css.reply(&Cdb::read_disc_structure(0, 1, 8), 8)[4], 1);
}

#[test]
fn a_blank_disc_says_so() {
    let mut bench = Bench::new(0, ",profile=dvd+r");
    assert_eq!(bench.reads(0, 1), "5/21/00");
    assert_eq!(bench.ends(&Cdb::read_toc(0, 64)), "5/24/00");
    assert_eq!(bench.ends(&Cdb::test_unit_ready()), "good");
    let information = bench.reply(&Cdb::read_disc_information(34), 34);
    assert_eq!((information.len(), information[2] & 0x0f), (34, 0));
    assert_eq!(bench.reply(&Cdb::read_track_information(1, 36), 36)[6] & 0x40, 0x40);
    assert_eq!(bench.reply(&Cdb::get_configuration(8), 8)[6..], [0, 0x1b]);
}

#[test]
fn replies_are_cut_and_the_residual_says_so() {
    let mut bench = Bench::new(100, "");
    let (completion, data) = bench.send(&Cdb::inquiry(None, 8), 36);
    assert_eq!((completion.ending(), completion.residual), (Ending::Good, 28));
    assert_eq!((data[0], data[1]), (5, 0x80));
    assert!(untouched(&data[8..]));
    assert_eq!(bench.reply(&Cdb::inquiry(Some(0x80), 96), 96)[4..], *b"EMU0001");
    assert_eq!(bench.reply(&Cdb::inquiry(None, 96), 96)[8..16], *b"DISCSMTH");
    assert_eq!(bench.ends(&Cdb::inquiry(Some(0x83), 64)), "5/24/00");
    assert_eq!(bench.ends(&Cdb::new(&[0x23, 0, 0, 0, 0, 0, 0, 0, 64, 0])), "5/20/00");
    assert_eq!(bench.reply(&Cdb::new(&[3, 0, 0, 0, 18, 0]), 18)[2], 0);
    let completion = bench.drive.execute(&Cdb::new(&[]), Data::None, LIMIT).unwrap();
    assert_eq!(completion.ending(), Ending::Good);
}

#[test]
fn profiles_follow_from_options() {
    for (name, code) in [
        ("cd-rom", 8),
        ("cd-r", 9),
        ("cd-rw", 10),
        ("dvd-rom", 0x10),
        ("dvd-r", 0x11),
        ("dvd+r", 0x1b),
        ("bd-rom", 0x40),
        ("bd-r", 0x41),
    ] {
        let mut bench = Bench::new(100, &format!(",profile={name}"));
        assert_eq!(bench.reply(&Cdb::get_configuration(512), 512)[7], code, "{name}");
        assert_eq!(bench.reply(&Cdb::read_disc_information(34), 34)[2] & 0x0f, 0x0e);
        let structures = [bench.ends(&Cdb::read_disc_structure(0, 0, 64)), bench.ends(&Cdb::read_disc_structure(1, 0, 64))];
        let expected = match code {
            8..0x10 => ["5/30/02", "5/30/02"],
            0x10..0x40 => ["good", "5/24/00"],
            _ => ["5/24/00", "good"],
        };
        assert_eq!(structures, expected, "{name}");
    }
}

#[test]
fn the_tray_opens_closes_and_locks() {
    let mut bench = Bench::new(100, "");
    let event = Cdb::new(&[0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0]);
    assert_eq!(bench.reply(&event, 8), [0, 6, 4, 0x10, 0, 2, 0, 0]);
    assert_eq!(bench.ends(&Cdb::prevent_removal(Lock::Closed)), "good");
    assert_eq!(bench.ends(&Cdb::eject()), "5/53/02");
    assert_eq!(bench.reply(&Cdb::mode_sense(0x2a, 64), 64)[8 + 6] & 2, 2);
    // The kernel unlocks the tray when the node is closed.
    bench.drive = bench.port.open().unwrap().transport;
    assert_eq!(bench.ends(&Cdb::eject()), "good");
    assert_eq!([bench.ends(&Cdb::test_unit_ready()), bench.reads(0, 1), bench.ends(&Cdb::read_capacity())], ["2/3a/02"; 3]);
    assert_eq!(bench.reply(&Cdb::get_configuration(8), 8)[6..], [0, 0]);
    assert_eq!(bench.reply(&event, 8), [0, 6, 4, 0x10, 3, 1, 0, 0]);
    assert_eq!(bench.reply(&event, 8), [0, 6, 4, 0x10, 0, 1, 0, 0], "an event is told once");
    assert_eq!(bench.reply(&Cdb::new(&[0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0]), 8)[1], 0x10);
    assert_eq!(bench.ends(&Cdb::new(&[0x1b, 0, 0, 0, 3, 0])), "good");
    assert_eq!(bench.reads(0, 1), "good");
    assert_eq!(bench.reply(&event, 8), [0, 6, 4, 0x10, 2, 2, 0, 0]);
}

#[test]
fn speed_is_set_and_told() {
    let mut bench = Bench::new(600, ",profile=bd-rom");
    let speed = |reply: Vec<u8>| u16::from_be_bytes([reply[8 + 14], reply[8 + 15]]);
    assert_eq!(speed(bench.reply(&Cdb::mode_sense(0x2a, 64), 64)), 26_970);
    bench.read(0, 1);
    let fast = bench.read(1, 256).0.took;
    assert_eq!(bench.ends(&Cdb::set_speed(8990)), "good");
    assert_eq!(speed(bench.reply(&Cdb::mode_sense(0x2a, 64), 64)), 8990);
    let slow = bench.read(257, 256).0.took;
    assert!((2.9..3.1).contains(&(slow.as_secs_f64() / fast.as_secs_f64())), "{fast:?} {slow:?}");
    assert_eq!(bench.ends(&Cdb::set_speed(0xffff)), "good");
    assert_eq!(speed(bench.reply(&Cdb::mode_sense(0x3f, 64), 64)[12..].to_vec()), 26_970);
    assert_eq!(bench.ends(&Cdb::mode_sense(0x05, 64)), "5/24/00");
    let (long, short) = (bench.reply(&Cdb::mode_sense(0x2a, 64), 64), bench.reply(&Cdb::new(&[0x1a, 0, 0x2a, 0, 64, 0]), 64));
    assert_eq!((&short[..4], &short[4..]), (&[25, 0, 0, 0][..], &long[8..]));
    for accepted in [[0x55, 0x10, 0, 0, 0, 0, 0, 0, 0, 0], [0xb6, 0, 0, 0, 0, 0, 0, 0, 0, 28]] {
        assert_eq!(bench.ends(&Cdb::new(&accepted)), "good");
    }
}

#[test]
fn time_passes_on_the_drives_clock_and_an_ideal_drive_takes_none() {
    let mut bench = Bench::new(600, "");
    let clock = bench.port.clock();
    let took = bench.read(0, 1).0.took;
    assert!(took > Duration::from_secs(3));
    assert_eq!(clock.now(), took);
    clock.sleep(Duration::from_secs(3600));
    assert_eq!(clock.now(), took + Duration::from_secs(3600));
    let mut ideal = Bench::new(600, ",model=ideal");
    ideal.read(0, 100);
    assert_eq!(ideal.port.clock().now(), Duration::ZERO);
    let mut real = Bench::with_faults(600, ",model=ideal,clock=real", "any * delay=30");
    let before = std::time::Instant::now();
    real.read(0, 1);
    assert!(before.elapsed() >= Duration::from_millis(30));
}

#[test]
fn past_its_limit_a_command_looks_like_success_but_for_one_field() {
    let mut bench = Bench::with_faults(600, "", "read 5 hang=6000\nread 6 hang=700\nread 7 delay=61000\nread 8 delay=10");
    let mut buffer = [POISON; 2048];
    let completion = bench.drive.execute(&Cdb::read_10(5, 1), Data::In(&mut buffer), Duration::from_secs(2)).unwrap();
    assert_eq!(completion, Completion { host_status: 3, took: Duration::from_secs(2), ..Completion::default() });
    assert!(untouched(&buffer));
    assert_eq!(bench.port.clock().now(), Duration::from_secs(2));
    let (completion, data) = bench.read(6, 1);
    assert_eq!((completion.ending(), completion.took.as_millis(), data), (Ending::Good, 700, content(6, 1)));
    assert_eq!(bench.read(7, 1).0.ending(), Ending::TimedOut);
    assert_eq!(bench.read(8, 1).0.took.as_millis(), 10);
}

#[test]
fn sense_by_rule() {
    let mut bench = Bench::with_faults(
        600,
        "",
        "read 100+2 sense=3/11/05 times=1\nread 200 sense=3/02/00 desc\nread 300 sense=4/44/00 noinfo\n25 * sense=2/04/01\nread 400 sense=1/17/01",
    );
    let (completion, data) = bench.read(96, 8);
    assert_eq!((brief(&completion), completion.residual), ("3/11/05 @100".into(), 8 * 2048));
    assert!(untouched(&data) && completion.took >= Duration::from_secs(3));
    assert_eq!(bench.reads(96, 8), "good");
    let completion = bench.read(198, 8).0;
    assert_eq!(completion.sense, [0x72, 3, 2, 0, 0, 0, 0, 12, 0, 10, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 200]);
    assert_eq!([bench.reads(300, 1), bench.ends(&Cdb::read_capacity())], ["4/44/00", "2/04/01"]);
    // Recovered: the data is there, and a word of warning.
    let (completion, data) = bench.read(400, 1);
    assert_eq!((brief(&completion), completion.residual, data), ("1/17/01 @400".into(), 0, content(400, 1)));
}

#[test]
fn data_by_rule_is_short_wrong_or_missing() {
    let mut bench = Bench::with_faults(
        600,
        "",
        "read 1 short=1000\nread 2 flip\nread 4 random\nread 6 host=7\nread 7 driver=5\nread 8 status=8\nread 9 stale\n12 * short=5",
    );
    let (completion, data) = bench.read(1, 2);
    assert_eq!((completion.ending(), completion.residual), (Ending::Good, 3096));
    assert!(data[..1000] == content(1, 1)[..1000] && untouched(&data[1000..]));

    let different =
        |data: &[u8], lba, count| -> u32 { data.iter().zip(content(lba, count)).map(|(a, b)| (a ^ b).count_ones()).sum() };
    let flipped = bench.read(2, 2).1;
    assert_eq!((different(&flipped, 2, 2), different(&flipped[2048..], 3, 1)), (1, 0));
    assert_eq!(bench.read(2, 2).1, flipped);
    let random = bench.read(3, 2).1;
    assert_eq!(different(&random[..2048], 3, 1), 0);
    assert!(different(&random[2048..], 4, 1) > 1000);
    assert_ne!(bench.read(3, 2).1, random);

    for (lba, fields) in [(6, (0, 7, 0)), (7, (0, 0, 5)), (8, (8, 0, 0)), (9, (0, 0, 0))] {
        let (completion, data) = bench.read(lba, 1);
        assert_eq!((completion.status, completion.host_status, completion.driver_status), fields, "{lba}");
        assert!(completion.residual == 0 && completion.sense.is_empty() && untouched(&data), "{lba}");
    }
    assert_eq!(bench.send(&Cdb::inquiry(None, 36), 36).0.residual, 31);
}

#[test]
fn a_drive_that_vanished_comes_back_to_those_who_open_it_again() {
    let mut bench = Bench::with_faults(600, "", "read 5 gone=8000 times=1\nread 6 gone");
    bench.ends(&Cdb::prevent_removal(Lock::Closed));
    let mut buffer = [POISON; 2048];
    assert_eq!(bench.drive.execute(&Cdb::read_10(5, 1), Data::In(&mut buffer), LIMIT), Err(TransportError::Gone));
    assert!(untouched(&buffer));
    assert!(matches!(bench.port.open().map(|_| ()), Err(OpenError::Missing { .. })));
    bench.port.clock().sleep(Duration::from_millis(7999));
    assert!(bench.port.open().is_err());
    bench.port.clock().sleep(Duration::from_millis(1));
    let back = bench.port.open().unwrap().transport;
    // The old node stays dead.
    assert_eq!(bench.drive.execute(&Cdb::test_unit_ready(), Data::None, LIMIT), Err(TransportError::Gone));
    bench.drive = back;
    assert_eq!([bench.reads(5, 1), bench.ends(&Cdb::eject())], ["good", "good"], "the lock went with the drive");
    assert_eq!(bench.drive.execute(&Cdb::read_10(6, 1), Data::None, LIMIT), Err(TransportError::Gone));
    bench.port.clock().sleep(Duration::from_secs(1 << 30));
    assert!(bench.port.open().is_err());
}

#[test]
fn an_old_node_does_not_unlock_the_tray_of_a_drive_that_came_back() {
    let mut bench = Bench::with_faults(600, "", "read 5 gone=0 times=1");
    assert!(bench.drive.execute(&Cdb::read_10(5, 1), Data::None, LIMIT).is_err());
    let old = std::mem::replace(&mut bench.drive, bench.port.open().unwrap().transport);
    bench.ends(&Cdb::prevent_removal(Lock::Closed));
    drop(old);
    assert_eq!(bench.ends(&Cdb::eject()), "5/53/02");
}

#[test]
fn the_disc_is_changed_by_rule() {
    let mut bench = Bench::with_faults(
        100,
        ",layout=data@0+50",
        "read 10 disc=@other.iso sense=6/28/00 times=1\nread 20 disc= times=1\nbb * disc=@disc.iso\nb6 * disc=@missing.iso",
    );
    fs::write(bench.folder.path().join("other.iso"), content(7, 200)).unwrap();
    assert_eq!(bench.reads(10, 1), "6/28/00 @10");
    assert_eq!(bench.read(10, 1).1, content(17, 1));
    assert_eq!(bench.reply(&Cdb::read_capacity(), 8)[3], 199);
    assert_eq!([bench.reads(20, 1), bench.ends(&Cdb::test_unit_ready())], ["2/3a/01"; 2]);
    assert_eq!(bench.reply(&Cdb::get_configuration(8), 8)[6..], [0, 0]);
    // The first disc comes back as it was, with its layout.
    assert_eq!(bench.ends(&Cdb::set_speed(1)), "good");
    assert_eq!(bench.reply(&Cdb::read_capacity(), 8)[3], 49);
    let told = bench.drive.execute(&Cdb::new(&[0xb6]), Data::None, LIMIT).unwrap_err().to_string();
    assert!(told.contains("missing.iso"), "{told}");
}

#[test]
fn rules_change_while_the_drive_runs() {
    let mut bench = Bench::new(100, "");
    assert_eq!(bench.reads(5, 1), "good");
    fs::write(bench.folder.path().join("faults"), "read 5 sense=3/11/05").unwrap();
    assert_eq!(bench.reads(5, 1), "3/11/05 @5");
    fs::write(bench.folder.path().join("faults"), "what?").unwrap();
    let told = bench.drive.execute(&Cdb::read_10(5, 1), Data::None, LIMIT).unwrap_err().to_string();
    assert!(told.contains("line 1"), "{told}");
}

#[test]
fn the_demo_comes_back_whole_sector_by_sector_and_the_damaged_one_does_not() {
    let mut port = port("demo").unwrap();
    assert_eq!((port.name(), port.backing()), ("emulated:demo".into(), None));
    let mut bench = Bench { folder: tempfile::tempdir().unwrap(), drive: port.open().unwrap().transport, port };
    assert_eq!(bench.reads(2040, 16), "3/11/05 @2048");
    assert_eq!(bench.reads(2048, 1), "good");
    let [a, b, c, d] = bench.reply(&Cdb::read_capacity(), 8)[..4] else { panic!("short reply") };
    let sectors = u32::from_be_bytes([a, b, c, d]) + 1;
    let image: Vec<u8> = (0..sectors).flat_map(|lba| bench.read(lba, 1).1).collect();
    assert!(image == super::demo::image());
    bench.read(299, 1);
    assert!(bench.read(300, 1).0.took > Duration::from_millis(1600));

    bench.drive = super::port("demo,damaged").unwrap().open().unwrap().transport;
    let dead: Vec<_> = (0..sectors).filter(|&lba| bench.reads(lba, 1) != "good").collect();
    assert_eq!(dead, [1200].into_iter().chain(3000..3020).chain(5600..5607).collect::<Vec<_>>());
}

#[test]
fn a_large_disc_with_much_damage_is_read_quickly() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name| path(folder.path(), name);
    let sectors = 12_219_392u64;
    fs::File::create(at("disc")).unwrap().set_len(sectors * 2048).unwrap();
    let areas = 100_000u64;
    let map: String = (0..areas).map(|i| format!("0x{:X} 0x800 -\n", i * (sectors / areas) * 2048)).collect();
    fs::write(at("map"), format!("0x0 +\n{map}")).unwrap();
    let mut port = port(&format!("{},profile=bd-rom,damage={},ecc-loss=0.3", at("disc"), at("map"))).unwrap();
    let mut drive = port.open().unwrap().transport;
    let before = std::time::Instant::now();
    let mut failed = 0;
    for lba in (0..sectors as u32).step_by(32) {
        failed += u32::from(drive.execute(&Cdb::read_10(lba, 32), Data::In(&mut [0; 32 * 2048]), LIMIT).unwrap().status != 0);
    }
    assert_eq!(u64::from(failed), areas);
    // Alone it takes a second or two, also without optimisation; a walk over all areas on each command would take hours.
    assert!(before.elapsed() < Duration::from_secs(30), "{:?}", before.elapsed());
}
