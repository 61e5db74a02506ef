//! Stories of the emulated drive behind the kernel's own drivers, sr and sg.

use std::error::Error;

use super::{Ending, Story};
use crate::guest::Guest;

/// Every story by its name.
pub const ALL: &[(&str, Story)] = &[("served_damaged", damaged), ("served_damaged_in_qemu", damaged_in_qemu)];

/// A disc, its damage, and a copy of it through the kernel's drivers.
const COPIED: &str = r#"
plug_drive hurt emulated:/share/disc.iso,damage=/share/damage.map
cp /share/disc.iso want.iso
hole want.iso 1000 2; hole want.iso 2000 16; hole want.iso 4990 1

copied() {
    ends 3 discrip "$(node hurt)" out.iso
    ends 0 test "$(lost out.iso.map)" = "$(lost /share/damage.map)"
    ends 0 cmp out.iso want.iso
}
chapter copied
"#;

fn with_discs(guest: Guest) -> Result<Guest, Box<dyn Error>> {
    guest.disc("disc.iso", 41, 5000)?;
    guest.disc("other.iso", 42, 4000)?;
    guest.damage("damage.map", 5000, &[1000..1002, 2000..2016, 4990..4991])?;
    Ok(guest)
}

/// Debian's own kernel in QEMU does the same.
fn damaged_in_qemu() -> Ending {
    with_discs(Guest::new()?)?.run(COPIED)
}

/// A damaged disc: what is read is right, and what is not is known to the sector; also when it was another disc for a while.
fn damaged() -> Ending {
    let more = r#"
generic_node() {
    ends 3 discrip "$(generic hurt)" generic.iso
    ends 0 cmp generic.iso want.iso
}
changed() {
    change_disc hurt /share/other.iso
    ends 0 discrip "$(node hurt)" other.iso
    ends 0 cmp other.iso /share/other.iso
    change_disc hurt
    ends 7 discrip "$(node hurt)" none.iso
}
another_fault() {
    change_disc hurt /share/disc.iso # with its damage; what the rules say is the drive's
    fault hurt 'read 100+8' sense=3/11/05
    ends 3 discrip "$(node hurt)" worse.iso
    ends 0 test "$(lost worse.iso.map | wc -w)" = 27
}
same_fault_again() {
    toc="sg_raw -r 12 $(generic hurt) 43 0 0 0 0 0 0 0 c 0"
    for _ in 1 2 3; do
        fault hurt '43 *' times=1 sense=5/24/00
        ends 5 $toc
        ends 0 $toc
    done
}
back_and_forth() {
    for _ in 1 2 3; do
        for disc in other disc; do
            change_disc hurt /share/$disc.iso
            ends 0 cmp -n 100000 "$(node hurt)" /share/$disc.iso
        done
    done
}
unplugged() {
    unplug_drive hurt
    ends 0 test -s /share/hurt.record
    plug_drive healthy emulated:/share/disc.iso
    ends 0 discrip "$(node healthy)" healthy.iso
    ends 0 cmp healthy.iso /share/disc.iso
}
server_killed() { # it can't answer any more, and nobody waits for ever
    unplug_drive healthy # its serial number is the same, and discrip would take it for the one that is lost
    plug_drive mortal emulated:/share/disc.iso,clock=real,model=ideal
    fault mortal 'read 3000+1 hang=60000'
    (sleep 2; kill -9 "$(cat /scratch/mortal.pid)") &
    ends 7 timeout 20 discrip --wait-drive 1s "$(node mortal)" mortal.iso
    plug_drive mortal emulated:/share/disc.iso
    ends 0 discrip "$(node mortal)" mortal.iso
    ends 0 cmp mortal.iso /share/disc.iso
    unplug_drive mortal
}
chapter generic_node; chapter changed; chapter another_fault; chapter same_fault_again
chapter back_and_forth; chapter unplugged; chapter server_killed
"#;
    with_discs(Guest::uml()?)?.run(&[COPIED, more].concat())
}
