//! A program that speaks: through the crate `sd-notify`, and byte by byte where no library would.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::process::ExitCode;

use nix::sys::socket::{setsockopt, sockopt};
use sd_notify::NotifyState;

use super::{left, ready, say};

/// Each line of its standard input is one thing to say, and is answered `said LINE`, or
/// `unsaid LINE: ERROR`. It leaves at the end of it.
pub(super) fn speaker() -> ExitCode {
    ready();
    for line in io::stdin().lines() {
        let line = line.expect("a line");
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let number = || rest.parse::<u32>().expect("a number");
        let said = match word {
            "ready" => sd_notify::notify(&[NotifyState::Ready]),
            "status" => sd_notify::notify(&[NotifyState::Status(rest)]),
            "stopping" => sd_notify::notify(&[NotifyState::Stopping]),
            "extend" => sd_notify::notify(&[NotifyState::ExtendTimeoutUsec(1000 * number())]),
            "raw" => send(rest.replace("\\n", "\n").replace("\\0", "\0").as_bytes()),
            "big" => send(&vec![b'x'; usize::try_from(number()).expect("a length")]),
            unknown => panic!("no such word: {unknown}"),
        };
        match said {
            Ok(()) => say(format_args!("said {line}")),
            Err(error) => say(format_args!("unsaid {line}: {error}")),
        }
    }
    left(0)
}

fn send(bytes: &[u8]) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    // Root may send more at once than others.
    let _ = setsockopt(&socket, sockopt::SndBufForce, &(4 << 20));
    let to = std::env::var_os("NOTIFY_SOCKET").expect("a socket to speak to");
    socket.send_to(bytes, to).map(drop)
}
