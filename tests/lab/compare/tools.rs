//! The tools: what a person would type, with `$node`, `$disc` and `$out` for the operands.

/// A program on trial.
pub struct Tool {
    /// Its name in the table.
    pub name: &'static str,
    /// What is typed.
    pub command: &'static str,
}

/// From a disc into an image, with the options that each one's manual recommends where sectors may be bad.
pub const READERS: [Tool; 7] = [
    Tool { name: "dd", command: "dd if=$node of=$out bs=2048 conv=noerror,sync" },
    Tool { name: "cp", command: "cp $node $out" },
    Tool { name: "isosize + dd", command: "dd if=$node of=$out bs=2048 count=$(isosize -d 2048 $node)" },
    Tool { name: "ddrescue", command: "ddrescue -d -b2048 -r3 $node $out $out.map" },
    Tool { name: "sg_dd", command: "sg_dd if=$generic of=$out bs=2048 coe=1 retries=3" },
    Tool { name: "xorriso", command: "xorriso -indev $node -check_media what=disc retry=on data_to=$out --" },
    Tool { name: "discrip", command: "discrip --retries 3 $node $out" },
];

/// From an image onto a stick.
pub const WRITERS: [Tool; 5] = [
    Tool { name: "dd", command: "dd if=$disc of=$node bs=4M conv=fsync" },
    Tool { name: "cp", command: "cp $disc $node && sync" },
    Tool { name: "ddrescue", command: "ddrescue --force $disc $node" },
    Tool { name: "bmaptool", command: "bmaptool create -o image.bmap $disc && bmaptool copy --bmap image.bmap $disc $node" },
    Tool { name: "isoflash", command: "isoflash --yes $disc $node" },
];
