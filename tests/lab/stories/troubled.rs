//! Stories of drives that make trouble: the emulated drive behind the kernel's own sr and sg, so that what it does wrong comes through the
//! driver, as it would from a real one.

use super::{Ending, Story};
use crate::guest::Guest;

/// Every story by its name.
pub const ALL: &[(&str, Story)] = &[("troubled", troubled), ("troubled_end_of_disc", end_of_disc)];

/// What a drive can say, and what it can leave unsaid. The one that hangs does so from beginning to end of the others.
fn troubled() -> Ending {
    let guest = Guest::uml()?;
    guest.disc("disc.iso", 31, 4000)?;
    guest.disc("other.iso", 32, 4000)?;
    guest.run(
        r#"
copy() { discrip --record "$1.record" "$(node "$1")" "$1.iso"; }
lacks() { # NAME "LBA LBA ": all of the disc but these sectors
    cp /share/disc.iso want.iso
    for lba in $2; do hole want.iso "$lba" 1; done
    ends 0 cmp "$1.iso" want.iso
    ends 0 test "$(lost "$1.iso.map")" = "$2"
}

# discrip's limit is 45 s; the block layer looks up to 5 s later. It asks the drive to abort, which gives no answer before its time.
hangs_at_first() {
    plug_drive hang "/share/disc.iso,clock=real,model=ideal"
    fault hang 'read 1000+1 hang=55000 times=1'
    (set +e; copy hang >hang.said 2>&1; echo $? >hang.status) &
}
hangs() {
    until [ -e hang.status ]; do sleep 1; done
    cat hang.said
    ends 0 cat hang.status
    said 0
    ends 0 grep -q 'did not answer in time' hang.said
    ends 0 grep -q '"host":3' hang.record # the limit, as the kernel tells it: DID_TIME_OUT, and SCSI status GOOD
    lacks hang ""
}

descriptor_sense() {
    plug_drive desc /share/disc.iso
    fault desc 'read 1000+2 sense=3/11/05 desc'
    ends 3 copy desc
    ends 0 grep -q '"sense":"7203110' desc.record
    lacks desc "1000 1001 "
}
sense_without_lba() {
    plug_drive mute /share/disc.iso
    fault mute 'read 1000+2 sense=3/11/00 noinfo'
    ends 3 copy mute
    ends 0 grep -q '"sense":"7000030000000' mute.record # not valid
    lacks mute "1000 1001 "
}
medium_changed() {
    plug_drive changed /share/disc.iso
    fault changed 'read 2000+1 times=1 disc=/share/other.iso sense=6/28/00'
    ends 7 copy changed
    said 'another disc is in the drive'
    ends 1 ddrescuelog -q -D changed.iso.map
    for image in changed.iso /share/disc.iso; do # what the map calls finished is of the first disc
        ends 0 ddrescue -q -m changed.iso.map $image "finished-$(basename $image)"
    done
    ends 0 cmp finished-changed.iso finished-disc.iso
    change_disc changed /share/disc.iso
    ends 0 copy changed
    lacks changed ""
}
not_ready_for_a_while() {
    plug_drive late /share/disc.iso
    fault late '00 * times=12 sense=2/4/1' # TEST UNIT READY
    fault late 'read 2000+1 times=3 sense=2/4/1' # and once more while it reads
    ends 0 copy late
    lacks late ""
}
reset() {
    plug_drive reset /share/disc.iso
    fault reset 'read 2000+1 times=1 sense=6/29/00'
    ends 0 copy reset
    lacks reset ""
}
short_data() {
    plug_drive short /share/disc.iso
    fault short 'read 1000+1 short=1000 times=2'
    ends 0 copy short
    ends 0 grep -q '"cdb":"28.*"residual":[1-9]' short.record
    lacks short ""
}
chapter hangs_at_first; chapter descriptor_sense; chapter sense_without_lba; chapter medium_changed; chapter not_ready_for_a_while
chapter reset; chapter short_data; chapter hangs
"#,
    )
}

/// Two bad sectors among the last 75: the kernel's sr driver then makes the disc shorter, and who reads it through the block layer gets a
/// short copy that looks whole (`sr_done` in drivers/scsi/sr.c).
fn end_of_disc() -> Ending {
    let guest = Guest::uml()?;
    guest.disc("disc.iso", 33, 4000)?;
    guest.run(
        r#"
plug() {
    plug_drive "$1" /share/disc.iso
    fault "$1" 'read 3990+2 sense=3/11/05'
}
is_short() { ends 0 test "$(stat -c %s "$1")" -lt "$(stat -c %s /share/disc.iso)"; }
every_sector() {
    plug ours
    ends 3 discrip "$(node ours)" ours.iso
    cp /share/disc.iso want.iso
    hole want.iso 3990 2
    ends 0 cmp ours.iso want.iso
    ends 0 test "$(lost ours.iso.map)" = "3990 3991 "
}
ddrescue_succeeds() { # and lacks what it never saw
    plug theirs
    ends any ddrescue -b2048 "$(node theirs)" theirs.iso theirs.map
    [ $got = 0 ] || ends 0 ddrescue -b2048 "$(node theirs)" theirs.iso theirs.map
    ends 0 ddrescuelog -D theirs.map # all is rescued, it says
    is_short theirs.iso
}
cp_succeeds() {
    plug copied
    ends any cp "$(node copied)" copied.iso
    [ $got = 0 ] || ends 0 cp "$(node copied)" copied.iso
    is_short copied.iso
}
chapter every_sector; chapter ddrescue_succeeds; chapter cp_succeeds
"#,
    )
}
