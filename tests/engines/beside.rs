//! Running a script beside a real engine, and what it found.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::committed;
use crate::support::need::{Need, lacks, not_run};

/// Longer than any script takes on a busy machine: then all that it started is killed.
const LIMIT: &str = "240";

/// What every script begins with.
const PRELUDE: &str = r#"set -u
# Waits for a fact.
until_true() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.05
    done
    echo "it never came true: $*" >&2
    exit 99
}
# Runs a command; says how it ended and how long it took, in milliseconds.
timed() {
    local name=$1 begin=${EPOCHREALTIME/./} status=0
    shift
    "$@" || status=$?
    echo "$name.status=$status"
    echo "$name.ms=$(((${EPOCHREALTIME/./} - begin) / 1000))"
}
"#;

/// A worker that looks at its flag, for the sh of a container or of a machine.
pub(crate) const LOOKS: &str = r#"echo "ready $STOPCTL_WORKER"; while stopctl sleep 60s; do :; done; echo "went $STOPCTL_WORKER""#;

/// One that does not, and ignores SIGTERM.
pub(crate) const DEAF: &str =
    r#"trap "" TERM; echo "ready $STOPCTL_WORKER"; while :; do sleep 0.1; done"#;

/// What starts programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// podman with runc.
    Runc,
    /// podman with crun.
    Crun,
    Docker,
    Slurm,
    Systemd,
}

impl Engine {
    fn script(self) -> &'static str {
        match self {
            Self::Runc | Self::Crun => "podman",
            Self::Docker => "docker",
            Self::Slurm => "slurm",
            Self::Systemd => "systemd",
        }
    }

    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Runc => &["podman", "runc", "ip"],
            Self::Crun => &["podman", "crun", "ip"],
            Self::Docker => &["docker", "dockerd", "ip"],
            Self::Slurm => &["slurmctld", "slurmd", "sbatch", "munged", "ip"],
            Self::Systemd => &["/lib/systemd/systemd", "systemd-run", "dbus-daemon"],
        }
    }

    /// What talks to it; for containers.
    pub(crate) fn client(self) -> &'static str {
        match self {
            Self::Runc | Self::Crun => "podman",
            Self::Docker => "docker",
            Self::Slurm | Self::Systemd => unreachable!("it has no containers"),
        }
    }

    /// Runs a bash script beside it: `$STOPCTL` is the static release binary, and `$1`, … are the
    /// arguments. `None` if the machine lacks something, which was said.
    pub(crate) fn run(self, script: &str, arguments: &[&str]) -> Option<Seen> {
        let Some(program) = std::env::var_os("STOPCTL_TEST_STATIC") else {
            not_run(
                "engines are started only if STOPCTL_TEST_STATIC names a static release binary: \
                 RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --target \
                 x86_64-unknown-linux-gnu",
            );
            return None;
        };
        let program = std::fs::canonicalize(program).expect("STOPCTL_TEST_STATIC");
        let package = std::env::var_os("STOPCTL_TEST_DEB");
        let package = package.map(|path| std::fs::canonicalize(path).expect("STOPCTL_TEST_DEB"));
        if lacks(Need::Root)
            || self
                .programs()
                .iter()
                .any(|name| lacks(Need::Program(name)))
        {
            return None;
        }
        let runtime = if self == Self::Crun { "crun" } else { "runc" };
        let output = Command::new("timeout")
            .args(["--signal=KILL", LIMIT])
            .arg(committed::path("tests/engines/with"))
            .args([self.script(), "bash", "-c"])
            .arg(format!("{PRELUDE}{script}"))
            .arg("script")
            .args(arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", "/root")
            .env("LC_ALL", "C.UTF-8")
            .env("RUNTIME", runtime)
            .env("STOPCTL", program)
            .envs(package.map(|path| ("STOPCTL_DEB", path)))
            .stdin(Stdio::null())
            .output()
            .expect("timeout");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let seen = Seen {
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        assert!(
            output.status.success(),
            "{self:?}: {}\n{seen}",
            output.status
        );
        Some(seen)
    }
}

/// What a script printed: facts, as lines of the form `name=value`, and whatever else.
pub(crate) struct Seen {
    out: String,
    err: String,
}

impl Seen {
    #[track_caller]
    pub(crate) fn fact(&self, name: &str) -> &str {
        let mut lines = self.out.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name}:\n{self}"))
    }

    /// This fact has this value.
    #[track_caller]
    pub(crate) fn is(&self, name: &str, value: &str) -> &Self {
        assert_eq!(self.fact(name), value, "{name}:\n{self}");
        self
    }

    /// It took less than this.
    #[track_caller]
    pub(crate) fn took_less(&self, name: &str, bound: Duration) -> &Self {
        let took = self.fact(&format!("{name}.ms")).parse().expect("a time");
        assert!(Duration::from_millis(took) < bound, "{name}:\n{self}");
        self
    }

    /// Each of these is in so many lines.
    #[track_caller]
    pub(crate) fn each(&self, words: &[&str], times: usize) -> &Self {
        for words in words {
            self.says(words, times);
        }
        self
    }

    /// So many lines contain these words.
    #[track_caller]
    pub(crate) fn says(&self, words: &str, times: usize) -> &Self {
        let lines = self.out.lines().filter(|line| line.contains(words));
        assert_eq!(lines.count(), times, "{words:?}:\n{self}");
        self
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--- out\n{}--- err\n{}", self.out, self.err)
    }
}
