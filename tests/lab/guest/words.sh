# What a story's script can say. It stands before every script, and runs in the guest under the host's own /bin/sh.
cd /scratch || exit 1
for program in discrip isoflash isoverify; do # also where the ordinary user can reach them; a copy of a debug build takes a second or two
    [ ! -e "$PROGRAMS/$program" ] || { : >>"/usr/bin/$program" && mount --bind "$PROGRAMS/$program" "/usr/bin/$program"; } || exit 1
done
failures=0

# host eject|tray-open|tray-close|unplug|plug ID, host insert ID FILE, host kill (the power), host after SECONDS ...: acts on the hardware;
# waits for the answer.
host() {
    echo "$*" >&3
    read -r answer <&3
    [ "$answer" = ok ] || { echo "host $*: $answer"; exit 1; }
}

# wait_for COMMAND...: waits till it succeeds, 30 s at most.
wait_for() {
    tries=0
    until "$@" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || { echo "waited in vain for: $*"; dmesg | tail -n 30; exit 1; }
        sleep 0.1
    done
}

# holds BYTES FILE: so many bytes of the file are written (holes do not count).
holds() { [ -e "$2" ] && [ $(($(stat -c %b "$2") * 512)) -ge "$1" ]; }

# midway IMAGE REQUEST...: asks the host when a part of the image is written, while the script goes on.
midway() { (image=$1; shift; wait_for holds 2000000 "$image"; host "$@") & }

# ends STATUS COMMAND...: runs it, and it must end so (`any`: somehow).
ends() {
    want=$1 got=0
    shift
    echo "\$ $*"
    "$@" >/share/said 2>&1 || got=$?
    cat /share/said
    echo "[$got]"
    [ "$want" = any ] || [ $got = "$want" ] || { echo "ended with $got instead of $want"; exit 1; }
}

# said TEXT: what the last such command printed holds this text.
said() { grep -qF -e "$1" /share/said || { echo "did not say: $1"; exit 1; }; }

# no_success: nor does it speak of success; `NOT verified` does not count.
no_success() {
    if sed 's/not verified//Ig' /share/said | grep -iw verified; then echo "speaks of success"; exit 1; fi
}

# fails STATUS COMMAND...: ends so, and does not claim a success.
fails() { ends "$@"; no_success; }

# names_sector LBA: a range that it printed, as `bytes 4096 to 8191`, holds this sector of 512 bytes.
names_sector() {
    grep -oE 'bytes [0-9]+ to [0-9]+' /share/said | {
        while read -r _ first _ last; do
            [ $(($1 * 512)) -lt "$first" ] || [ $(($1 * 512)) -gt "$last" ] || exit 0
        done
        echo "no range with sector $1"
        exit 1
    } || exit 1
}

# not_bootable FILE: no firmware and no kernel finds anything on it: its first MiB is zeros.
not_bootable() { ends 0 cmp -n 1048576 "$1" /dev/zero; }

# chapter FUNCTION: a part of the story. One that fails does not keep the next from being told.
chapter() {
    echo "== $1"
    start=$(cut -d . -f 1 /proc/uptime)
    (set -eu; "$1")
    if [ $? = 0 ]; then verdict=ok; else verdict=FAILED failures=$((failures + 1)); : >/share/failed; fi
    echo "== $1: $verdict, $(($(cut -d . -f 1 /proc/uptime) - start)) s"
}

# all_drives COUNT: waits for them; a USB drive takes a second or two.
all_drives() {
    for node in $(seq 0 $(($1 - 1))); do wait_for test -b "/dev/sr$node"; done
}

# stick NUMBER: the node of a stick that is plugged in; nothing if it is not. Which one is sda is up to chance.
stick() {
    for disk in /sys/block/sd*; do
        folder=$(readlink -f "$disk/device") serial=
        case $folder in *:0) ;; *) continue ;; esac # a card reader's further slots
        while [ -n "$folder" ] && [ ! -e "$folder/serial" ]; do folder=${folder%/*}; done
        [ -z "$folder" ] || read -r serial <"$folder/serial"
        [ "$serial" != "LAB000$1" ] || echo "/dev/${disk##*/}"
    done
}
# A stick that is not yet read has the size 0.
is_there() { node=$(stick "$1") size=0 && [ -b "$node" ] && read -r size <"/sys/block/${node#/dev/}/size" && [ "$size" != 0 ]; }

# all_sticks NUMBER...: waits for them.
all_sticks() { for number; do wait_for is_there "$number"; done; }

# load MODULE [OPTION=VALUE]...: a kernel module that few stories need, and those it needs.
load() { modprobe -d "$MODULES" "$@" || { echo "no module $1"; exit 1; }; }

# hole FILE LBA COUNT: zeros, where a sector could not be read.
hole() { dd if=/dev/zero of="$1" bs=2048 seek="$2" count="$3" conv=notrunc status=none; }

# lost MAP: the sectors that ddrescue's own tool reads as bad in the map, on one line.
lost() { ddrescuelog -b 2048 -l - "$1" | tr '\n' ' '; }

# plug_drive NAME OPERAND: an emulated drive behind the kernel's own drivers; each command that it gets is in /share/NAME.record.
plug_drive() {
    ! drive_runs "$1" 2>/dev/null || { echo "a drive called $1 is plugged in"; exit 1; }
    mkdir -p /etc/target # where the kernel keeps what it knows of targets, if it is there when the module is loaded
    for module in configfs target_core_user tcm_loop sr_mod sg; do load $module; done
    mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config || exit 1
    : >>"/scratch/$1.rules"
    case $2 in
    *,faults=*) set -- "$1" "$2" ;;
    *) set -- "$1" "$2,faults=/scratch/$1.rules" ;;
    esac
    rm -f "/scratch/$1.pid"
    (
        "$LAB_PROGRAM" --serve-drive "$2" --record "/share/$1.record" >"/scratch/$1.ready" 2>"/scratch/$1.log" </dev/null 3>&- &
        echo $! >"/scratch/$1.pid"
        wait $! || [ ! -s "/scratch/$1.ready" ] || breaks_down "$1" $!
    ) 3>&- &
    wait_for test -s "/scratch/$1.pid"
    wait_for drive_settled "$1"
    generic "$1" >/dev/null || { cat "/scratch/$1.log"; exit 1; }
}
# The server was killed, or failed: the kernel would wait for its answers for ever, and so would who reads. Names are those of server/target.rs.
breaks_down() {
    echo "the server of the drive $1 is gone: $(tail -n 3 "/scratch/$1.log")"
    cd "/sys/kernel/config/target/core/user_$2/drive/action" && echo 1 >block_dev && echo 1 >reset_ring
    rm -f "/sys/kernel/config/target/loopback/naa.60014050$(printf %08x "$2")/tpgt_1/lun/lun_0/drive"
}
drive_settled() { grep -q '^ready ' "/scratch/$1.ready" || ! drive_runs "$1"; }
drive_runs() { [ -e "/proc/$(cat "/scratch/$1.pid")/exe" ]; } # not so of a process that has ended, and was not waited for

known() { [ -e "/scratch/$1.pid" ] || { echo "no drive was called $1" >&2; exit 1; }; }

# node NAME, generic NAME: /dev/srN and /dev/sgN of an emulated drive, as it was last plugged in.
node() { known "$1" && sed -n 's/^ready \([^ ]*\) .*/\1/p' "/scratch/$1.ready" | tail -n 1 | grep .; }
generic() { known "$1" && sed -n 's/^ready [^ ]* //p' "/scratch/$1.ready" | tail -n 1 | grep .; }

# unplug_drive NAME: its plug comes out.
unplug_drive() {
    known "$1"
    drive_runs "$1" || { echo "$1 is not plugged in"; exit 1; }
    kill "$(cat "/scratch/$1.pid")"
    wait_for drive_is_gone "$1"
}
drive_is_gone() { ! drive_runs "$1" && [ ! -e "$(node "$1")" ]; }

# drive_is_back NAME: it is on the bus, also after a rule that said `gone`.
drive_is_back() { [ -e "$(node "$1")" ]; }

# fault NAME RULE...: from now on the drive has this fault as well (docs/formats.md, "Fault rules"). A rule that is none is refused
# here: the drive itself could only fail, in every command.
fault() {
    known "$1"
    (cat "/scratch/$1.rules" && shift && echo "$*") >"/scratch/$1.rules.new" || exit 1
    "$LAB_PROGRAM" --serve-drive "demo,faults=/scratch/$1.rules.new" --check || exit 1
    mv "/scratch/$1.rules.new" "/scratch/$1.rules"
}

# change_disc NAME [FILE]: another disc lies in the drive; without FILE none.
change_disc() {
    [ -z "${2-}" ] || [ -f "$2" ] || { echo "no disc: $2"; exit 1; }
    fault "$1" 'any *' times=1 "disc=${2-}" sense=6/28/00
}
