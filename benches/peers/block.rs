//! The part of benches/README.md that this program writes.

use std::fs;
use std::path::Path;

const FILE: &str = "benches/README.md";
const BEGIN: &str = "<!-- cargo bench --bench peers: begin -->\n";
const END: &str = "<!-- cargo bench --bench peers: end -->";

/// Puts `told` between the two marks, in place of what is there.
pub(crate) fn write(told: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    let text = fs::read_to_string(&file).expect(FILE);
    let (before, rest) = text.split_once(BEGIN).expect(BEGIN);
    let (_, after) = rest.split_once(END).expect(END);
    let text = format!("{before}{BEGIN}{told}{END}{after}");
    fs::write(&file, text).expect(FILE);
}
