//! The main process of a worker: what proves that it is the worker's, and how signals reach it.

use std::os::fd::BorrowedFd;

use super::Stranger;
use crate::contract::record::Born;
use crate::linux::process::{self, Found, Sent, Target};
use crate::tree::Leader;
use crate::words::ended::Ended;
use crate::words::pid::Pid;

/// The main process of a worker, whether it has ended or not.
#[derive(Debug)]
pub(super) struct MainProcess {
    pid: Pid,
    /// Clock ticks from boot to its start, once that is known.
    start: Option<u64>,
    proof: Proof,
}

/// What proves that it is the worker's.
#[derive(Debug)]
enum Proof {
    /// It is our child, and nobody else reaps it.
    Child,
    /// It was the child of an earlier owner.
    Stranger(Stranger),
}

impl MainProcess {
    /// Our child.
    pub(super) const fn child(pid: Pid) -> Self {
        Self {
            pid,
            start: None,
            proof: Proof::Child,
        }
    }

    /// The child of an earlier owner, which is `born` on its record.
    pub(super) const fn stranger(born: Born, stranger: Stranger) -> Self {
        Self {
            pid: born.pid,
            start: Some(born.start),
            proof: Proof::Stranger(stranger),
        }
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Clock ticks from boot to its start, once that is known.
    pub(super) fn start(&self) -> Option<u64> {
        self.start
    }

    pub(super) fn set_start(&mut self, start: Option<u64>) {
        self.start = start;
    }

    pub(super) fn is_child(&self) -> bool {
        matches!(self.proof, Proof::Child)
    }

    /// Whether it is not our child and has ended: then nobody reaps it for us.
    pub(super) fn has_ended_elsewhere(&self) -> bool {
        match &self.proof {
            Proof::Child => false,
            Proof::Stranger(stranger) => stranger.has_ended(),
        }
    }

    /// Reaps it if it is our child, which has ended. Answers how it ended, if that was not lost: the
    /// status of a stranger goes to whoever reaps it.
    pub(super) fn reap(&self) -> Option<Ended> {
        match self.proof {
            Proof::Child => process::reap(self.pid),
            Proof::Stranger(_) => None,
        }
    }

    /// What to poll for reading, if it is not our child: its end. `None` if it has to be looked for.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        match &self.proof {
            Proof::Child => None,
            Proof::Stranger(stranger) => stranger.fd(),
        }
    }

    pub(super) fn signal(&self, signal: i32) -> Sent {
        match &self.proof {
            Proof::Child => process::signal(Target::Child(self.pid), signal),
            Proof::Stranger(stranger) => stranger.signal(signal),
        }
    }

    /// Sends a signal to our child and its group; `None` if it is not our child, for then nothing keeps
    /// the number of the group from becoming another's. A child that was just forked may have no group
    /// of its own yet, and in a session that is not its own it may have moved to another group
    /// (setpgid(2)).
    pub(super) fn signal_group(&self, signal: i32) -> Option<Sent> {
        if !self.is_child() {
            return None;
        }
        let sent = process::signal(Target::GroupOf(self.pid), signal);
        // ORDER: the look after the signal: if it was in its group until then, it has had the signal.
        if process::is_in_anothers_group(self.pid) {
            return Some(self.signal(signal));
        }
        Some(sent)
    }

    /// Has `act` use what its number proves. A child that has ended is reaped if it `is_reaped`.
    pub(super) fn as_leader<T>(&self, is_reaped: bool, act: impl FnOnce(Leader<'_>) -> T) -> T {
        match &self.proof {
            Proof::Child if is_reaped => act(Leader::Reaped),
            Proof::Child => act(Leader::Unreaped),
            Proof::Stranger(stranger) => act(Leader::Stranger(&stranger.look())),
        }
    }

    /// Who it is. If it is reaped, another process may have its pid, and the inode is not its own.
    pub(super) fn born(&self, is_reaped: bool) -> Born {
        let inode = match process::named(self.pid) {
            Found::Ours(pidfd) if !is_reaped => process::pidfs_inode(&pidfd),
            Found::Ours(_) | Found::Gone | Found::Unverifiable => None,
        };
        Born {
            pid: self.pid,
            start: self.start.unwrap_or(0),
            inode,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::{Ended, Leader, MainProcess, Pid, Sent, Stranger, process};

    #[test]
    #[expect(clippy::zombie_processes, reason = "it is reaped by what is tested")]
    fn our_own_child_is_signalled_and_reaped() {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let main = MainProcess::child(process::pid_of(&child));
        assert!(main.is_child() && !main.has_ended_elsewhere());
        assert!(main.fd().is_none());
        assert!(matches!(main.signal(libc::SIGTERM), Sent::Yes));
        let end = Ended::Signalled(libc::SIGTERM);
        while main.reap().is_none_or(|ended| ended != end) {
            std::thread::yield_now();
        }
        assert!(matches!(main.signal(libc::SIGTERM), Sent::Nobody));
    }

    #[test]
    fn a_child_that_has_no_group_of_its_own_is_signalled_alone() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let main = MainProcess::child(process::pid_of(&child));
        // Ours would have it, too, if its group were taken for its own.
        let sent = main.signal_group(libc::SIGKILL);
        assert!(matches!(sent, Some(Sent::Yes)), "{sent:?}");
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn the_child_of_an_earlier_owner_is_reached_alone_and_reaped_by_others() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let born = MainProcess::child(process::pid_of(&child)).born(false);
        let main = MainProcess::stranger(born, Stranger::find(born));
        assert!(!main.is_child() && !main.has_ended_elsewhere());
        assert!(main.signal_group(libc::SIGKILL).is_none());
        assert!(main.reap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(main.has_ended_elsewhere());
    }

    #[test]
    fn the_number_of_a_child_proves_something_until_it_is_reaped() {
        let main = MainProcess::child(Pid::NOBODYS);
        main.as_leader(false, |leader| assert!(matches!(leader, Leader::Unreaped)));
        main.as_leader(true, |leader| assert!(matches!(leader, Leader::Reaped)));
        assert_eq!(main.born(true).inode, None);
    }
}
