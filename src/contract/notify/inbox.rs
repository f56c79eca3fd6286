//! The receiving side: the socket of a run to which its workers send, and who each sender was.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, UnixCredentials,
    bind, recvmsg, setsockopt, socket, sockopt,
};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::{Uid, UnlinkatFlags, unlinkat};

use super::{LONGEST, Message};
use crate::linux::files;
use crate::linux::plain::plain;
use crate::linux::sys;
use crate::words::moment::Moment;
use crate::words::pid::Pid;

/// The socket's name in the run's directory.
const FILE: &str = "notify";

/// The longest path that a socket can have: `sun_path` without its final zero (unix(7)).
const LONGEST_PATH: usize = 107;

/// How many datagrams are read in one turn of the loop, and for how long, so that a flood cannot hold
/// up the ladder. Finding out who a stranger is takes longer than reading what it sends.
const AT_ONCE: usize = 64;
const LONGEST_TIME: Duration = Duration::from_millis(10);

/// How many sockets are kept if the name is deleted again and again.
const MOST_SOCKETS: usize = 8;

/// The flags with which every datagram is read.
const ALWAYS: MsgFlags = MsgFlags::MSG_DONTWAIT.union(MsgFlags::MSG_CMSG_CLOEXEC);

/// What came through the socket.
#[derive(Debug, PartialEq, Eq)]
pub enum Letter {
    /// A datagram, from the process with this pid; `None` if that process cannot be seen from here.
    Said(Option<Pid>, Message),
    /// A datagram that is longer than [`LONGEST`], and was not read.
    TooLong(Option<Pid>),
    /// Its sender waits until everything before it has been read, and learns that after this.
    Barrier,
}

/// How much may still be read in one turn of the loop, no matter how often the turn reads.
#[derive(Debug)]
pub struct Patience {
    left: usize,
    until: Moment,
}

impl Patience {
    /// The patience of a turn that began at this moment.
    #[must_use]
    pub fn of_turn(began: Moment) -> Self {
        Self {
            left: AT_ONCE,
            until: began + LONGEST_TIME,
        }
    }

    /// Uses it for one datagram; returns whether any was left. The first datagram is always read.
    fn spend(&mut self) -> bool {
        let is_first = self.left == AT_ONCE;
        let is_left = self.left > 0 && (is_first || sys::now() < self.until);
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

/// The error if a run cannot have such a socket.
#[derive(Debug)]
pub enum InboxError {
    /// Its path would be too long.
    Path(PathBuf),
    /// A system call failed.
    System(io::Error),
}

impl fmt::Display for InboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(
                f,
                "the socket for --notify would be {}, and the path of a socket has at most \
                 {LONGEST_PATH} bytes: use a shorter --name or STOPCTL_DIR",
                path.display()
            ),
            Self::System(error) => write!(f, "the socket for --notify: {}", plain(error)),
        }
    }
}

impl Error for InboxError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Path(_) => None,
            Self::System(error) => Some(error),
        }
    }
}

impl From<io::Error> for InboxError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

/// The socket of a run.
#[derive(Debug)]
pub struct Inbox {
    path: PathBuf,
    /// The last one has the name. Workers may be connected to earlier ones, which have lost it.
    sockets: Vec<UnixDatagram>,
    /// The file that has the name.
    named: File,
}

impl Inbox {
    /// Makes the socket in `dir`, a run's directory at `path`.
    ///
    /// The kernel tells the sender of each datagram (`SO_PASSCRED`), so the socket need not keep
    /// strangers out. Under root, workers often have another uid: then the mode is 0666, otherwise
    /// 0600.
    ///
    /// # Errors
    ///
    /// If the path is too long, or as bind(2).
    pub fn create(dir: impl AsFd, path: &Path) -> Result<Self, InboxError> {
        let path = path.join(FILE);
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(InboxError::Path(path));
        }
        let (socket, named) = bound(dir)?;
        Ok(Self {
            path,
            sockets: vec![socket],
            named,
        })
    }

    /// The value of a worker's `NOTIFY_SOCKET`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the socket again in `dir` if its name is gone. Workers that are connected to the old one
    /// are still heard. Returns whether the name was gone.
    ///
    /// # Errors
    ///
    /// As [`Inbox::create`].
    pub fn put_back(&mut self, dir: impl AsFd) -> io::Result<bool> {
        if files::is_at(dir.as_fd(), FILE, &self.named) {
            return Ok(false);
        }
        // Anything that has the name now belongs to no one; nearly always there is nothing.
        let _ = unlinkat(dir.as_fd(), FILE, UnlinkatFlags::NoRemoveDir);
        let (socket, named) = bound(dir)?;
        self.sockets.push(socket);
        if self.sockets.len() > MOST_SOCKETS {
            // Never the first one: workers connect when they start.
            self.sockets.remove(1);
        }
        self.named = named;
        Ok(true)
    }

    /// What to poll for reading.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets.iter().map(AsFd::as_fd)
    }

    /// Reads what has arrived, without waiting, as long as there is `patience`.
    pub fn drain(&self, patience: &mut Patience, mut hear: impl FnMut(Letter)) {
        let mut bytes = [0; LONGEST];
        for socket in &self.sockets {
            // Peek first: if nothing has arrived, this uses no patience.
            while let Ok(is_barrier) = is_barrier(socket) {
                if !patience.spend() {
                    return;
                }
                if is_barrier {
                    hear(Letter::Barrier);
                }
                match receive(socket, &mut bytes) {
                    Ok(letter) => letter.into_iter().for_each(&mut hear),
                    Err(_) => break,
                }
            }
        }
    }
}

/// Makes the socket in a directory whose path may have changed.
fn bound(dir: impl AsFd) -> io::Result<(UnixDatagram, File)> {
    let path = format!("/proc/self/fd/{}/{FILE}", dir.as_fd().as_raw_fd());
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
    // ORDER: before it has a name, so that every datagram arrives with its sender.
    setsockopt(&socket, sockopt::PassCred, &true)?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path.as_str())?)?;
    let others = if Uid::effective().is_root() { 0o066 } else { 0 };
    let mode = Mode::S_IRUSR | Mode::S_IWUSR | Mode::from_bits_truncate(others);
    fchmodat(dir.as_fd(), FILE, mode, FchmodatFlags::FollowSymlink)?;
    let named = files::open(dir, FILE, OFlag::O_PATH)?;
    Ok((socket.into(), named))
}

/// Whether the next datagram carries descriptors, as a `BARRIER=1` does. The datagram is not taken,
/// and the descriptors are not closed.
fn is_barrier(socket: &UnixDatagram) -> nix::Result<bool> {
    let mut space = nix::cmsg_space!(UnixCredentials);
    let flags = ALWAYS | MsgFlags::MSG_PEEK;
    let got = recvmsg::<()>(socket.as_raw_fd(), &mut [], Some(&mut space), flags)?;
    Ok(got.flags.contains(MsgFlags::MSG_CTRUNC))
}

/// Takes one datagram; `None` if it carried descriptors. There is room only for the sender, so the
/// kernel closes the descriptors at once. So none can leak here, and that is also the answer to a
/// `BARRIER=1`, whose sender waits for the end of a pipe.
fn receive(socket: &UnixDatagram, bytes: &mut [u8]) -> nix::Result<Option<Letter>> {
    let mut space = nix::cmsg_space!(UnixCredentials);
    let mut parts = [IoSliceMut::new(bytes)];
    let got = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), ALWAYS)?;
    if got.flags.contains(MsgFlags::MSG_CTRUNC) {
        return Ok(None);
    }
    let mut sender = None;
    for one in got.cmsgs()? {
        if let ControlMessageOwned::ScmCredentials(who) = one {
            // 0 is a process of another pid namespace.
            sender = Pid::new(who.pid());
        }
    }
    let length = got.bytes;
    Ok(Some(if got.flags.contains(MsgFlags::MSG_TRUNC) {
        Letter::TooLong(sender)
    } else {
        Letter::Said(sender, Message::parse(&bytes[..length]))
    }))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::net::UnixDatagram;

    use super::{AT_ONCE, Duration, Inbox, Moment, Patience};
    use crate::linux::sys;

    #[test]
    fn k11b_a_flood_is_heard_in_parts_however_often_it_is_asked_for_in_a_turn() {
        let dir = tempfile::tempdir().unwrap();
        let inbox = Inbox::create(File::open(dir.path()).unwrap(), dir.path()).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        let send = || sender.send_to(b"STATUS=more", inbox.path()).unwrap();
        // Each sender that is heard sends another datagram at once.
        let hear = |patience: &mut Patience| {
            let mut heard = 0;
            inbox.drain(patience, |_| {
                heard += 1;
                send();
            });
            heard
        };
        send();
        let an_hour = sys::now() + Duration::from_secs(3600);
        let mut patience = Patience::of_turn(an_hour);
        assert_eq!(hear(&mut patience), AT_ONCE);
        assert_eq!(hear(&mut patience), 0, "in the same turn");
        assert_eq!(hear(&mut Patience::of_turn(an_hour)), AT_ONCE);
        // In a turn that has already taken too long, one datagram is still read.
        let mut late = Patience::of_turn(Moment::from_nanos(0));
        assert_eq!((hear(&mut late), hear(&mut late)), (1, 0));
    }
}
