//! The flag for asynchronous workers: a token that is cancelled when a stop is asked for.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::reader::StopFlag;

/// How long one wait is; between two the thread looks whether anybody still needs it.
const PIECE: Duration = Duration::from_secs(3600);

impl StopFlag {
    /// A token that is cancelled as soon as a stop is asked for, or the supervisor is gone.
    ///
    /// Waiting for a word in shared memory is a blocking call, so a thread does it, which sleeps
    /// until then and ends with the process. Without a supervisor there is no thread, and the
    /// token is cancelled by nobody but its owner.
    ///
    /// ```
    /// # async fn work() {}
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::sync::Arc;
    ///
    /// let stop = Arc::new(stopctl::StopFlag::from_env()?).token()?;
    /// stop.run_until_cancelled(work()).await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    pub fn token(self: Arc<Self>) -> io::Result<CancellationToken> {
        let token = CancellationToken::new();
        if self.is_supervised() {
            let cancelled = token.clone();
            thread::Builder::new()
                .name("stop flag".to_owned())
                .spawn(move || {
                    while !cancelled.is_cancelled() {
                        if self.wait_timeout(PIECE) {
                            cancelled.cancel();
                        }
                    }
                })?;
        }
        Ok(token)
    }
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
