//! Stories of sticks that are not what they claim to be, or do what no good stick does: emulated ones, behind the kernel's own drivers.
//! Judged from outside, by the file that the stick is made of.

use std::fs;

use super::sticks::holds;
use super::{Ending, Story};
use crate::guest::Guest;
use crate::guest::stick::{Bus, Stick};

/// Every story by its name.
pub const ALL: &[(&str, Story)] = &[
    ("bad_stick_fake", fake),
    ("bad_stick_failing", failing),
    ("bad_stick_slow", slow),
    ("bad_stick_among_others", among_others),
    ("bad_stick_power_cut", power_cut),
];

/// A stick that was never written to.
static BLANK: [u8; 32 << 20] = [0; 32 << 20];

/// Sticks that take all that they are given, and keep something else.
fn fake() -> Ending {
    let guest = Guest::new()?;
    guest.disc("image.iso", 31, 6000)?;
    let guest = guest.with_sticks([
        Stick::emulated(Bus::Usb, "wraps,size=32M,real=8M,wrap"),
        Stick::emulated(Bus::Uas, "drops,size=32M,real=8M,drop"),
        Stick::emulated(Bus::Usb, "flips,size=32M,flip=3M"),
    ]);
    guest.run(
        r#"
found_out() { # NUMBER FILE TEXT
    fails 4 isoflash --yes /share/image.iso "$(stick $1)"
    said "$3"
    not_bootable "/share/$2"
}
wraps() { found_out 0 wraps 'claims 33.6 MB and holds 8.39 MB at most'; }
drops() { found_out 1 drops 'nothing that was written from byte 8388608'; }
flips() { found_out 2 flips 'flips bits: 1 bit of 1 sector'; }
chapter wraps; chapter drops; chapter flips
"#,
    )
}

/// A stick with sectors that it can't write, one that can't read what it wrote, and one that leaves the bus whenever it has taken 10 MiB.
fn failing() -> Ending {
    let guest = Guest::new()?;
    guest.disc("image.iso", 32, 6000)?;
    let guest = guest.with_sticks([
        Stick::emulated(Bus::Usb, "broken,size=32M,eio=6M+4K@w"),
        Stick::emulated(Bus::Uas, "mute,size=32M,eio=6M+4K@r"),
        Stick::emulated(Bus::Usb, "leaves,size=32M,gone-after=10M"),
    ]);
    guest.run(
        r#"
not_written() {
    fails 1 isoflash --yes /share/image.iso "$(stick 0)"
    names_sector 12288
    not_bootable /share/broken
}
not_read_back() {
    fails any isoflash --yes /share/image.iso "$(stick 1)"
    [ $got = 1 ] || [ $got = 4 ] # not proved
    names_sector 12288
    not_bootable /share/mute
}
gone() {
    fails 7 isoflash --yes /share/image.iso "$(stick 2)"
    not_bootable /share/leaves
    ends 0 grep -q ENODEV /share/stick2.record
    wait_for test -z "$(stick 2)"
}
gone_on_with() {
    host plug stick2
    wait_for is_there 2
    ends 0 isoflash --yes /share/image.iso "$(stick 2)"
    grep -q "were there already" /share/said
}
chapter not_written; chapter not_read_back; chapter gone; chapter gone_on_with
"#,
    )
}

/// Sticks that take their time: in one place, and everywhere. The one with sectors of 4096 bytes is as good as any.
fn slow() -> Ending {
    let guest = Guest::new()?;
    let image = guest.disc("image.iso", 33, 6001)?;
    let guest = guest.with_sticks([
        Stick::emulated(Bus::Usb, "zone,size=32M,slow=4M+1M@200"),
        Stick::emulated(Bus::Bot4096, "large,size=32M,sector=4096,slow=1s+1s@500"),
        Stick::emulated(Bus::Usb, "paced,size=64M,speed=10M@w,speed=20M@r"),
    ]);
    let said = guest.run(
        r#"
write() { # NUMBER
    ends 0 isoflash --yes /share/image.iso "$(stick $1)"
    said verified
}
slow_zone() { write 0; }
sectors_of_4096_bytes() { write 1; }
figure() { # NAME DD-OPERAND...
    name=$1
    shift
    ends 0 dd bs=1M count=40 "$@"
    echo "note: $name: $(tail -n 1 /share/said)"
}
speeds() { # told, as no test is about time
    figure "written at 10 MiB/s" if=/dev/zero of="$(stick 2)" oflag=direct
    sleep 3 # nothing is saved up
    figure "and after a pause" if=/dev/zero of="$(stick 2)" oflag=direct
    figure "read at 20 MiB/s" if="$(stick 2)" of=/dev/null iflag=direct
}
chapter slow_zone; chapter sectors_of_4096_bytes; chapter speeds
"#,
    )?;
    holds(&guest.file("zone"), &image, 512, &BLANK)?;
    holds(&guest.file("large"), &image, 4096, &BLANK)?;
    Ok(said)
}

/// Three at once: a slow one and one that fails in mid-write get in nobody's way.
fn among_others() -> Ending {
    let guest = Guest::new()?;
    let image = guest.disc("image.iso", 35, 6000)?;
    let guest = guest.with_sticks([
        Stick::emulated(Bus::Usb, "good,size=32M"),
        Stick::emulated(Bus::Uas, "slow,size=32M,speed=3M@w"),
        Stick::emulated(Bus::Usb, "broken,size=32M,eio=6M+4K@w"),
    ]);
    let said = guest.run(
        r#"
three_at_once() {
    ends 1 isoflash --yes /share/image.iso "$(stick 0)" "$(stick 1)" "$(stick 2)"
    names_sector 12288
    [ "$(grep -cE "^($(stick 0)|$(stick 1)) .* verified " /share/said)" = 2 ]
    not_bootable /share/broken
}
chapter three_at_once
"#,
    )?;
    holds(&guest.file("good"), &image, 512, &BLANK)?;
    holds(&guest.file("slow"), &image, 512, &BLANK)?;
    Ok(said)
}

/// The power goes: whatever a cache held is lost. An honest stick does not boot then, and is gone on with; of one that only says that it has
/// flushed, nobody can know before.
fn power_cut() -> Ending {
    let guest = Guest::new()?;
    let image = guest.disc("image.iso", 34, 6000)?;
    let guest = guest.with_sticks([
        Stick::emulated(Bus::Usb, "liar,size=32M,cache=4M,nofua"),
        Stick::emulated(Bus::Usb, "pulled,size=32M,cache=4M,speed=4M@w"),
        Stick::emulated(Bus::Usb, "cut,size=32M,cache=4M,speed=4M@w"),
    ]);
    let mut said = guest.run(
        r#"
export XDG_STATE_HOME=/share/state # what a machine has on its disk outlives the power
liar_believed() {
    ends 0 isoflash --yes /share/image.iso "$(stick 0)"
    said verified
    ends 0 isoverify /share/image.iso "$(stick 0)"
    ends 0 grep -q '"op":"flush"' /share/stick0.record # it was told to
}
pulled_out() {
    midway /share/pulled unplug stick1
    fails 7 isoflash --yes /share/image.iso "$(stick 1)"
    not_bootable /share/pulled
}
power_cut() {
    midway /share/cut kill
    ends any isoflash --yes /share/image.iso "$(stick 2)"
    echo "ended before the power was cut"
    exit 1
}
chapter liar_believed; chapter pulled_out; chapter power_cut
"#,
    )?;
    for stick in ["liar", "pulled", "cut"] {
        let bytes = fs::read(guest.file(stick)).map_err(|error| format!("{said}{stick}: {error}"))?;
        if bytes.iter().take(1 << 20).any(|byte| *byte != 0) {
            return Err(format!("{said}{stick} may boot after a power cut").into());
        }
    }
    said += &guest.run(
        r#"
export XDG_STATE_HOME=/share/state
liar_found_out() { fails 4 isoverify /share/image.iso "$(stick 0)"; }
gone_on_with() { # NUMBER
    ends 0 isoflash --yes /share/image.iso "$(stick $1)"
    said verified
    said 'were there already'
}
pulled_out() { gone_on_with 1; }
power_cut() { gone_on_with 2; }
chapter liar_found_out; chapter pulled_out; chapter power_cut
"#,
    )?;
    for stick in ["pulled", "cut"] {
        holds(&guest.file(stick), &image, 512, &BLANK)?;
    }
    Ok(said)
}
