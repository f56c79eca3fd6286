//! `/proc`, if its numbers are those of our pid namespace.
//!
//! A pid namespace that has not mounted its own `/proc` sees that of another one
//! (`pid_namespaces(7)`). Every number there belongs to another process, so it is useless. But
//! `self` is still us: the kernel finds it by who asks, not by a number.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::linux::process;
use crate::words::pid::Pid;

/// Whose processes `/proc` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proc {
    /// The processes of our own pid namespace.
    Ours,
    /// The processes of another pid namespace.
    Foreign,
    /// None: it is not mounted.
    Missing,
}

impl Proc {
    /// Finds that out, once: neither a process nor its forks ever leave their pid namespace.
    #[must_use]
    pub fn get() -> Self {
        static SEEN: OnceLock<Proc> = OnceLock::new();
        *SEEN.get_or_init(|| {
            let status = fs::read("/proc/self/status").ok();
            Self::shown_by(status.as_deref(), process::own_pid())
        })
    }

    /// What our own status there tells, if there is one (`proc_pid_status(5)`). `NSpid` lists our
    /// number in the namespace of this `/proc` and in each one below it, down to our own.
    fn shown_by(status: Option<&[u8]>, us: Pid) -> Self {
        let Some(status) = status.map(String::from_utf8_lossy) else {
            // A process that is in none of the namespaces it shows has no `self` there.
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
        let numbers = numbers.split_ascii_whitespace().map(Pid::parse);
        if numbers.eq([Some(us)]) {
            Self::Ours
        } else {
            Self::Foreign
        }
    }

    /// The file `name` of the process `pid`; `None` if we cannot know which process has that number
    /// there.
    #[must_use]
    pub fn of(pid: Pid, name: &str) -> Option<PathBuf> {
        (Self::get() == Self::Ours).then(|| format!("/proc/{pid}/{name}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Pid, Proc};

    #[test]
    fn a_proc_is_ours_if_it_has_one_number_for_us_and_that_is_ours() {
        let us = Pid::new(7).unwrap();
        let shown = |status: &str| Proc::shown_by(Some(status.as_bytes()), us);
        assert_eq!(shown("Name:\ta\nPid:\t7\nNSpid:\t7\n"), Proc::Ours);
        assert_eq!(shown("Pid:\t7\n"), Proc::Ours);
        for status in [
            "Pid:\t812\nNSpid:\t812\t7\n",
            // Our number has the same value in both namespaces by chance.
            "Pid:\t7\nNSpid:\t7\t7\n",
            "Pid:\t812\n",
            "NSpid:\t8\n",
            "",
        ] {
            assert_eq!(shown(status), Proc::Foreign, "{status:?}");
        }
    }
}
