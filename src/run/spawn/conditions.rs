//! Whether a child is to run its program at all.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use nix::unistd::gettid;

use crate::contract::flag::format::RUNNING;
use crate::contract::owner;
use crate::linux::process;
use crate::words::pid::Pid;

/// What must be true for a worker's program to run.
pub(super) struct Conditions<'a> {
    supervisor: Pid,
    /// The thread that the owner word names.
    thread: u32,
    flag: Option<&'a File>,
    owner: &'a File,
}

impl<'a> Conditions<'a> {
    /// The conditions for a child of this process, whose thread is the owner of the run.
    pub(super) fn of_ours(flag: Option<&'a File>, owner: &'a File) -> Self {
        Self {
            supervisor: process::own_pid(),
            thread: gettid().as_raw().unsigned_abs(),
            flag,
            owner,
        }
    }

    /// Whether the parent is still the supervisor, it still enforces, and nobody asked to stop.
    pub(super) fn hold(&self) -> bool {
        let mut word = [0; 4];
        // This is checked even though the supervisor lives: whoever has taken over from one that was
        // silent cannot know of a child that was not on record by then.
        let owned = self.owner.read_exact_at(&mut word, 0).is_ok()
            && owner::is_owned_by(u32::from_ne_bytes(word), self.thread);
        let down = self.level() == Some(RUNNING);
        // In case the kernel cannot mark the death of an owner: its children get another parent.
        process::parent_pid() == Some(self.supervisor) && owned && down
    }

    /// Puts on record, if the flag is raised, that the worker has looked at it: that is why it
    /// leaves. Otherwise our own reads are no looks.
    pub(super) fn note_look(&self) {
        let is_raised = self.level().is_some_and(|level| level != RUNNING);
        if let Some(flag) = self.flag.filter(|_| is_raised) {
            let _ = futimens(flag, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_OMIT);
        }
    }

    fn level(&self) -> Option<u8> {
        let mut level = [0];
        let read = self.flag?.read_exact_at(&mut level, 0);
        read.is_ok().then_some(level[0])
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;

    use super::{Conditions, Pid, RUNNING, process};

    const THREAD: u32 = 42;

    fn file(bytes: &[u8]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    /// Whether they hold for a child of `supervisor` with such a flag and such an owner word.
    fn hold(supervisor: Pid, flag: &[u8], word: u32) -> bool {
        let (flag, owner) = (file(flag), file(&word.to_ne_bytes()));
        let conditions = Conditions {
            supervisor,
            thread: THREAD,
            flag: Some(&flag),
            owner: &owner,
        };
        conditions.hold()
    }

    #[test]
    fn a_child_runs_its_program_only_if_nothing_has_happened_since_the_fork() {
        let parent = process::parent_pid().unwrap();
        assert!(hold(parent, &[RUNNING], THREAD));
        assert!(
            !hold(process::own_pid(), &[RUNNING], THREAD),
            "another parent"
        );
        assert!(!hold(parent, b"1", THREAD), "a raised flag");
        assert!(!hold(parent, b"", THREAD), "a flag that was cut");
        assert!(!hold(parent, &[RUNNING], THREAD + 1), "another owner");
        let died = THREAD | libc::FUTEX_OWNER_DIED;
        assert!(!hold(parent, &[RUNNING], died), "an owner that died");
    }
}
