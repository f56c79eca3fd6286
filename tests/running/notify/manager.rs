//! What a service manager has: a socket, and what was said to it.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use crate::support::base::Base;

/// How long something may take that comes at once.
const BOUND: Duration = Duration::from_secs(30);

pub(crate) struct Manager {
    socket: UnixDatagram,
    /// What `NOTIFY_SOCKET` is to say.
    pub(crate) address: String,
}

impl Manager {
    pub(crate) fn at_path(base: &Base) -> Self {
        let path = base.file("manager");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        Self::new(socket, path.to_str().expect("a path in UTF-8").into())
    }

    pub(crate) fn with_abstract_name() -> Self {
        let name = format!("stopctl-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let socket = UnixDatagram::bind_addr(&address).expect("a socket");
        Self::new(socket, format!("@{name}"))
    }

    fn new(socket: UnixDatagram, address: String) -> Self {
        socket.set_read_timeout(Some(BOUND)).expect("a bound");
        Self { socket, address }
    }

    /// What was said, up to the first datagram that has a line which begins like this.
    #[track_caller]
    pub(crate) fn wait_for(&self, start: &str) -> Said {
        let mut before = Vec::new();
        loop {
            let datagram = self
                .receive()
                .unwrap_or_else(|error| panic!("no {start} ({error}) after {before:#?}"));
            let found = datagram.lines().any(|line| line.starts_with(start));
            if found {
                return Said { before, datagram };
            }
            before.push(datagram);
        }
    }

    /// What was said and not received until now, when nobody speaks any more.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("O_NONBLOCK");
        let rest = std::iter::from_fn(|| self.receive().ok()).collect();
        self.socket.set_nonblocking(false).expect("O_NONBLOCK");
        rest
    }

    /// Whether nothing comes for so long.
    pub(crate) fn is_silent_for(&self, time: Duration) -> bool {
        self.socket.set_read_timeout(Some(time)).expect("a bound");
        let silent = self.receive().is_err();
        self.socket.set_read_timeout(Some(BOUND)).expect("a bound");
        silent
    }

    /// Fills its queue to the last place, as if it did not read.
    pub(crate) fn fill(&self) {
        let other = UnixDatagram::unbound().expect("a socket");
        other.set_nonblocking(true).expect("O_NONBLOCK");
        let address = self.socket.local_addr().expect("an address");
        while other.send_to_addr(b"X_FILLED=1", &address).is_ok() {}
    }

    fn receive(&self) -> io::Result<String> {
        let mut bytes = [0; 8192];
        let length = loop {
            match self.socket.recv(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                received => break received?,
            }
        };
        Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }
}

#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) before: Vec<String>,
    pub(crate) datagram: String,
}

impl Said {
    /// The value of a field of the datagram that was waited for.
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> &str {
        let mut lines = self.datagram.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.field(name).parse().expect("a number")
    }
}
