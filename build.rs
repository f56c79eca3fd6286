//! How the program is linked.
//!
//! A static program relocates itself at each start. Its relocations fill a tenth as many pages if they
//! are packed (RELR), and it begins with fewer page faults. The linker has to know how, and so has the C
//! library that unpacks them, which glibc does from 2.36 on. So a small program tries it first.

use std::env;
use std::path::Path;
use std::process::Command;

const PACKED: &str = "-Wl,-z,pack-relative-relocs";

/// Ends with 0 if a pointer was relocated.
const PROBE: &str =
    "int place; int *volatile pointer = &place; int main(void) { return pointer != &place; }";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let is_static = features.split(',').any(|feature| feature == "crt-static");
    let is_for_here = env::var_os("HOST") == env::var_os("TARGET");
    let is_program = env::var_os("CARGO_FEATURE_CLI").is_some();
    if is_program && is_static && is_for_here && packed_program_runs() {
        println!("cargo::rustc-link-arg-bins={PACKED}");
    }
}

/// Whether the linker packs relocations, and a static program unpacks them.
fn packed_program_runs() -> bool {
    let Some(folder) = env::var_os("OUT_DIR") else {
        return false;
    };
    let source = Path::new(&folder).join("probe.c");
    let program = Path::new(&folder).join("probe");
    let mut compile = Command::new("cc");
    compile.args(["-static-pie", PACKED, "-o"]);
    compile.arg(&program).arg(&source);
    std::fs::write(&source, PROBE).is_ok()
        && compile.output().is_ok_and(|made| made.status.success())
        && Command::new(&program)
            .status()
            .is_ok_and(|status| status.success())
}
