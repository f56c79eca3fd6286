//! What ties a guard to its supervisor: a pair of sockets. While the supervisor lives it hands over
//! the flags that it makes; when it executes another program, its end closes.
//!
//! When it dies its end closes, too; but a child between fork and exec has a copy of it, and may stay
//! there for long. So the guard waits for a pidfd of the supervisor as well, where it can have one.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

use crate::contract::flag::writer::FlagFile;
use crate::linux::process;
use crate::linux::sys;

/// How many flags are handed over at once: the guard is woken once for all of them.
pub(crate) const TOGETHER: usize = 64;

/// The longest name of a flag, with the newline that ends it: a worker's number, and 17 bytes.
const NAME: usize = 32;

/// The supervisor's end.
#[derive(Debug)]
pub(super) struct LifeLine(OwnedFd);

/// The guard's end.
#[derive(Debug)]
pub(super) struct End {
    socket: OwnedFd,
    supervisor: Option<OwnedFd>,
}

/// Makes both ends, for the guard of this process.
pub(super) fn pair() -> io::Result<(LifeLine, End)> {
    // A pair of this kind keeps what was sent apart, and gives it out before it tells of the close.
    let (kind, flags) = (SockType::SeqPacket, SockFlag::SOCK_CLOEXEC);
    let (ours, theirs) = socketpair(AddressFamily::Unix, kind, None, flags)?;
    let end = End {
        socket: theirs,
        supervisor: process::open(process::own_pid()).ok(),
    };
    Ok((LifeLine(ours), end))
}

impl LifeLine {
    /// Hands over at most [`TOGETHER`] flags. Never waits: what cannot be handed over now, the
    /// guard does without; it needs it only should the name be deleted.
    pub(super) fn hand_over(&self, flags: &[&FlagFile]) {
        let mut names = String::new();
        let mut files = Vec::new();
        for flag in flags {
            if let Some(file) = flag.file() {
                names.push_str(flag.name());
                names.push('\n');
                files.push(file);
            }
        }
        let numbers: Vec<RawFd> = files.iter().map(|file| file.as_raw_fd()).collect();
        let parts = [IoSlice::new(names.as_bytes())];
        let rights = [ControlMessage::ScmRights(&numbers)];
        let how = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let _ = sendmsg::<()>(self.0.as_raw_fd(), &parts, &rights, how, None);
    }
}

impl End {
    /// Waits until the supervisor is gone; until then takes what is handed over.
    pub(super) fn wait(&self, mut take: impl FnMut(&str, File)) {
        loop {
            let sources = [Some(&self.socket), self.supervisor.as_ref()];
            let sources = sources.into_iter().flatten();
            let mut fds: Vec<PollFd<'_>> = sources
                .map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN))
                .collect();
            // Whatever woke it, it looks.
            let _ = poll(&mut fds, PollTimeout::NONE);
            let is_dead = self.supervisor.as_ref().is_some_and(process::has_ended);
            // ORDER: what was handed over before the death is taken after it is seen.
            if self.take(&mut take) || is_dead {
                return;
            }
        }
    }

    /// Takes what was handed over by now; answers whether there will be no more.
    fn take(&self, take: &mut impl FnMut(&str, File)) -> bool {
        let mut bytes = [0; TOGETHER * NAME];
        let mut space = nix::cmsg_space!([RawFd; TOGETHER]);
        loop {
            let mut parts = [IoSliceMut::new(&mut bytes)];
            let fd = self.socket.as_raw_fd();
            let flags = MsgFlags::MSG_CMSG_CLOEXEC | MsgFlags::MSG_DONTWAIT;
            let got = match recvmsg::<()>(fd, &mut parts, Some(&mut space), flags) {
                Ok(got) => got,
                Err(Errno::EINTR) => continue,
                Err(_) => return false,
            };
            let mut files = Vec::new();
            for one in got.cmsgs().into_iter().flatten() {
                if let ControlMessageOwned::ScmRights(numbers) = one {
                    files.extend(numbers.into_iter().map(sys::received));
                }
            }
            let length = got.bytes;
            if length == 0 {
                return true;
            }
            let names = std::str::from_utf8(&bytes[..length]).unwrap_or_default();
            for (name, file) in names.lines().zip(files) {
                take(name, file);
            }
        }
    }
}
