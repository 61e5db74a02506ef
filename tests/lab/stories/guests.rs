//! Stories of the lab itself: what a script can rely on in a guest of either kind.

use super::{Ending, Story};
use crate::guest::{Guest, Kind};

/// Every story by its name.
pub const ALL: &[(&str, Story)] = &[("guest_qemu", || of(Kind::Qemu)), ("guest_uml", || of(Kind::Uml))];

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
