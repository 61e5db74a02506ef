//! How long is a disc? Sources lie, and the image is right all the same.

use crate::common::{Folder, disc, told};

const TRUE: u32 = 6000;

#[test]
fn a_capacity_that_lies_neither_cuts_nor_stretches_the_image() {
    let folder = Folder::new();
    let image = disc(1, TRUE);
    folder.write("disc.iso", &image);
    for profile in ["cd-rom", "cd-r", "dvd-rom", "dvd+r", "bd-rom"] {
        for wrong in [2, 16, 75, 2000] {
            for capacity in [TRUE - wrong, TRUE + wrong] {
                let drive = format!("emulated:disc.iso,profile={profile},capacity={capacity}");
                println!("{drive}");
                let (events, _) = folder.json(0, &[&drive, "out.iso"]);
                folder.must_hold("out.iso", &image, &[]);
                let size = events.iter().find(|event| event["event"] == "size").unwrap();
                assert_eq!(size["sectors"], TRUE, "{size}");
                assert!(size["candidates"].to_string().contains(&capacity.to_string()), "{size}");
                folder.remove(&["out.iso", "out.iso.map", "out.iso.json"]);
            }
        }
    }
}

#[test]
fn nothing_is_shortened_in_doubt() {
    // Only READ CAPACITY answers, and it claims too much: what isn't there is missing, and nothing else is.
    let folder = Folder::new();
    let image = disc(2, TRUE);
    folder.write("disc.iso", &image);
    folder.write("rules", "43 * sense=5/20/00\n51 * sense=5/20/00\n52 * sense=5/20/00\nad * sense=5/20/00\n");
    let (events, result) = folder.json(3, &["emulated:disc.iso,capacity=6075,faults=rules", "out.iso"]);
    let mut longer = image;
    longer.resize(6075 * 2048, 0);
    folder.must_hold("out.iso", &longer, &[]);
    folder.map_must_say("out.iso.map", &[(TRUE, 75)], 6075);
    assert_eq!(result["damage"][0]["class"], "out-of-range", "{}", told(&events));
}

#[test]
fn damage_where_the_sources_disagree_does_not_shorten_the_image() {
    // The last sector is dead, and the capacity says that it does not exist: "can't be read" is no proof of that.
    let folder = Folder::new();
    let image = disc(3, TRUE);
    folder.write("disc.iso", &image);
    folder.write("rules", "read 5998+2 sense=3/11/05\n");
    folder.ends(3, &["emulated:disc.iso,profile=dvd-rom,capacity=5998,faults=rules", "out.iso"]);
    folder.must_hold("out.iso", &image, &[(5998, 2)]);
}

#[test]
fn no_size_at_all_is_refused_with_the_way_on() {
    let folder = Folder::new();
    folder.write("disc.iso", disc(4, 2000));
    let rules: String = ["25", "43", "51", "52", "ad"].iter().map(|op| format!("{op} * sense=5/20/00\n")).collect();
    folder.write("rules", rules);
    folder.ends(5, &["emulated:disc.iso,faults=rules", "out.iso"]).must_say("how large");
    assert!(!folder.exists("out.iso"));
}
