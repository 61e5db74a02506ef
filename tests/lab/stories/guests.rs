//! Stories of the lab itself: what a script can rely on in a guest of either kind.

use super::{Ending, Story};
use crate::guest::stick::{Bus, Stick};
use crate::guest::{Guest, Kind};

/// Every story by its name.
pub const ALL: &[(&str, Story)] =
    &[("guest_qemu", || of(Kind::Qemu)), ("guest_qemu_plugs", plugs), ("guest_uml", || of(Kind::Uml))];

/// A script fails when a chapter fails, and the power goes out when the script says so; what was printed before is there.
fn of(kind: Kind) -> Ending {
    let failed = Guest::of(kind)?.run("wrong() { ends 0 false; echo not reached; }\nchapter wrong\n");
    match failed {
        Err(error) if error.to_string().ends_with("the script ended with 1") => {}
        failed => return Err(format!("a script that fails: {failed:?}").into()),
    }
    let guest = Guest::of(kind)?;
    guest
        .run(
            r#"
programs() {
    ends 0 discrip --version
    ends 0 dd if=/dev/zero of=/share/zeros bs=1M count=3 conv=fsync
    ends 1 touch /proc/nothing
}
no_such_hardware() { # a clear answer
    (host unplug cd7) && exit 1
    echo after
}
power_cut() {
    host after 1 kill
    sleep 30
    : >/share/not_reached
}
chapter programs; chapter no_such_hardware; chapter power_cut
"#,
        )
        .and_then(|said| match guest.file("zeros").metadata()?.len() {
            3_145_728 if !guest.file("not_reached").exists() => Ok(said),
            length => Err(format!("{said}{length} bytes were kept, or the power was not cut").into()),
        })
}

/// Whatever is plugged in can be pulled out and plugged in again as fast as one likes, at work or not.
fn plugs() -> Ending {
    let guest = Guest::new()?;
    let file = guest.file("plain");
    std::fs::File::create(&file)?.set_len(32 << 20)?;
    let guest = guest.with_sticks([
        Stick::new(Bus::Usb, &file),
        Stick::emulated(Bus::Usb, "served,size=32M,cache=4M,speed=4M@w"),
        Stick::emulated(Bus::Uas, "by-uas,size=32M"),
        Stick::emulated(Bus::Usb, "leaves,size=32M,gone-after=1M"),
    ]);
    guest.run(
        r#"
in_and_out() { # NUMBER
    for _ in 1 2 3 4 5 6 7 8 9 10; do host unplug stick$1; host plug stick$1; done
    wait_for is_there $1
    ends 0 dd if=/dev/zero of="$(stick $1)" bs=64k count=4 oflag=direct
}
plain() { in_and_out 0; }
served() { in_and_out 1; }
by_uas() { in_and_out 2; }
at_work() {
    for _ in 1 2 3; do
        wait_for is_there 1
        dd if=/dev/zero of="$(stick 1)" bs=1M oflag=direct 2>/dev/null &
        sleep 0.5
        host unplug stick1
        host plug stick1
        wait
    done
    in_and_out 1
}
by_itself() {
    for _ in 1 2 3; do
        wait_for is_there 3
        dd if=/dev/zero of="$(stick 3)" bs=1M oflag=direct 2>/dev/null || host plug stick3
    done
}
already_in() { # a clear answer
    (host plug stick0) && exit 1
    echo after
}
chapter plain; chapter served; chapter by_uas; chapter at_work; chapter by_itself; chapter already_in
"#,
    )
}
