//! What ties a guard to its supervisor: a pair of sockets. While the supervisor lives it hands over
//! the flags that it makes; when it dies, however it dies, its end closes.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg,
    sendmsg, socketpair,
};

use crate::flag::writer::FlagFile;
use crate::sys;

/// How many flags are handed over at once: the guard is woken once for all of them.
pub(crate) const TOGETHER: usize = 64;

/// The longest name of a flag, with the newline that ends it: a worker's number, and 17 bytes.
const NAME: usize = 32;

/// The supervisor's end.
#[derive(Debug)]
pub(super) struct LifeLine(OwnedFd);

/// The guard's end.
#[derive(Debug)]
pub(super) struct End(OwnedFd);

/// Makes both ends.
pub(super) fn pair() -> io::Result<(LifeLine, End)> {
    // A pair of this kind keeps what was sent apart, and gives it out before it tells of the close.
    let (kind, flags) = (SockType::SeqPacket, SockFlag::SOCK_CLOEXEC);
    let (ours, theirs) = socketpair(AddressFamily::Unix, kind, None, flags)?;
    Ok((LifeLine(ours), End(theirs)))
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
        let numbers: Vec<RawFd> = files.iter().map(AsRawFd::as_raw_fd).collect();
        let parts = [IoSlice::new(names.as_bytes())];
        let rights = [ControlMessage::ScmRights(&numbers)];
        let how = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        let _ = sendmsg::<()>(self.0.as_raw_fd(), &parts, &rights, how, None);
    }
}

impl End {
    /// Waits until the supervisor is gone; until then takes what is handed over.
    pub(super) fn wait(&self, mut take: impl FnMut(&str, File)) {
        let mut bytes = [0; TOGETHER * NAME];
        let mut space = nix::cmsg_space!([RawFd; TOGETHER]);
        loop {
            let mut parts = [IoSliceMut::new(&mut bytes)];
            let (fd, flags) = (self.0.as_raw_fd(), MsgFlags::MSG_CMSG_CLOEXEC);
            let Ok(got) = recvmsg::<()>(fd, &mut parts, Some(&mut space), flags) else {
                continue;
            };
            let mut files = Vec::new();
            for one in got.cmsgs().into_iter().flatten() {
                if let ControlMessageOwned::ScmRights(numbers) = one {
                    files.extend(numbers.into_iter().map(sys::received));
                }
            }
            let length = got.bytes;
            if length == 0 {
                return;
            }
            let names = std::str::from_utf8(&bytes[..length]).unwrap_or_default();
            for (name, file) in names.lines().zip(files) {
                take(name, file);
            }
        }
    }
}
