//! `/proc`, as far as its numbers are ours.
//!
//! A pid namespace without a mount of its own sees the `/proc` of another one (`pid_namespaces(7)`).
//! Every number there is somebody else's, so it is as good as none. What it shows of `self` is ours
//! all the same: the kernel finds that by who asks, not by a number.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use nix::unistd::getpid;

/// Whose processes `/proc` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proc {
    /// Those of our own pid namespace.
    Ours,
    /// Those of another one.
    Foreign,
    /// Nobody's: it is not mounted.
    Missing,
}

impl Proc {
    /// Looks at it, once: a process never leaves its pid namespace, nor do its forks.
    #[must_use]
    pub fn get() -> Self {
        static SEEN: OnceLock<Proc> = OnceLock::new();
        *SEEN.get_or_init(|| {
            let status = fs::read("/proc/self/status").ok();
            Self::shown_by(status.as_deref(), getpid().as_raw())
        })
    }

    /// What our own status there tells, if it is there at all (`proc_pid_status(5)`). `NSpid` has our
    /// number in the namespace of this `/proc` and in each one below it, down to ours.
    fn shown_by(status: Option<&[u8]>, us: i32) -> Self {
        let Some(status) = status.map(String::from_utf8_lossy) else {
            // Whoever is of no namespace that it shows has no `self` in it.
            let shows_any = fs::read_dir("/proc").is_ok_and(|mut all| all.any(|one| one.is_ok()));
            return if shows_any {
                Self::Foreign
            } else {
                Self::Missing
            };
        };
        let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        // A kernel without pid namespaces has no such line.
        let numbers = line("NSpid:").or_else(|| line("Pid:")).unwrap_or_default();
        let numbers = numbers.split_ascii_whitespace().map(str::parse);
        if numbers.eq([Ok(us)]) {
            Self::Ours
        } else {
            Self::Foreign
        }
    }

    /// The file `name` of the process `pid`; `None` where nobody can say who has that number there.
    #[must_use]
    pub fn of(pid: i32, name: &str) -> Option<PathBuf> {
        (Self::get() == Self::Ours).then(|| format!("/proc/{pid}/{name}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::Proc;

    #[test]
    fn a_proc_is_ours_if_it_has_one_number_for_us_and_that_is_ours() {
        let shown = |status: &str| Proc::shown_by(Some(status.as_bytes()), 7);
        assert_eq!(shown("Name:\ta\nPid:\t7\nNSpid:\t7\n"), Proc::Ours);
        assert_eq!(shown("Pid:\t7\n"), Proc::Ours);
        for status in [
            "Pid:\t812\nNSpid:\t812\t7\n",
            // The same number by chance.
            "Pid:\t7\nNSpid:\t7\t7\n",
            "Pid:\t812\n",
            "NSpid:\t8\n",
            "",
        ] {
            assert_eq!(shown(status), Proc::Foreign, "{status:?}");
        }
    }
}
