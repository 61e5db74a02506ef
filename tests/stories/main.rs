//! Stories of users, told with the real programs on emulated drives and sticks: one file a story.
//!
//! What the stories hold the program to is docs/formats.md. Witnesses are other people's tools (cmp, sha256sum, ddrescuelog,
//! ddrescue, isoinfo, xorriso) and the file that the disc was made of; a story whose tool is missing says so and ends.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that can't go on says where

mod batch;
mod blank;
mod bmap;
mod checksums;
mod common;
mod copies;
mod damaged_disc;
mod drive_trouble;
mod failing_disk;
mod fakes;
mod fewer_bytes;
mod fix_gpt;
mod flash_emulated;
mod flash_file;
mod flash_kills;
mod flash_loop;
mod flash_prompts;
mod flash_repair;
mod flash_resume;
mod format;
mod hostile;
mod hostile_sticks;
mod hurt_files;
mod inspect;
mod inspect_disks;
mod inspect_files;
mod kills;
mod kinds_of_disc;
mod large_disc;
mod limits;
mod log;
mod many_sticks;
mod mapfile_both_ways;
mod outputs;
mod picture;
mod probe;
mod protection;
mod range;
mod record_and_replay;
mod resume;
mod retries;
mod size;
mod status;
mod sticks;
mod streams;
mod surface;
mod verify_again;
mod verify_archives;
mod verify_digests;
mod verify_media;
mod weak;
mod wedged;
mod whole_disc;
mod wipe;
