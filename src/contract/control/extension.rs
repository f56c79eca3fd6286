//! A line of `control` that asks for more time before SIGTERM. An owner that does not know such lines
//! treats it as junk, and continues.

use std::fmt;
use std::time::Duration;

use super::request::limit;
use crate::words::duration::Limit;
use crate::words::worker_number::WorkerNumber;

/// A request to wait longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Only this worker; `None` means each worker that was asked to stop.
    pub worker: Option<WorkerNumber>,
    /// The time from now to SIGTERM, if SIGTERM would come earlier.
    pub time: Limit,
}

impl fmt::Display for Extension {
    /// The line, without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1 extend worker=")?;
        match self.worker {
            Some(worker) => write!(f, "{worker}")?,
            None => f.write_str("all")?,
        }
        match self.time {
            // Rounded up: a rung may come late, but never early.
            Limit::After(time) => write!(f, " time_ms={}", time.as_nanos().div_ceil(1_000_000)),
            Limit::Never => f.write_str(" time_ms=infinity"),
        }
    }
}

impl Extension {
    /// Requests nothing, since every worker has this much time anyway. It is sent to find out whether
    /// somebody reads it.
    pub const NOTHING: Self = Self {
        worker: None,
        time: Limit::After(Duration::ZERO),
    };

    /// Parses a line. Unknown keys are from later versions, and are ignored. `None` if it is not such
    /// a request, has no time, or is of a version that this program does not understand.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        if (words.next(), words.next()) != (Some("1"), Some("extend")) {
            return None;
        }
        let (mut worker, mut time) = (None, None);
        for word in words {
            match word.split_once('=')? {
                ("worker", "all") => worker = None,
                ("worker", number) => worker = Some(number.parse().ok()?),
                ("time_ms", milliseconds) => time = Some(limit(milliseconds)?),
                (_, _) => {}
            }
        }
        Some(Self {
            worker,
            time: time?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Extension, Limit};
    use crate::contract::control::StopRequest;
    use crate::words::worker_number::WorkerNumber;

    #[test]
    fn an_extension_is_read_back_as_it_was_written_and_is_no_request_to_stop() {
        let second = Limit::After(Duration::from_secs(1));
        for worker in [None, Some(0), Some(4_000_000)] {
            let worker = worker.map(WorkerNumber::new);
            for time in [Limit::Never, Limit::After(Duration::ZERO), second] {
                let extension = Extension { worker, time };
                let line = extension.to_string();
                assert_eq!(Extension::parse(&line), Some(extension), "{line}");
                assert_eq!(StopRequest::parse(&line), None, "{line}");
            }
        }
    }

    #[test]
    fn a_time_between_two_milliseconds_is_written_as_the_longer_one() {
        let time = Limit::After(Duration::from_micros(6500));
        let line = Extension { worker: None, time }.to_string();
        assert_eq!(line, "1 extend worker=all time_ms=7");
    }

    #[test]
    fn wrong_values_are_no_extension_and_keys_of_later_versions_are_ignored() {
        assert!(Extension::parse("1 extend time_ms=5 colour=red").is_some());
        for line in [
            "",
            "1 extend",
            "2 extend time_ms=5",
            "1 stop time_ms=5",
            "1 extend worker=0",
            "1 extend worker=x time_ms=5",
            "1 extend time_ms=-5",
            "1 extend time_ms=5s",
            "1 extend time_ms",
        ] {
            assert_eq!(Extension::parse(line), None, "{line:?}");
        }
    }
}
