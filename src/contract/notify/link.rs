//! The sending side: to the socket that `NOTIFY_SOCKET` names, of a service manager or a supervisor.
//! It never waits, except for the one answer that the protocol has.

use std::ffi::OsStr;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::unistd::pipe2;

use super::SOCKET;

/// A socket that sends to one address.
#[derive(Debug)]
pub struct Link {
    socket: UnixDatagram,
    to: SocketAddr,
}

impl Link {
    /// A link to the socket that our environment names; `None` if it names none.
    ///
    /// # Errors
    ///
    /// If it is neither a path nor an abstract name (unix(7)), or as socket(2).
    pub fn from_env() -> io::Result<Option<Self>> {
        let address = std::env::var_os(SOCKET).filter(|address| !address.is_empty());
        address.as_deref().map(Self::to).transpose()
    }

    fn to(address: &OsStr) -> io::Result<Self> {
        let to = match address.as_bytes() {
            [b'/', ..] => SocketAddr::from_pathname(address)?,
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            // systemd also knows the vsock addresses of virtual machines.
            _ => return Err(io::Error::other("neither a path nor an abstract name")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, to })
    }

    /// Sends one datagram, as a whole or not at all.
    ///
    /// # Errors
    ///
    /// As send(2): `EAGAIN` if the reader has too many unread, `ECONNREFUSED` or `ENOENT` if there is
    /// no reader.
    pub fn say(&self, datagram: &str) -> io::Result<()> {
        self.socket
            .send_to_addr(datagram.as_bytes(), &self.to)
            .map(drop)
    }

    /// Waits until everything that was sent before has been read, for at most `timeout`; returns
    /// whether it has. The reader closes the descriptor that this sends (`BARRIER=1`,
    /// `sd_notify(3)`).
    ///
    /// # Errors
    ///
    /// As pipe(2), connect(2) and send(2).
    pub fn is_read(&self, timeout: Duration) -> io::Result<bool> {
        self.socket.connect_addr(&self.to)?;
        let (end, sent) = pipe2(OFlag::O_CLOEXEC)?;
        let descriptors = [sent.as_raw_fd()];
        let with = [ControlMessage::ScmRights(&descriptors)];
        let (said, flags) = ([IoSlice::new(b"BARRIER=1")], MsgFlags::MSG_NOSIGNAL);
        sendmsg::<()>(self.socket.as_raw_fd(), &said, &with, flags, None)?;
        drop(sent);
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::MAX);
        let mut fds = [PollFd::new(end.as_fd(), PollFlags::POLLIN)];
        Ok(poll(&mut fds, timeout)? > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Link, OsStr};

    #[test]
    fn an_address_is_a_path_or_an_abstract_name() {
        assert!(Link::to(OsStr::new("/run/systemd/notify")).is_ok());
        assert!(Link::to(OsStr::new("@name")).is_ok());
        let long = format!("/{}", "x".repeat(200));
        for address in ["notify", "vsock:2:1234", "./notify", &long] {
            assert!(Link::to(OsStr::new(address)).is_err(), "{address}");
        }
    }
}
