//! What is on this machine: our own builds, the floor, and the peers.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where the static build is made, as the README says.
const STATIC: &str = "target/x86_64-unknown-linux-gnu/release/stopctl";
/// Where the dynamic build is made: as it is released, which a bench is not.
const DYNAMIC: &str = "target/dynamic";

/// A program, and the words in front of what it is to run.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) words: Vec<String>,
    /// Its time or size over the reference's, at most.
    pub(crate) goal: Option<f64>,
}

impl Peer {
    pub(crate) fn new(name: &'static str, words: &[&str], goal: Option<f64>) -> Self {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Self { name, words, goal }
    }
}

/// What was found.
pub(crate) struct Machine {
    pub(crate) floor: String,
    /// The build that is measured with many workers: the static one, if it was built.
    pub(crate) stopctl: String,
    pub(crate) stopctl_static: Option<String>,
    pub(crate) stopctl_dynamic: String,
    /// Where runs and other files are kept.
    pub(crate) place: PathBuf,
}

impl Machine {
    pub(crate) fn found(place: &Path) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let floor = place.join("floor").display().to_string();
        let source = here.join("benches/peers/floor.c").display().to_string();
        let built = Command::new("gcc")
            .args(["-O2", "-static", &source, "-o", &floor])
            .status();
        assert!(built.expect("gcc").success(), "the floor is built");
        let fixed = here.join(STATIC);
        if !fixed.exists() {
            println!("(no static build: {STATIC})");
        }
        let fixed = fixed.exists().then(|| fixed.display().to_string());
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--release", "--target-dir"])
            .arg(here.join(DYNAMIC))
            .current_dir(here)
            .status();
        assert!(built.expect("cargo").success(), "the program is built");
        let dynamic = here.join(DYNAMIC).join("release/stopctl");
        let dynamic = dynamic.display().to_string();
        Self {
            floor,
            stopctl: fixed.clone().unwrap_or_else(|| dynamic.clone()),
            stopctl_static: fixed,
            stopctl_dynamic: dynamic,
            place: place.to_owned(),
        }
    }

    /// Those that can wrap one command, with what comes before it. The first is the reference.
    pub(crate) fn wrappers(&self) -> Vec<Peer> {
        let mut all = vec![
            Peer::new("GNU timeout", &["timeout", "100"], None),
            Peer::new("C floor", &[&self.floor, "run"], None),
        ];
        let peers = [
            Peer::new("tini", &["tini", "-s", "--"], None),
            Peer::new("dumb-init", &["dumb-init"], None),
            Peer::new("catatonit", &["catatonit", "--"], None),
        ];
        all.extend(peers.into_iter().filter(|peer| is_here(&peer.words[0])));
        if let Some(fixed) = &self.stopctl_static {
            all.push(Peer::new(
                "stopctl, static",
                &[fixed, "run", "--"],
                Some(0.9),
            ));
        }
        let dynamic = [self.stopctl_dynamic.as_str(), "run", "--"];
        all.push(Peer::new("stopctl, dynamic", &dynamic, Some(1.1)));
        all
    }

    /// `stopctl run` of `workers` workers named `name`.
    pub(crate) fn run(&self, name: &str, workers: u32, worker: &str) -> Vec<String> {
        let workers = workers.to_string();
        let mut words: Vec<String> = [
            &self.stopctl,
            "run",
            "-q",
            "--name",
            name,
            "-n",
            &workers,
            "--",
        ]
        .map(str::to_owned)
        .to_vec();
        words.extend([self.floor.clone(), worker.to_owned()]);
        words
    }

    /// `floor serve` of `workers` workers.
    pub(crate) fn serve(&self, workers: u32, worker: &str) -> Vec<String> {
        let (floor, workers) = (self.floor.as_str(), workers.to_string());
        [floor, "serve", &workers, floor, worker]
            .map(str::to_owned)
            .to_vec()
    }

    /// GNU timeout around `workers` workers that know of no flag.
    pub(crate) fn timeout(&self, workers: u32) -> Vec<String> {
        let (floor, workers) = (self.floor.as_str(), workers.to_string());
        ["timeout", "1000", floor, "group", &workers, floor, "plain"]
            .map(str::to_owned)
            .to_vec()
    }
}

/// Whether a tool is on the path; one that is not is said.
pub(crate) fn is_here(tool: &str) -> bool {
    let mut look = Command::new("sh");
    let look = look.args(["-c", "command -v \"$0\"", tool]);
    let found = look.stdout(Stdio::null()).status();
    let found = found.expect("a shell").success();
    if !found {
        println!("({tool} is not here)");
    }
    found
}
