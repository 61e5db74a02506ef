//! Stories of rescue: damaged discs in the emulated drive behind the kernel's own sr and sg, and what a person does who has a second
//! program, a second drive or a second copy, or bad luck in the middle of it.

use std::error::Error;
use std::ops::Range;

use super::{Ending, Story};
use crate::guest::Guest;

/// Every story by its name.
pub const ALL: &[(&str, Story)] = &[
    ("rescue_by_two_programs", by_two_programs),
    ("rescue_end_of_disc", end_of_disc),
    ("rescue_flaky", flaky),
    ("rescue_accidents", accidents),
    ("rescue_two_copies", two_copies),
    ("rescue_batch", batch),
];

const SECTORS: usize = 5000;
/// From one bad sector to more than ddrescue reads at once (32). None of the last 75: there the kernel makes the disc shorter for ddrescue.
const DAMAGE: [Range<u64>; 4] = [1000..1002, 2000..2016, 3298..3358, 4700..4701];

/// What all of these stories can say. `$node` is the drive's.
const WORDS: &str = r#"
ddrescue -q -m /share/damage.map /share/disc.iso want.iso || exit 1 # what there is to rescue; the rest is zero
insert() { # NAME [,OPTION...]
    plug_drive "$1" "/share/disc.iso,damage=/share/damage.map${2-}"
    node=$(node "$1")
}
rescued() { # IMAGE MAP: all that can be read is there, and ddrescue's own tool counts as many of each kind as there are
    ends 0 cmp "$1" want.iso
    ends 0 test "$(lost "$2")" = "$(lost /share/damage.map)"
    ends 0 test "$(counts "$2")" = "$(counts /share/damage.map)"
}
counts() { ddrescuelog -b 2048 -t "$1" | sed -n '/mapfile extent/,$p'; }
"#;

fn with_damaged_disc() -> Result<Guest, Box<dyn Error>> {
    let guest = Guest::uml()?;
    guest.disc("disc.iso", 71, SECTORS)?;
    guest.damage("damage.map", SECTORS as u64, &DAMAGE)?;
    Ok(guest)
}

/// One damaged disc in one drive, half of the work by each program, whichever begins, and wherever it stops.
fn by_two_programs() -> Ending {
    let story = r#"
theirs() { ddrescue -q -d -b2048 "$@"; }
phase() { awk '!/^#/ { print $2; exit }' "$1"; } # where the map says that it stands: ? copying, * trimming, / scraping, + finished
insert hurt ,profile=dvd-rom # whose blocks of 16 sectors give discrip all three phases

ddrescue_begins() {
    phases=
    for errors in 0 8 12 40; do
        image=theirs-$errors.iso
        ends 1 theirs -X $errors "$node" $image $image.map
        phases=$phases$(phase $image.map)
        ends 3 discrip "$node" $image
        rescued $image $image.map
    done
    ends 0 expr "$phases" : '?.*\*.*/' # it was stopped in each phase
}
discrip_begins() {
    phases= errors=1
    until
        image=ours-$errors.iso
        ends any discrip --max-errors $errors "$node" $image
        [ $got != 7 ]
    do
        phases=$phases$(phase $image.map)
        ends 0 theirs "$node" $image $image.map
        rescued $image $image.map
        errors=$((errors * 3))
    done
    ends 0 test $got = 3
    ends 0 expr "$phases" : '?.*[*/]'
}
in_turns() {
    turns=0
    until
        ends any theirs -X 5 "$node" turns.iso turns.iso.map
        ends any discrip --max-errors 5 "$node" turns.iso
        [ $got = 3 ]
    do
        ends 0 test $got = 7
        turns=$((turns + 1))
        [ $turns -lt 20 ] || { echo "no end"; exit 1; }
    done
    ends 0 test $turns -gt 2
    rescued turns.iso turns.iso.map
}
# The drive takes four seconds for a sector; the signal comes then, and the program ends when the drive answers.
interrupted() { # NAME COMMAND...
    image=$1.iso
    insert "$1" ,clock=real,model=ideal
    fault "$1" 'read 2600+1 times=1 delay=4000'
    fault "$1" 'read 4700+1 skip=1 times=1 delay=4000' # for a script that comes late
    shift
    "$@" "$node" $image $image.map &
    program=$! # not a function's shell
    wait_for holds 4000000 $image
    kill $program
    ends any wait $program
    ends 0 test $got -gt 128 # as a shell sees a death by signal
    ends 0 test "$(phase $image.map)" != +
}
ddrescue_interrupted() {
    interrupted theirs ddrescue -q -d -b2048
    ends 3 discrip "$node" theirs.iso
    rescued theirs.iso theirs.iso.map
}
discrip_interrupted() {
    interrupted ours discrip
    ends 0 theirs "$node" ours.iso ours.iso.map
    rescued ours.iso ours.iso.map
}
chapter ddrescue_begins; chapter discrip_begins; chapter in_turns; chapter ddrescue_interrupted; chapter discrip_interrupted
"#;
    with_damaged_disc()?.run(&[WORDS, story].concat())
}

/// Two bad sectors among the last 75: the kernel makes the disc shorter (`sr_done` in drivers/scsi/sr.c), so ddrescue never gets to its end,
/// and may call it finished all the same. discrip goes on with that image and map, and does.
fn end_of_disc() -> Ending {
    let guest = Guest::uml()?;
    guest.disc("disc.iso", 72, SECTORS)?;
    guest.damage("damage.map", SECTORS as u64, &[4950..4951, 4951..4952])?;
    let story = r#"
ended() { # IMAGE MAP: by discrip, what ddrescue began
    echo "note: $1: ddrescue's map has $(ddrescuelog -b 2048 -l+ "$2" | wc -l) good sectors of 4998"
    ends 3 discrip "$node" "$1" "$2"
    rescued "$1" "$2"
}
by_direct_reads() { # it is told of an "unaligned read", each time
    insert direct
    for _ in 1 2; do ends 1 ddrescue -q -d -b2048 "$node" direct.iso direct.map; done
    ended direct.iso direct.map
    unplug_drive direct
}
by_the_block_layer() { # it has finished, it says
    insert cached
    ends any ddrescue -q -b2048 "$node" cached.iso cached.map
    [ $got = 0 ] || ends 0 ddrescue -q -b2048 "$node" cached.iso cached.map
    ends 0 ddrescuelog -q -D cached.map
    ended cached.iso cached.map
    unplug_drive cached
}
begun_by_discrip() {
    insert both
    ends 7 discrip --max-errors 1 "$node" both.iso
    ends any ddrescue -q -d -b2048 "$node" both.iso both.iso.map
    ended both.iso both.iso.map
}
chapter by_direct_reads; chapter by_the_block_layer; chapter begun_by_discrip
"#;
    guest.run(&[WORDS, story].concat())
}

/// Sectors that fail a few times, or in company, or take their time, and come in the end. What it costs each program is printed.
fn flaky() -> Ending {
    let guest = Guest::uml()?;
    guest.disc("disc.iso", 73, 3000)?;
    guest.run(
        r#"
reads() { # NAME: what its record says of the reads that came to the drive, READ (10) and (12), and of those that failed
    grep -E '^."cdb":"(28|a8)' "/share/$1.record" >reads
    echo "note: $1: $(wc -l <reads) reads, and $(grep -c '"status":2' reads) failed"
}
rescues() { # NAME OPERAND [RULE]...: by each program, from a drive of its own
    name=$1 operand=$2
    shift 2
    for program in discrip ddrescue; do
        plug_drive $name-$program "$operand"
        for rule; do fault $name-$program "$rule"; done
        case $program in
        discrip) ends 0 discrip --retries 3 "$(node $name-discrip)" $name.iso ;;
        ddrescue) ends 0 ddrescue -q -d -b2048 -r3 "$(node $name-ddrescue)" $name.witness $name.witness.map ;;
        esac
        reads $name-$program
        unplug_drive $name-$program
    done
}
for_a_while() {
    rescues fails-at-first /share/disc.iso,clock=real,model=ideal 'read 2500+1 hang=3000 times=1' \
        'read 1000+1 sense=3/11/05 times=1' 'read 1001+1 sense=3/11/05 times=2' 'read 1002+1 sense=3/11/05 times=3' \
        'read 2000+1 sense=3/11/05 times=2' 'read 2100+1 sense=3/11/05 times=3'
    ends 0 cmp fails-at-first.iso /share/disc.iso
}
in_company() { # nobody has that disc as a file: ddrescue's copy is the witness, if it is whole
    rescues fails-in-company emulated:demo
    ends 0 ddrescuelog -q -D fails-in-company.witness.map
    ends 0 cmp fails-in-company.iso fails-in-company.witness
}
chapter for_a_while; chapter in_company
"#,
    )
}

/// The drive is reset or unplugged in the middle of a rescue, or another disc is put in: first while the disc is copied, then at the
/// second read of a dead sector, when the damage is being looked at. The same run, or the same command, rescues what can be.
fn accidents() -> Ending {
    let guest = with_damaged_disc()?;
    guest.disc("other.iso", 74, SECTORS)?;
    let story = r#"
copying='read 1500+1 times=1'
looking='read 2005+1 skip=1 times=1'
cp /share/disc.iso pressing.iso # begins like the disc, and ends like it
dd if=/share/other.iso of=pressing.iso bs=2048 skip=400 seek=400 count=3000 conv=notrunc status=none

rescues() { # NAME
    ends 3 discrip "$node" "$1.iso"
    rescued "$1.iso" "$1.iso.map"
    unplug_drive "$1"
}
reset() {
    insert reset
    fault reset "$copying" sense=6/29/00
    fault reset "$looking" sense=6/29/00
    rescues reset
    ends 0 test "$(grep -c '"sense":"[7f]00006.*2900' /share/reset.record)" = 2
}
unplugged_for_a_moment() {
    insert moment ,clock=real,model=ideal
    fault moment "$copying" gone=1000
    fault moment "$looking" gone=1000
    rescues moment
    ends 0 test "$(grep -c ^ready moment.ready)" = 3 # times that the kernel found it
}
unplugged_for_good() {
    insert gone
    fault gone "$looking" gone
    ends 7 discrip --wait-drive 1s "$node" gone.iso
    ends 0 test ! -e "$node"
    unplug_drive gone
    : >/scratch/gone.rules
    insert gone
    rescues gone
}
another_disc() { # NAME RULE
    insert "$1"
    fault "$1" "$2" disc=/scratch/pressing.iso sense=6/28/00
    ends 7 discrip "$node" "$1.iso"
    said 'another disc is in the drive'
    cp "$1.iso" before.iso
    ends 5 discrip "$node" "$1.iso"
    ends 0 cmp "$1.iso" before.iso
    for image in "$1.iso" /share/disc.iso; do # what the map calls finished is of the first disc
        ends 0 ddrescue -q -m "$1.iso.map" $image "finished-$(basename $image)"
    done
    ends 0 cmp "finished-$1.iso" finished-disc.iso
    rm finished-disc.iso
    change_disc "$1" /share/disc.iso
    rescues "$1"
}
another_disc_while_copying() { another_disc changed-early "$copying"; }
another_disc_while_looking() { another_disc changed-late "$looking"; }
chapter reset; chapter unplugged_for_a_moment; chapter unplugged_for_good
chapter another_disc_while_copying; chapter another_disc_while_looking
"#;
    guest.run(&[WORDS, story].concat())
}

/// Two copies of a disc, each damaged in other places, in two drives give a whole image. Another pressing, of the same label and length
/// and equal at both ends, gives nothing to it.
fn two_copies() -> Ending {
    let guest = with_damaged_disc()?;
    guest.disc("other.iso", 75, SECTORS)?;
    let story = r#"
insert first
plug_drive second /share/disc.iso
fault second 'read 500+3 sense=3/11/05'
fault second 'read 2900+40 sense=3/11/05'
cp /share/disc.iso pressing.iso
dd if=/share/other.iso of=pressing.iso bs=2048 skip=1900 seek=1900 count=600 conv=notrunc status=none
plug_drive pressing pressing.iso

one_fills_the_other() { # FIRST SECOND EXTENTS: the record knows which extents are the second one's
    image=$1-$2.iso
    ends 3 discrip "$(node "$1")" $image
    cp $image before.iso
    cp $image.map before.map
    ends 5 discrip --retries 1 "$(node pressing)" $image
    ends 0 cmp $image before.iso
    ends 0 cmp $image.map before.map
    ends 0 discrip --retries 1 "$(node "$2")" $image
    ends 0 cmp $image /share/disc.iso
    ends 0 ddrescuelog -q -D $image.map
    ends 0 grep -qF "\"read\":[$3]" $image.json
}
extent() { printf '{"first":%s,"count":%s}' "$1" "$2"; }
first_then_second() { one_fills_the_other first second "$(extent 1000 2),$(extent 2000 16),$(extent 3298 60),$(extent 4700 1)"; }
second_then_first() { one_fills_the_other second first "$(extent 500 3),$(extent 2900 40)"; }
chapter first_then_second; chapter second_then_first
"#;
    guest.run(&[WORDS, story].concat())
}

/// A batch of three drives, one of which hangs in the middle of its disc, for longer than anybody waits: the others finish theirs.
fn batch() -> Ending {
    let guest = with_damaged_disc()?;
    guest.disc("whole.iso", 76, 3000)?;
    guest.disc("hangs.iso", 77, 3000)?;
    let story = r#"
insert damaged
plug_drive whole /share/whole.iso
plug_drive hangs /share/hangs.iso,clock=real,model=ideal
fault hangs 'read 1000+1 times=1 delay=2000' # in which the map is saved
fault hangs 'read 2000+1 hang=600000'
mkdir discs
rows() { test "$(grep -c . discs/batch.jsonl)" = "$1"; }

others_finish() {
    discrip --batch discs --discs 1 --json "$(node damaged)" "$(node hangs)" "$(node whole)" >events 2>messages &
    echo $! >batch.pid
    wait_for rows 2
    rescued discs/LAB_71.iso discs/LAB_71.iso.map
    ends 0 cmp discs/LAB_76.iso /share/whole.iso
    row='[.label, .status, .outcome, .bad] | @csv'
    ends 0 test "$(jq -r "$row" discs/batch.jsonl | sort)" = '"LAB_71",3,"damaged",79
"LAB_76",0,"whole",0'
    ends 0 test "$(sed 1d discs/batch.csv | wc -l)" = 2
    ends 0 kill -0 "$(cat batch.pid)" # it has not given up the third
}
# It waits a minute for a drive's present command. This script can't `wait` for it, as another chapter began it.
a_signal_ends_it() {
    sleep 5 # until it hangs: the others may be done sooner
    kill "$(cat batch.pid)"
    patience=0
    while kill -0 "$(cat batch.pid)" 2>/dev/null; do
        patience=$((patience + 1))
        [ $patience -lt 120 ] || { echo "it does not end"; exit 1; }
        sleep 1
    done
    ends 0 cat messages
    said "$(node hangs): the drive does not answer"
    ends 0 test "$(tail -n 1 events | jq .status)" = 7
    ends 0 rows 2
    for image in discs/LAB_77.iso /share/hangs.iso; do # what the map calls finished was read
        ends 0 ddrescue -q -m discs/LAB_77.iso.map $image "finished-$(basename $image)"
    done
    ends 0 test -s finished-LAB_77.iso
    ends 0 cmp finished-LAB_77.iso finished-hangs.iso
}
chapter others_finish; chapter a_signal_ends_it
"#;
    guest.run(&[WORDS, story].concat())
}
