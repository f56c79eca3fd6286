//! A line of `control` that requests a signal for workers. It is not a request to stop, and not
//! absolute: it is carried out once, or not at all.

use std::fmt;

use crate::words::moment::Moment;
use crate::words::worker_number::WorkerNumber;

/// A request to signal workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signalling {
    /// Only this worker; `None` means each of them.
    pub worker: Option<WorkerNumber>,
    /// The signal's number.
    pub signal: i32,
    /// The number of the request, under which the record has its answer.
    pub id: u32,
    /// Until when somebody waits for it: after that it is not carried out.
    pub until: Moment,
}

impl fmt::Display for Signalling {
    /// The line, without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1 signal worker=")?;
        match self.worker {
            Some(worker) => write!(f, "{worker}")?,
            None => f.write_str("all")?,
        }
        let (signal, id, until) = (self.signal, self.id, self.until.nanos());
        write!(f, " signal={signal} id={id} until_ns={until}")
    }
}

impl Signalling {
    /// Parses a line. Unknown keys are from later versions, and are ignored. `None` if it is not such
    /// a request, lacks a key other than `worker`, or is of a version that this program does not
    /// understand.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        if (words.next(), words.next()) != (Some("1"), Some("signal")) {
            return None;
        }
        let (mut worker, mut signal, mut id, mut until) = (None, None, None, None);
        for word in words {
            match word.split_once('=')? {
                ("worker", "all") => worker = None,
                ("worker", number) => worker = Some(number.parse().ok()?),
                ("signal", number) => signal = Some(number.parse().ok()?),
                ("id", number) => id = Some(number.parse().ok()?),
                ("until_ns", nanos) => until = Some(nanos.parse().ok().map(Moment::from_nanos)?),
                (_, _) => {}
            }
        }
        Some(Self {
            worker,
            // Signal 0 only checks whether a process exists, and SIGKILL would be a stop.
            signal: signal.filter(|&signal| signal > 0 && signal != libc::SIGKILL)?,
            id: id?,
            until: until?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, Signalling};
    use crate::contract::control::{Extension, StopRequest};
    use crate::words::worker_number::WorkerNumber;

    #[test]
    fn a_line_is_read_back_as_it_was_written_and_is_of_no_other_kind() {
        for worker in [None, Some(0), Some(4_000_000)] {
            let worker = worker.map(WorkerNumber::new);
            for (signal, id) in [(1, 0), (10, 7), (64, u32::MAX)] {
                let until = Moment::from_nanos(u64::MAX);
                let one = Signalling {
                    worker,
                    signal,
                    id,
                    until,
                };
                let line = one.to_string();
                assert_eq!(Signalling::parse(&line), Some(one), "{line}");
                assert_eq!(StopRequest::parse(&line), None, "{line}");
                assert_eq!(Extension::parse(&line), None, "{line}");
            }
        }
    }

    #[test]
    fn wrong_values_are_no_signal_and_keys_of_later_versions_are_ignored() {
        assert!(Signalling::parse("1 signal signal=10 id=1 until_ns=5 colour=red").is_some());
        for line in [
            "1 signal",
            "2 signal signal=10 id=1 until_ns=5",
            "1 stop signal=10 id=1 until_ns=5",
            "1 signal id=1 until_ns=5",
            "1 signal signal=10 until_ns=5",
            "1 signal signal=10 id=1",
            "1 signal signal=0 id=1 until_ns=5",
            "1 signal signal=-1 id=1 until_ns=5",
            "1 signal signal=9 id=1 until_ns=5",
            "1 signal signal=USR1 id=1 until_ns=5",
            "1 signal worker=x signal=10 id=1 until_ns=5",
            "1 signal signal=10 id=-1 until_ns=5",
            "1 signal signal=10 id=1 until_ns",
        ] {
            assert_eq!(Signalling::parse(line), None, "{line:?}");
        }
    }
}
