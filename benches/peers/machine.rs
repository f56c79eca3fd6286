//! What is on this machine: our own builds, the floor, and tools.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::extent::Extent;
use crate::goals::{DYNAMIC, DYNAMIC_OPTIONS, STATIC, STATIC_OPTIONS};
use crate::program::Program;

/// What is typed between `run` and the command, where three options are.
const OPTIONS: [&str; 5] = ["-q", "--name", "short", "--timeout", "100s"];

/// What was found.
pub(crate) struct Machine {
    pub(crate) floor: String,
    /// The static release, as the README builds it.
    pub(crate) stopctl: String,
    /// The release as cargo builds it by default, if that is to be measured, too.
    dynamic: Option<String>,
    /// Where runs and other files are kept.
    pub(crate) place: PathBuf,
    missing: Vec<String>,
}

impl Machine {
    /// Builds what is measured. Where the numbers are not kept, the program that is there is good
    /// enough.
    pub(crate) fn found(place: &Path, extent: &Extent) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let floor = text(&place.join("floor"));
        let source = text(&here.join("benches/peers/floor.c"));
        let mut compiler = Command::new("gcc");
        let built = compiler.args(["-O2", "-static", &source, "-o", &floor]);
        assert!(built.status().expect("gcc").success(), "no floor");
        let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let released = here.join("target").join(&triple).join("release/stopctl");
        let (stopctl, dynamic) = if extent.is_whole {
            build(&["--target", &triple], "-C target-feature=+crt-static");
            // Not where cargo builds a bench: that puts a program of its own there.
            build(&["--target-dir", "target/dynamic"], "");
            (released, Some(here.join("target/dynamic/release/stopctl")))
        } else if released.exists() {
            (released, None)
        } else {
            (PathBuf::from(env!("CARGO_BIN_EXE_stopctl")), None)
        };
        Self {
            floor,
            stopctl: text(&stopctl),
            dynamic: dynamic.as_deref().map(text),
            place: place.to_owned(),
            missing: Vec::new(),
        }
    }

    /// Those that can wrap one command, with what comes before it. The first is what the others
    /// are compared with.
    pub(crate) fn wrappers(&mut self) -> Vec<Program> {
        let mut all = vec![
            Program::new("GNU timeout", &["timeout", "100"]),
            Program::new("C floor", &[&self.floor, "run"]),
        ];
        let peers = [
            Program::new("tini", &["tini", "-s", "--"]),
            Program::new("dumb-init", &["dumb-init"]),
            Program::new("catatonit", &["catatonit", "--"]),
        ];
        all.extend(peers.into_iter().filter(|peer| self.has(peer.name)));
        all.extend(self.ours());
        all
    }

    /// Our own builds, with the command alone and with three options typed.
    fn ours(&self) -> Vec<Program> {
        let fixed = (STATIC, STATIC_OPTIONS, Some(&self.stopctl));
        let dynamic = (DYNAMIC, DYNAMIC_OPTIONS, self.dynamic.as_ref());
        let forms = |(plain, options, stopctl): (_, _, Option<&String>)| {
            let program = stopctl?.as_str();
            let typed = Program::new(options, &[program, "run"]);
            Some([
                Program::new(plain, &[program, "run", "--"]),
                typed.with(&OPTIONS).with(&["--"]),
            ])
        };
        let found = [fixed, dynamic].into_iter().filter_map(forms);
        found.flatten().collect()
    }

    /// `stopctl run` of `workers` workers.
    pub(crate) fn run(&self, name: &str, workers: u32) -> Program {
        let workers = workers.to_string();
        let run = Program::new(STATIC, &[&self.stopctl, "run", "-q", "--name", name]);
        run.with(&["-n", &workers, "--", &self.floor, "worker"])
    }

    /// `floor serve` of `workers` workers.
    pub(crate) fn serve(&self, workers: u32) -> Program {
        let (floor, workers) = (self.floor.as_str(), workers.to_string());
        Program::new("C floor", &[floor, "serve", &workers, floor, "worker"])
    }

    /// GNU timeout around `workers` workers that know of no flag.
    pub(crate) fn timeout(&self, workers: u32) -> Program {
        let (floor, workers) = (self.floor.as_str(), workers.to_string());
        let timeout = Program::new("GNU timeout", &["timeout", "1000"]);
        timeout.with(&[floor, "group", &workers, floor, "plain"])
    }

    /// Whether a tool is on the path. One that is not is noted.
    pub(crate) fn has(&mut self, tool: &str) -> bool {
        let mut look = Command::new("sh");
        let look = look.args(["-c", "command -v \"$0\"", tool]);
        let found = look.stdout(Stdio::null()).status();
        let found = found.expect("a shell").success();
        if !found && !self.missing.iter().any(|missing| missing == tool) {
            self.missing.push(tool.to_owned());
        }
        found
    }

    /// What could not be measured, as a line.
    pub(crate) fn skipped(&self) -> String {
        if self.missing.is_empty() {
            return "Nothing was skipped.".to_owned();
        }
        let missing = self.missing.join(", ");
        format!("Skipped, for they are not on the machine: {missing}.")
    }
}

/// The day and the class of the machine, as a line.
pub(crate) fn described() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let kernel = said("uname", &["-r"]);
    let kernel = kernel.split('-').next().unwrap_or_default();
    let (day, class) = (said("date", &["-u", "+%F"]), said("uname", &["-m"]));
    format!("Measured on {day}: Linux {kernel} {class}, {cores} cores, load {load} before it.")
}

/// Builds a release.
fn build(options: &[&str], flags: &str) {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--locked", "--release"])
        .args(options)
        .env("RUSTFLAGS", flags)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(cargo.status().expect("cargo").success(), "{cargo:?}");
}

fn said(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().expect(program);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
