//! Users: their numbers, their names, and acting as one of them.
//!
//! Names are looked up in `/etc/passwd` alone: a static program cannot load what else may know them
//! (nsswitch.conf(5)). A number needs no file.

use std::ffi::OsStr;
use std::fs;
use std::io;

use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, ROOT, Uid, setgroups, setresgid, setresuid};

/// To setresuid(2) this number means that nothing changes.
const UNCHANGED: u32 = u32::MAX;

/// The group that owns nothing, for a user of whom only the number is known.
const NO_GROUP: u32 = 65_534;

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    uid: Uid,
    gid: Gid,
}

impl User {
    fn new(uid: u32, gid: u32) -> Option<Self> {
        let is_one = uid != UNCHANGED && gid != UNCHANGED;
        is_one.then(|| Self {
            uid: Uid::from_raw(uid),
            gid: Gid::from_raw(gid),
        })
    }

    /// The number.
    #[must_use]
    pub const fn uid(&self) -> Uid {
        self.uid
    }

    /// Makes this process one of that user, for good: from then on the kernel refuses it whatever it
    /// refuses that user. Only root can do so, and only while the process has one thread.
    ///
    /// # Errors
    ///
    /// As setgroups(2) and setresuid(2), and if the rights of root are not gone after that.
    pub fn act(self) -> io::Result<()> {
        // For root no limit of processes holds; from then on that user's processes count against ours,
        // and whoever takes over a run is one more (fork(2), EAGAIN).
        if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NPROC) {
            let _ = setrlimit(Resource::RLIMIT_NPROC, hard, hard);
        }
        // ORDER: the user last: without being root nobody may change groups.
        setgroups(&[])?;
        setresgid(self.gid, self.gid, self.gid)?;
        setresuid(self.uid, self.uid, self.uid)?;
        // What root has open, its terminal for one, stays open here: that user must not get at it
        // (ptrace(2), `/proc/PID/fd`).
        prctl::set_dumpable(false)?;
        if setresuid(ROOT, ROOT, ROOT).is_ok() {
            return Err(io::Error::other("the rights of root cannot be given up"));
        }
        Ok(())
    }
}

/// The users that have a name.
#[derive(Debug, Default)]
pub struct Users(Vec<(String, User)>);

impl Users {
    /// Those of this machine; without the file, nobody.
    #[must_use]
    pub fn read() -> Self {
        Self::parse(&fs::read("/etc/passwd").unwrap_or_default())
    }

    /// Parses the form of passwd(5). A line that has another one names nobody.
    fn parse(text: &[u8]) -> Self {
        let user = |line: &[u8]| {
            let mut words = std::str::from_utf8(line).ok()?.split(':');
            let name = words.next().filter(|name| !name.is_empty())?;
            let (uid, gid) = (words.nth(1)?.parse().ok()?, words.next()?.parse().ok()?);
            Some((name.to_owned(), User::new(uid, gid)?))
        };
        Self(text.split(|&byte| byte == b'\n').filter_map(user).collect())
    }

    /// The user who has this name, or else this number.
    #[must_use]
    pub fn find(&self, typed: &OsStr) -> Option<User> {
        let typed = typed.to_str()?;
        let named = self.0.iter().find(|(name, _)| name == typed);
        named.map(|&(_, user)| user).or_else(|| {
            let uid = typed.parse().ok()?;
            let known = self.0.iter().find(|(_, user)| user.uid.as_raw() == uid);
            known.map_or_else(|| User::new(uid, NO_GROUP), |&(_, user)| Some(user))
        })
    }

    /// The name of the user with this number.
    #[must_use]
    pub fn name_of(&self, uid: Uid) -> Option<&str> {
        let known = self.0.iter().find(|(_, user)| user.uid == uid);
        known.map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{NO_GROUP, Uid, User, Users};

    fn users() -> Users {
        Users::parse(
            b"root:x:0:0:root:/root:/bin/sh\n\
              \n\
              # a comment\n\
              +::::::\n\
              alice:x:1000:100:Alice:/home/alice:/bin/sh\n\
              alias:x:1000:200::/:/bin/sh\n\
              77:x:1001:1001::/:/bin/sh\n\
              short:x:1002\n\
              b\xffd:x:1003:1003::/:\n\
              :x:1004:1004::/:\n\
              none:x:4294967295:1::/:\n\
              group:x:1005:4294967295::/:\n\
              large:x:4294967296:1::/:\n\
              negative:x:-1:1::/:",
        )
    }

    #[test]
    fn a_user_is_found_by_name_and_then_by_number() {
        for (typed, expected) in [
            ("root", User::new(0, 0)),
            ("0", User::new(0, 0)),
            ("alice", User::new(1000, 100)),
            ("1000", User::new(1000, 100)),
            ("alias", User::new(1000, 200)),
            // As chown(1): a name wins.
            ("77", User::new(1001, 1001)),
            // Nobody has to be in the file.
            ("4711", User::new(4711, NO_GROUP)),
            ("1005", User::new(1005, NO_GROUP)),
        ] {
            assert!(expected.is_some());
            assert_eq!(users().find(typed.as_ref()), expected, "{typed}");
        }
    }

    #[test]
    fn whoever_has_no_number_that_can_be_changed_to_is_nobody() {
        let nobody = [
            "",
            "#",
            "+",
            "short",
            "none",
            "group",
            "large",
            "negative",
            "-1",
            "4294967295",
            "4294967296",
            "1000 ",
            "Alice",
        ];
        for typed in nobody {
            assert_eq!(users().find(typed.as_ref()), None, "{typed}");
        }
    }

    #[test]
    fn of_two_names_the_first_is_shown() {
        let name = |uid| users().name_of(Uid::from_raw(uid)).map(ToOwned::to_owned);
        assert_eq!(name(1000).as_deref(), Some("alice"));
        assert_eq!(name(4711), None);
    }
}
