# How a tool is put on trial: it may take three minutes, and is told nothing of what awaits it.
trial() { # FOLDER COMMAND, which names its operands $node $generic $disc $out
    got=0
    timeout 180 sh -c "$2" >"$1/said" 2>&1 </dev/null || got=$?
    echo $got >"$1/status"
    cat "$1/said"
    echo "$1 [$got]"
}

plug() { # FAULT NUMBER OPTIONS
    mkdir -p "/share/$1-$2"
    plug_drive "$1-$2" "/share/disc.iso,damage=/share/$1.damage,faults=/share/$1.rules$3"
}

reads() { # FAULT NUMBER COMMAND
    node=$(node "$1-$2") generic=$(generic "$1-$2") out=/share/$1-$2/data
    [ -b "$node" ] || { echo "$1-$2: no drive"; exit 1; }
    export node generic out
    trial "/share/$1-$2" "$3"
    unplug_drive "$1-$2"
}

writes() { # FAULT NUMBER STICK COMMAND
    folder=/share/$1-$2
    mkdir -p "$folder"
    cp /share/disc.iso disc.iso # where a program can make temporary files beside it
    node=$(stick "$3") disc=$PWD/disc.iso
    [ -b "$node" ] || { echo "$1-$2: no stick"; exit 1; }
    export node disc
    trial "$folder" "$4"
    host unplug "stick$3" # and what is in no cell of it is gone
    wait_for test ! -b "$node"
    host plug "stick$3"
    wait_for is_there "$3"
    dd if="$(stick "$3")" of="$folder/data" bs=1M count=$(($(stat -c %s "$disc") / 1048576 + 1)) iflag=direct status=none || exit 1
}

versions() {
    for tool in dd ddrescue sg_dd xorriso bmaptool isosize; do
        echo "version: $tool $("$tool" --version 2>&1 | grep -oE '[0-9]+(\.[0-9]+)+' | head -n 1)"
    done
    echo "version: Linux $(uname -r)"
}
