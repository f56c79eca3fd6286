//! Points between the steps of a run, at which a test can make the process that passes them die. Only
//! the feature `failpoints` compiles them, and only tests enable it.
//!
//! `STOPCTL_FAILPOINT` says where: `ROLE:ACTION:WHERE`, or several of them, separated by commas. The
//! role is that of the process: `guard`, `taker`, `child` (between fork and exec), or `supervisor`,
//! which is every process that was started and not forked. The actions are `kill`, `segv` and `stop`
//! (SIGKILL, SIGSEGV and SIGSTOP to itself), `panic`, `hold` (SIGSTOP again and again, until its parent
//! is gone), and `await` (wait until somebody opens the FIFO `STOPCTL_FAILPOINT_GATE` for writing). An
//! action happens at the point number WHERE that is passed in that role, or the first time that the
//! point with the name WHERE is passed. `list` instead writes the name of each point to the file
//! WHERE.

/// The role of a process in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    #[cfg(feature = "failpoints")]
    Supervisor,
    /// It waits for the death of the supervisor.
    Guard,
    /// It takes over from a supervisor that is dead.
    Taker,
    /// It becomes a worker. Its points are counted from a thousand times its number, so that a test
    /// can choose one of several workers.
    Child(u32),
}

#[cfg(not(feature = "failpoints"))]
pub(crate) const fn pass(_: &str) {}

#[cfg(not(feature = "failpoints"))]
pub(crate) const fn enter(_: Role) {}

#[cfg(feature = "failpoints")]
pub(crate) use armed::{enter, pass};

#[cfg(feature = "failpoints")]
mod armed {
    use std::fs::File;
    use std::io::Write as _;
    use std::path::{Path, PathBuf};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

    use nix::sys::signal::{Signal, raise};
    use nix::unistd::getppid;

    use super::Role;

    struct Setting {
        role: u8,
        action: Action,
    }

    enum Action {
        List(PathBuf),
        Raise(Signal, At),
        Panic(At),
        Hold(At),
        Await(PathBuf, At),
    }

    /// One of the points that are passed.
    enum At {
        Number(u32),
        Named(String, AtomicBool),
    }

    impl At {
        fn parse(word: &str) -> Self {
            word.parse().map_or_else(
                |_| Self::Named(word.to_owned(), AtomicBool::new(false)),
                Self::Number,
            )
        }

        fn is_it(&self, number: u32, name: &str) -> bool {
            match self {
                Self::Number(at) => *at == number,
                Self::Named(at, passed) => at == name && !passed.swap(true, Ordering::Relaxed),
            }
        }
    }

    /// Read at the very first point, so before any fork.
    static SETTINGS: OnceLock<Vec<Setting>> = OnceLock::new();
    static ROLE: AtomicU8 = AtomicU8::new(number(Role::Supervisor));
    static PASSED: AtomicU32 = AtomicU32::new(0);

    const fn number(role: Role) -> u8 {
        match role {
            Role::Supervisor => 0,
            Role::Guard => 1,
            Role::Taker => 2,
            Role::Child(_) => 3,
        }
    }

    /// From here on this process has another role, and counts its points from the beginning.
    pub(crate) fn enter(role: Role) {
        ROLE.store(number(role), Ordering::Relaxed);
        let first = match role {
            Role::Supervisor | Role::Guard | Role::Taker => 0,
            Role::Child(worker) => worker * 1000,
        };
        PASSED.store(first, Ordering::Relaxed);
    }

    /// Passes the point with this name. That also happens between fork and exec, where it may
    /// nevertheless allocate: in a test this process has one thread.
    pub(crate) fn pass(step: &str) {
        let settings = SETTINGS.get_or_init(read);
        let role = ROLE.load(Ordering::Relaxed);
        let passed = PASSED.fetch_add(1, Ordering::Relaxed) + 1;
        for setting in settings.iter().filter(|setting| setting.role == role) {
            match &setting.action {
                Action::List(file) => note(file, step),
                Action::Raise(signal, at) if at.is_it(passed, step) => {
                    // Twice: at the first one, Rust's own handler of SIGSEGV only restores the
                    // default action and returns.
                    let _ = raise(*signal);
                    if *signal != Signal::SIGSTOP {
                        let _ = raise(*signal);
                    }
                }
                // Without the message on standard error, which no test expects.
                Action::Panic(at) if at.is_it(passed, step) => {
                    std::panic::resume_unwind(Box::new("failpoint"));
                }
                Action::Hold(at) if at.is_it(passed, step) => {
                    let parent = getppid();
                    while getppid() == parent {
                        let _ = raise(Signal::SIGSTOP);
                    }
                }
                Action::Await(gate, at) if at.is_it(passed, step) => drop(File::open(gate)),
                Action::Raise(..) | Action::Panic(_) | Action::Hold(_) | Action::Await(..) => {}
            }
        }
    }

    /// Opens the file each time: a process that takes over closes descriptors that it does not know.
    fn note(file: &Path, step: &str) {
        let file = File::options().append(true).create(true).open(file);
        let _ = file.and_then(|mut file| file.write_all(format!("{step}\n").as_bytes()));
    }

    fn read() -> Vec<Setting> {
        let text = std::env::var("STOPCTL_FAILPOINT").unwrap_or_default();
        let each = text.split(',').filter(|one| !one.is_empty());
        each.map(|one| parse(one).unwrap_or_else(|| panic!("no failpoint: {one}")))
            .collect()
    }

    fn parse(one: &str) -> Option<Setting> {
        let mut words = one.splitn(3, ':');
        let role = match words.next()? {
            "supervisor" => Role::Supervisor,
            "guard" => Role::Guard,
            "taker" => Role::Taker,
            "child" => Role::Child(0),
            _ => return None,
        };
        let (action, place) = (words.next()?, words.next()?);
        let at = At::parse(place);
        let action = match action {
            "list" => Action::List(place.into()),
            "kill" => Action::Raise(Signal::SIGKILL, at),
            "segv" => Action::Raise(Signal::SIGSEGV, at),
            "stop" => Action::Raise(Signal::SIGSTOP, at),
            "panic" => Action::Panic(at),
            "hold" => Action::Hold(at),
            "await" => {
                let gate = std::env::var_os("STOPCTL_FAILPOINT_GATE")?;
                Action::Await(gate.into(), at)
            }
            _ => return None,
        };
        let role = number(role);
        Some(Setting { role, action })
    }
}
