//! How much a command does, counted: a number that does not depend on what else the machine does.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The instructions of a program in user space, without those of the programs that it starts. A
/// program that starts workers is alone in a pid namespace: valgrind lets nobody ask by a pidfd who
/// is left of them, and to ask `/proc` costs the more, the more there is on the machine.
pub(crate) fn instructions(command: &mut Command, place: &Path) -> u64 {
    let starts = command.get_args().any(|word| word == "--");
    let mut valgrind = under(if starts { "unshare" } else { "valgrind" }, command);
    if starts {
        // Not the first of its namespace: that one is treated otherwise.
        let run = r#""$@"; exit $?"#;
        valgrind.args([
            "-p",
            "-f",
            "--mount-proc",
            "sh",
            "-c",
            run,
            "sh",
            "valgrind",
        ]);
    }
    let options = format!("--callgrind-out-file={}/instructions.%p", place.display());
    valgrind.args(["--tool=callgrind", &options, "--"]);
    let output = run(valgrind, command);
    // One of the processes wrote a last line: what a fork leaves ends by executing another program.
    let line = output
        .lines()
        .rev()
        .find_map(|line| line.split_once("Collected :"));
    let (_, count) = line.unwrap_or_else(|| panic!("callgrind says what it counted: {output}"));
    count.trim().parse().expect("a number")
}

/// The system calls of a program and of all that it starts.
pub(crate) fn system_calls(command: &mut Command, place: &Path) -> u64 {
    let counted = place.join("calls");
    let mut strace = under("strace", command);
    strace.args(["-f", "-qq", "-o"]).arg(&counted).arg("--");
    run(strace, command);
    let seen = fs::read_to_string(&counted).expect("what strace wrote");
    let _ = fs::remove_file(&counted);
    // A call that was interrupted by that of another process has two lines.
    let calls = seen
        .lines()
        .filter(|line| line.contains('(') && !line.contains(" resumed>"));
    calls.filter(|line| !line.contains("--- ")).count() as u64
}

/// A tool in the environment of the command.
fn under(tool: &str, command: &Command) -> Command {
    let mut outer = Command::new(tool);
    outer.env_clear().envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    outer
}

fn run(mut tool: Command, command: &Command) -> String {
    let output = tool
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{tool:?}: {error}"));
    // Who crashes early has done little.
    assert!(output.status.success(), "{tool:?}: {output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
