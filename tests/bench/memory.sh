#!/bin/bash
# Peak memory and time of discrip on a BD of 25 GB with 100,000 places of damage. Needs no 25 GB of disk: the disc is one hole.
# By hand, as it takes minutes:   make memory [IMAGE=FILE]
#
# IMAGE is /dev/null (a surface scan, half a minute) unless named; a file is read back for its digests, which takes longer.
# Measured on two slow cores: /dev/null 37 MiB, 32 s; a file 38 MiB, 4 min, and 15 min beside other work. The limit is 64 MiB.
set -eu
discrip=$(realpath "$(dirname "$0")/../../target/release/discrip")
image=$(realpath -m "${1:-/dev/null}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

sectors=12207032
truncate -s $((sectors * 2048)) disc.iso
awk -v sectors=$sectors 'BEGIN {
    srand(1)
    print "0x0 + 1"
    step = int(sectors / 100000)
    for (n = 0; n < 100000; n++) {
        first = n * step + 1 + int(rand() * (step - 10))
        count = 1 + int(rand() * 6)
        printf "%.0f %.0f +\n%.0f %.0f -\n", at * 2048, (first - at) * 2048, first * 2048, count * 2048
        at = first + count
    }
    printf "%.0f %.0f +\n", at * 2048, (sectors - at) * 2048
}' > damage

begin=$SECONDS
"$discrip" -q emulated:disc.iso,profile=bd-r,damage=damage "$image" > result 2>&1 &
while peak=$(awk '/VmHWM/ {print $2}' /proc/$!/status 2> /dev/null) && [ -n "$peak" ]; do
    highest=$peak
    sleep 0.2
done
wait $! && status=0 || status=$?
# The map must hold every place, and be one of ddrescue's.
if [ -e "$image.map" ]; then
    grep -c -- ' -$' "$image.map"
    ddrescuelog -t "$image.map"
fi
tail -n 3 result
echo "status $status, peak $highest kB, $((SECONDS - begin)) s"
[ "$status" = 3 ] && [ "$highest" -lt $((64 * 1024)) ]
