//! The flag for asynchronous workers: a token that is cancelled when the worker should stop.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::reader::StopFlag;

/// How long one wait lasts; between two waits the thread checks whether the token is still needed.
const PIECE: Duration = Duration::from_secs(3600);

/// The token of [`StopFlag::token`].
pub(super) fn of(flag: Arc<StopFlag>) -> io::Result<CancellationToken> {
    let token = CancellationToken::new();
    if flag.is_supervised() {
        let cancelled = token.clone();
        thread::Builder::new()
            .name("stop flag".to_owned())
            .spawn(move || {
                while !cancelled.is_cancelled() {
                    if flag.wait_timeout(PIECE) {
                        cancelled.cancel();
                    }
                }
            })?;
    }
    Ok(token)
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use crate::contract::flag::format::Request;
    use crate::contract::flag::reader::StopFlag;
    use crate::contract::flag::writer::FlagFile;
    use crate::words::reason::Reason;
    use crate::words::worker_number::WorkerNumber;

    #[test]
    fn raising_the_flag_cancels_the_token() {
        let dir = tempfile::tempdir().unwrap();
        let mut flag = FlagFile::create(
            File::open(dir.path()).unwrap(),
            dir.path(),
            WorkerNumber::FIRST,
        )
        .unwrap();
        let token = Arc::new(StopFlag::open(flag.path()).unwrap())
            .token()
            .unwrap();
        assert!(!token.is_cancelled());
        let (reason, deadline) = (Some(Reason::USER), None);
        let stop = Request {
            level: b'1',
            reason,
            deadline,
            deadline_unix: None,
        };
        flag.raise(&stop).unwrap();
        while !token.is_cancelled() {
            std::thread::yield_now();
        }
    }
}
