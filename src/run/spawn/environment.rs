//! The environment of a worker: ours as it is, in order, with duplicates and with entries that have
//! no `=`, except for the variables that stopctl sets and those that are meant for one process only.

use std::ffi::{CStr, CString};
use std::io::Write as _;

use crate::linux::process;
use crate::linux::sys;
use crate::words::pid::Pid;

/// Sockets are handed to the process that `LISTEN_PID` names (`sd_listen_fds(3)`), which new systems
/// name by the inode of its pidfd too.
const LISTEN_PID: &str = "LISTEN_PID";
const LISTEN_PIDFDID: &str = "LISTEN_PIDFDID";

/// What all workers of a run inherit.
#[derive(Debug)]
pub struct Environment {
    entries: Vec<CString>,
    listen: Listen,
}

/// The places of the entries that name us and are to name the worker instead. We have no use for
/// sockets that were handed to us: they are the worker's.
#[derive(Debug, Default, PartialEq, Eq)]
struct Listen {
    pid: Option<usize>,
    inode: Option<usize>,
}

impl Environment {
    /// Our environment, without the variables of these `names`.
    #[must_use]
    pub fn inherited(names: &[&str]) -> Self {
        let us = process::own_pid();
        let inode = || {
            process::open(us)
                .ok()
                .as_ref()
                .and_then(process::pidfs_inode)
        };
        Self::of(sys::environment(), names, us, inode)
    }

    /// The environment made of `entries` of the process `pid`, whose pidfd has this `inode`: that is
    /// asked for only if it matters.
    fn of(
        mut entries: Vec<CString>,
        names: &[&str],
        pid: Pid,
        inode: impl Fn() -> Option<u64>,
    ) -> Self {
        entries.retain(|entry| !names.iter().any(|name| value(entry, name).is_some()));
        // Of several entries of a name the first one counts (getenv(3)).
        let first = |name| {
            let mut found = entries.iter().enumerate();
            found.find_map(|(place, entry)| Some((place, value(entry, name)?)))
        };
        let says = |found: Option<(usize, &[u8])>, number: String| {
            let found = found.filter(|(_, value)| *value == number.as_bytes());
            found.map(|(place, _)| place)
        };
        let by_inode = first(LISTEN_PIDFDID);
        let inode = by_inode.and_then(|_| says(by_inode, inode()?.to_string()));
        let pid = says(first(LISTEN_PID), pid.to_string());
        // If one of the two names another process, both do.
        let is_ours = pid.is_some() && inode.is_some() == by_inode.is_some();
        let listen = if is_ours {
            Listen { pid, inode }
        } else {
            Listen::default()
        };
        Self { entries, listen }
    }

    /// The inherited entries, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = &CStr> {
        self.entries.iter().map(CString::as_c_str)
    }

    /// Puts the worker's own numbers in the place of ours, in its own copy of the list. They are
    /// known only between fork and exec, so this allocates nothing.
    pub(super) fn name_the_worker<'a>(
        &self,
        list: &mut sys::Words<'a>,
        (pid, inode): (Pid, Option<u64>),
        room: &'a mut Room,
    ) {
        let Room(for_pid, for_inode) = room;
        if let Some(place) = self.listen.pid {
            list.set(place, entry(for_pid, LISTEN_PID, pid.get().into()));
        }
        if let (Some(place), Some(inode)) = (self.listen.inode, inode) {
            list.set(place, entry(for_inode, LISTEN_PIDFDID, inode.into()));
        }
    }
}

/// Longer than either entry.
const LONGEST: usize = 64;

/// Room for the entries that are written between fork and exec.
pub(super) struct Room([u8; LONGEST], [u8; LONGEST]);

impl Room {
    pub(super) const fn new() -> Self {
        Self([0; LONGEST], [0; LONGEST])
    }
}

fn entry<'a>(room: &'a mut [u8; LONGEST], name: &str, number: i128) -> &'a CStr {
    // A name and 20 digits fit. The rest of the room stays zero.
    let _ = write!(&mut room[..LONGEST - 1], "{name}={number}");
    CStr::from_bytes_until_nul(room).unwrap_or_default()
}

/// The value in `entry` if it is of the variable `name`.
fn value<'a>(entry: &'a CStr, name: &str) -> Option<&'a [u8]> {
    let rest = entry.to_bytes().strip_prefix(name.as_bytes())?;
    rest.strip_prefix(b"=")
}

#[cfg(test)]
mod tests {
    use std::ffi::{CStr, CString};

    use super::{Environment, Listen, Pid, Room, entry};

    fn of(entries: &[&str], inode: Option<u64>) -> Environment {
        let entries = entries.iter().map(|one| CString::new(*one).unwrap());
        let pid = Pid::new(42).unwrap();
        Environment::of(entries.collect(), &["OURS", "EMPTY"], pid, || inode)
    }

    fn texts(environment: &Environment) -> Vec<&str> {
        let entries = environment.entries();
        entries.map(|one| one.to_str().unwrap()).collect()
    }

    #[test]
    fn what_is_not_ours_stays_as_it_is() {
        let given = [
            "Z=1",
            "A=first",
            "OURS=1",
            "A=second",
            "NOEQUALS",
            "OURS",
            "OURSELVES=1",
            "=x",
            "",
            "EMPTY=",
            "OURS=2",
            "B==",
        ];
        let kept = [
            "Z=1",
            "A=first",
            "A=second",
            "NOEQUALS",
            "OURS",
            "OURSELVES=1",
            "=x",
            "",
            "B==",
        ];
        assert_eq!(texts(&of(&given, None)), kept);
    }

    #[test]
    fn only_what_names_us_will_name_the_worker() {
        let listen = |entries: &[&str], inode| {
            let Listen { pid, inode } = of(entries, inode).listen;
            (pid, inode)
        };
        assert_eq!(listen(&["A=1", "LISTEN_PID=42"], Some(7)), (Some(1), None));
        for other in [
            "LISTEN_PID=41",
            "LISTEN_PID=",
            "LISTEN_PID",
            "LISTEN_PID=042",
        ] {
            assert_eq!(
                listen(&[other, "LISTEN_PID=42"], None).0.is_some(),
                other == "LISTEN_PID"
            );
        }
        let both = ["LISTEN_PIDFDID=7", "LISTEN_PID=42"];
        assert_eq!(listen(&both, Some(7)), (Some(1), Some(0)));
        for inode in [Some(8), None] {
            assert_eq!(listen(&both, inode), (None, None));
        }
        assert_eq!(listen(&["LISTEN_PIDFDID=7"], Some(7)), (None, None));
    }

    #[test]
    fn the_longest_numbers_fit() {
        let mut room = Room::new();
        let longest = entry(&mut room.1, super::LISTEN_PIDFDID, u64::MAX.into());
        let expected = CString::new(format!("LISTEN_PIDFDID={}", u64::MAX)).unwrap();
        assert_eq!(longest, expected.as_c_str() as &CStr);
    }
}
