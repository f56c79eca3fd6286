//! The tree of a worker: its main process and every process that came from it, wherever it went.
//!
//! The tree finds the processes of a worker while they can be proven to be its own, and holds on to
//! them. It must never find a process by its name, and never keep a bare pid to signal later.
//!
//! A process belongs to a worker if one of these is true:
//!
//! * its parent belongs to the worker (*descent*): the main process, or a process that is held;
//! * its session or its group is or was led by a process of the worker, and that number has been in
//!   use ever since, so that it cannot have become the number of another one;
//! * its environment names the worker's flag, which no other start of a worker ever had;
//! * it is in the worker's control group;
//! * it is an orphan that became our child (*adoption*) when only workers could have made it one.
//!
//! An orphan of a supervisor's worker becomes the child of the supervisor, which is a subreaper. So
//! the question "has this worker left anything?" becomes "have we any child that we do not know?".
//! One small file answers it, and as long as the answer is no, nothing is searched.

use std::collections::HashSet;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use super::census;
use super::leader::Leader;
use super::search::{Orphan, Search};
use super::straggler::Straggler;
use crate::linux::cgroup::Cgroup;
use crate::linux::process::{self, Found, Stat};
use crate::words::pid::Pid;
use crate::words::worker_number::WorkerNumber;

/// How many of the held processes are written into the record.
const FEW: usize = 4;

/// The tree of a worker, besides its main process.
#[derive(Debug)]
pub struct Tree {
    worker: WorkerNumber,
    /// The pid of the main process.
    leader: Pid,
    flag: PathBuf,
    cgroup: Option<Cgroup>,
    held: Vec<Straggler>,
    /// How many of them, from the first on, have been greeted: they have had the signals that the
    /// ladder has sent so far.
    greeted: usize,
}

impl Tree {
    /// The tree of a worker whose main process is `leader` and whose flag is at `flag`.
    #[must_use]
    pub fn new(worker: WorkerNumber, leader: Pid, flag: PathBuf, cgroup: Option<Cgroup>) -> Self {
        Self {
            worker,
            leader,
            flag,
            cgroup,
            held: Vec::new(),
            greeted: 0,
        }
    }

    /// Every process that is held.
    #[must_use]
    pub fn rest(&self) -> &[Straggler] {
        &self.held
    }

    /// The held processes in the group of the main process.
    pub fn group(&self) -> impl Iterator<Item = &Straggler> {
        self.held
            .iter()
            .filter(|one| one.group == Some(self.leader))
    }

    /// The held processes in other groups.
    pub fn beyond_group(&self) -> impl Iterator<Item = &Straggler> {
        self.held
            .iter()
            .filter(|one| one.group != Some(self.leader))
    }

    /// The held processes that have not been greeted: they have had none of the signals so far.
    #[must_use]
    pub fn newcomers(&self) -> &[Straggler] {
        &self.held[self.greeted..]
    }

    /// Marks all held processes as greeted.
    pub fn mark_greeted(&mut self) {
        self.greeted = self.held.len();
    }

    /// Pid, start, and inode or 0, of the first few held processes.
    #[must_use]
    pub fn identities(&self) -> Vec<(Pid, u64, u64)> {
        self.held
            .iter()
            .take(FEW)
            .map(Straggler::identity)
            .collect()
    }

    /// Holds a process that a previous owner has recorded, if it still exists.
    pub fn hold_found(&mut self, pid: Pid, found: Found) {
        self.held.extend(Straggler::found(pid, found));
    }

    /// Notes that every held process has had this signal.
    pub fn mark_sent(&self, signal: i32) {
        for one in &self.held {
            let _ = one.mark_sent(signal);
        }
    }

    /// Holds no process any more.
    pub fn release_all(&mut self) {
        self.held.clear();
        self.greeted = 0;
    }

    /// Its control group, if it has one of its own.
    #[must_use]
    pub fn cgroup(&self) -> Option<&Cgroup> {
        self.cgroup.as_ref()
    }

    /// What to poll for reading: it becomes readable when a held process ends.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.held.iter().filter_map(Straggler::fd)
    }

    /// Releases the processes that have ended; returns the pids of those that had been greeted.
    ///
    /// ORDER: before the search of [`Tree::refresh`]: the children of a process that has ended by now
    /// are orphans by then, and the search sees them.
    pub fn forget_ended(&mut self) -> Vec<Pid> {
        let mut ended = Vec::new();
        let (mut place, greeted) = (0, self.greeted);
        self.held.retain(|one| {
            let is_there = one.is_there();
            if !is_there && place < greeted {
                ended.push(one.pid);
            }
            place += 1;
            is_there
        });
        self.greeted -= ended.len();
        ended
    }

    /// Finds the processes of the worker that are not held yet, and holds them.
    pub fn refresh(&mut self, leader: Leader<'_>, search: &mut Search) {
        let in_cgroup = self.cgroup.as_ref().map(Cgroup::pids).unwrap_or_default();
        let orphans = search.unclaimed().map(<[Orphan]>::to_vec);
        let is_lonely = !leader.is_there() && self.held.is_empty() && in_cgroup.is_empty();
        if is_lonely && orphans.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        self.find_by_number(leader, orphans.as_deref(), search);
        self.find_by_sign(orphans.as_deref(), search);
        self.find_in_cgroup(&in_cgroup, search);
        self.find_by_descent(leader, search);
    }

    /// Holds the processes that can be proven to be the worker's only now: by the numbers of the main
    /// process, and by descent.
    pub fn remember(&mut self, leader: Leader<'_>, search: &mut Search) {
        let orphans = search.unclaimed().map(<[Orphan]>::to_vec);
        self.find_by_number(leader, orphans.as_deref(), search);
        self.find_by_descent(leader, search);
    }

    /// Holds the processes that descended from the main process, which started at `start`, when a
    /// takeover began; the processes in between may have ended since.
    pub fn recall(&mut self, start: u64, search: &mut Search) {
        let mut found = Vec::new();
        let mut parents = vec![(self.leader, start)];
        while let (Some((parent, start)), Some(past)) = (parents.pop(), search.past()) {
            if past.of(parent).is_none_or(|then| then.start != start) {
                continue;
            }
            for &pid in past.children(parent) {
                let then = past.of(pid).map_or(0, |stat| stat.start);
                parents.push((pid, then));
                found.extend(Straggler::take(pid, |now| now.start == then));
            }
        }
        self.hold(found, search);
    }

    /// Finds processes by session and group.
    fn find_by_number(
        &mut self,
        leader: Leader<'_>,
        orphans: Option<&[Orphan]>,
        search: &mut Search,
    ) {
        let certain = search.is_certain();
        if !certain && !self.number_is_taken(leader) {
            return;
        }
        let us = Some(process::own_pid());
        let number = Some(self.leader);
        let is_numbered = |stat: &Stat| stat.session == number || stat.group == number;
        let found: Vec<Straggler> = if let Some(orphans) = orphans {
            let numbered = orphans.iter().filter(|orphan| is_numbered(&orphan.stat));
            let is_ours = |stat: &Stat| stat.parent == us && is_numbered(stat);
            let taken = numbered.map(|orphan| Straggler::take(orphan.pid, is_ours));
            taken.flatten().collect()
        } else {
            let everybody = search.census().everybody().iter();
            let numbered = everybody.filter(|(_, stat)| is_numbered(stat));
            let others = numbered.filter(|(pid, _)| self.lacks(*pid));
            let taken = others.map(|&(pid, _)| Straggler::take(pid, is_numbered));
            taken.flatten().collect()
        };
        // ORDER: the number is in use before the search and after it, so it was in use all the time
        // and is not that of another one. No test covers this: the number would have to be reused
        // while `/proc` is read, and nothing in between can be made to wait for that.
        if certain || self.number_is_taken(leader) {
            self.hold(found, search);
        }
    }

    /// Whether the number of the main process is still the number of its session or group.
    fn number_is_taken(&self, leader: Leader<'_>) -> bool {
        let number = Some(self.leader);
        let mut held = self.held.iter();
        leader.pins()
            || held.any(|one| (one.group == number || one.session == number) && one.is_there())
    }

    /// Finds processes by the flag in their environment, by a session or group that a held process
    /// leads, or because they can be no other worker's.
    fn find_by_sign(&mut self, orphans: Option<&[Orphan]>, search: &mut Search) {
        let us = Some(process::own_pid());
        let is_led = |stat: &Stat| {
            let leads = |one: &&Straggler| [stat.session, stat.group].contains(&Some(one.pid));
            self.held
                .iter()
                .find(leads)
                .is_some_and(Straggler::is_there)
        };
        let names_it = |pid: Pid| census::flag_of(pid).is_some_and(|path| path == self.flag);
        let found: Vec<Straggler> = if let Some(orphans) = orphans {
            let is_adopter = search.adopter() == Some(self.worker);
            let shows_sign = |one: &&Orphan| {
                is_adopter || one.flag.as_ref() == Some(&self.flag) || is_led(&one.stat)
            };
            let take = |one: &Orphan| {
                let is_ours = |stat: &Stat| is_adopter || names_it(one.pid) || is_led(stat);
                Straggler::take(one.pid, |stat| stat.parent == us && is_ours(stat))
            };
            orphans.iter().filter(shows_sign).filter_map(take).collect()
        } else {
            let inheritors = search.census().inheritors(&self.flag).iter();
            let others = inheritors.filter(|&&pid| self.lacks(pid));
            let taken = others.map(|&pid| Straggler::take(pid, |_| names_it(pid)));
            taken.flatten().collect()
        };
        self.hold(found, search);
    }

    /// Finds processes by the kernel's list of the control group.
    fn find_in_cgroup(&mut self, pids: &[Pid], search: &mut Search) {
        let Some(cgroup) = self.cgroup.as_ref().filter(|_| !pids.is_empty()) else {
            return;
        };
        let others = pids.iter().filter(|&&pid| self.lacks(pid));
        let taken = others.map(|&pid| Straggler::take(pid, |_| true));
        let mut found: Vec<Straggler> = taken.flatten().collect();
        // ORDER: first held, then listed as a member, then still existing: so the member is the
        // process that is held.
        let members: HashSet<Pid> = cgroup.pids().into_iter().collect();
        found.retain(|one| members.contains(&one.pid) && one.is_there());
        self.hold(found, search);
    }

    /// Finds the children of processes that exist, their children, and so on.
    fn find_by_descent(&mut self, leader: Leader<'_>, search: &mut Search) {
        let mut parents: Vec<Pid> = self.held.iter().map(|one| one.pid).collect();
        if leader.is_there() {
            parents.push(self.leader);
        }
        while let Some(parent) = parents.pop() {
            let is_child = |stat: &Stat| stat.parent == Some(parent);
            let children = search.census().children(parent).iter();
            let others = children.filter(|&&pid| self.lacks(pid));
            let taken = others.map(|&pid| Straggler::take(pid, is_child));
            let found: Vec<Straggler> = taken.flatten().collect();
            // ORDER: the parent still exists after the search, so it was that parent all the time.
            let is_there = match self.held.iter().find(|one| one.pid == parent) {
                Some(parent) => parent.is_there(),
                None => leader.is_there(),
            };
            if is_there {
                parents.extend(found.iter().map(|one| one.pid));
                self.hold(found, search);
            }
        }
    }

    /// Whether this is neither the main process nor a process that is held.
    fn lacks(&self, pid: Pid) -> bool {
        pid != self.leader && self.held.iter().all(|one| one.pid != pid)
    }

    fn hold(&mut self, found: Vec<Straggler>, search: &mut Search) {
        for one in found {
            if self.lacks(one.pid) {
                search.claim(one.pid);
                self.held.push(one);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead as _, BufReader};
    use std::path::PathBuf;
    use std::process::{Child, Command, Stdio};

    use super::{Leader, Pid, Search, Straggler, Tree};
    use crate::linux::cgroup::Cgroup;
    use crate::linux::process;
    use crate::words::worker_number::WorkerNumber;

    /// A shell and the pid of its child; both end with the shell's standard input.
    fn family() -> (Child, Pid) {
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec 3<&0; cat <&3 & echo $!; exec cat"]);
        shell.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = shell.spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(shell.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        (shell, Pid::parse(line.trim()).unwrap())
    }

    fn tree(cgroup: Option<Cgroup>) -> Tree {
        // A pid that no process has.
        Tree::new(
            WorkerNumber::FIRST,
            Pid::NOBODYS,
            PathBuf::from("/nowhere"),
            cgroup,
        )
    }

    fn pids(tree: &Tree) -> Vec<Pid> {
        tree.held.iter().map(|one| one.pid).collect()
    }

    #[test]
    fn k1o_the_children_of_whoever_has_the_pid_of_one_that_ended_are_strangers() {
        let (shell, child) = family();
        let parent = process::pid_of(&shell);
        let mut ended = Command::new("true").spawn().unwrap();
        let pidfd = process::open(process::pid_of(&ended));
        ended.wait().unwrap();
        let held = || Straggler::take(parent, |_| true).unwrap();
        let mut search = Search::of_stranger();
        let mut of_parent = tree(None);
        of_parent.held.push(held());
        of_parent.find_by_descent(Leader::Reaped, &mut search);
        assert_eq!(pids(&of_parent), [parent, child]);
        let Ok(pidfd) = pidfd else { return };
        let mut of_stranger = tree(None);
        of_stranger.held.push(held().whose_pid_is_anothers(pidfd));
        of_stranger.find_by_descent(Leader::Reaped, &mut search);
        assert_eq!(pids(&of_stranger), [parent]);
        drop(shell.stdin);
    }

    #[test]
    fn k1p_whoever_is_in_no_list_any_more_once_it_is_held_is_a_stranger() {
        let dir = tempfile::tempdir().unwrap();
        let (shell, child) = family();
        for (listed, is_held) in [(child, true), (Pid::NOBODYS, false)] {
            fs::write(dir.path().join("cgroup.procs"), format!("{listed}\n")).unwrap();
            let mut tree = tree(Some(Cgroup::pretended(dir.path())));
            tree.find_in_cgroup(&[child], &mut Search::of_stranger());
            assert_eq!(pids(&tree) == [child], is_held);
        }
        drop(shell.stdin);
    }
}
