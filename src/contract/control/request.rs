//! A line of `control` that requests a stop: a stable contract, so that another version of stopctl
//! can still stop a run.

use std::fmt;
use std::time::Duration;

use crate::decide::ladder::Rung;
use crate::decide::times::Wanted;
use crate::words::duration::Limit;
use crate::words::reason::Reason;
use crate::words::worker_number::WorkerNumber;

/// A request to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopRequest {
    /// Only this worker; `None` means all of them.
    pub worker: Option<WorkerNumber>,
    /// At least this rung.
    pub rung: Rung,
    /// The times; those that it does not name are the run's own.
    pub times: Wanted,
    /// The reason that the flag will say.
    pub reason: Reason,
}

impl fmt::Display for StopRequest {
    /// The line, without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("1 stop worker=")?;
        match self.worker {
            Some(worker) => write!(f, "{worker}")?,
            None => f.write_str("all")?,
        }
        let rung = match self.rung {
            Rung::Flag => "flag",
            Rung::Term => "term",
            Rung::Kill => "kill",
        };
        write!(f, " rung={rung}")?;
        // A kill-after of zero is not valid, so the shortest is one millisecond.
        for (key, limit, shortest) in [
            ("grace_ms", self.times.grace, 0),
            ("kill_after_ms", self.times.kill_after, 1),
            ("unaware_ms", self.times.unaware, 0),
        ] {
            match limit {
                Some(Limit::After(time)) => {
                    // Rounded up: a rung may come late, but never early.
                    let milliseconds = time.as_nanos().div_ceil(1_000_000).max(shortest);
                    write!(f, " {key}={milliseconds}")?;
                }
                Some(Limit::Never) => write!(f, " {key}=infinity")?,
                None => {}
            }
        }
        write!(f, " reason={}", self.reason)
    }
}

impl StopRequest {
    /// Parses a line. Unknown keys are from later versions, and are ignored; a missing key has its
    /// default. `None` if it is not such a request, or is of a version that this program does not
    /// understand.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        if (words.next(), words.next()) != (Some("1"), Some("stop")) {
            return None;
        }
        let mut request = Self {
            worker: None,
            rung: Rung::Flag,
            times: Wanted::NOTHING,
            reason: Reason::USER,
        };
        for word in words {
            match word.split_once('=')? {
                ("worker", "all") => request.worker = None,
                ("worker", number) => request.worker = Some(number.parse().ok()?),
                ("rung", "flag") => request.rung = Rung::Flag,
                ("rung", "term") => request.rung = Rung::Term,
                ("rung", "kill") => request.rung = Rung::Kill,
                ("grace_ms", time) => request.times.grace = Some(limit(time)?),
                ("kill_after_ms", time) => {
                    // Users of timeout(1) would expect zero to mean "never", so it is refused, as on
                    // the command line.
                    let some = limit(time).filter(|time| *time != Limit::After(Duration::ZERO))?;
                    request.times.kill_after = Some(some);
                }
                ("unaware_ms", time) => request.times.unaware = Some(limit(time)?),
                ("rung", _) => return None,
                ("reason", word) => request.reason = Reason::parse(word).ok()?,
                (_, _) => {}
            }
        }
        Some(request)
    }
}

/// Parses a time, for every kind of line.
pub(super) fn limit(milliseconds: &str) -> Option<Limit> {
    match milliseconds {
        "infinity" => Some(Limit::Never),
        number => number
            .parse()
            .ok()
            .map(|ms| Limit::After(Duration::from_millis(ms))),
    }
}

#[cfg(test)]
mod tests {
    use super::StopRequest;
    use crate::decide::ladder::Rung;
    use crate::decide::times::Wanted;
    use crate::words::duration::Limit;
    use crate::words::reason::Reason;
    use crate::words::worker_number::WorkerNumber;

    #[test]
    fn a_request_is_read_back_as_it_was_written() {
        let limits = [
            None,
            Some(Limit::Never),
            Some(Limit::After(std::time::Duration::from_millis(1500))),
        ];
        for worker in [None, Some(0), Some(4_000_000)] {
            let worker = worker.map(WorkerNumber::new);
            for rung in [Rung::Flag, Rung::Term, Rung::Kill] {
                for grace in limits {
                    for kill_after in limits {
                        for unaware in limits {
                            let times = Wanted {
                                grace,
                                kill_after,
                                unaware,
                            };
                            let request = StopRequest {
                                worker,
                                rung,
                                times,
                                reason: Reason::INTERRUPT,
                            };
                            assert_eq!(StopRequest::parse(&request.to_string()), Some(request));
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_time_between_two_milliseconds_is_written_as_the_longer_one() {
        let request = StopRequest {
            times: Wanted::within(std::time::Duration::from_micros(6500)),
            ..StopRequest::parse("1 stop").unwrap()
        };
        let line = request.to_string();
        assert!(
            line.contains(" grace_ms=6 kill_after_ms=1 unaware_ms=1 "),
            "{line}"
        );
        assert!(StopRequest::parse(&line).is_some());
        let nothing = Limit::After(std::time::Duration::ZERO);
        let times = Wanted {
            grace: Some(nothing),
            kill_after: Some(nothing),
            unaware: Some(nothing),
        };
        let least = StopRequest { times, ..request };
        let line = least.to_string();
        assert!(
            line.contains(" grace_ms=0 kill_after_ms=1 unaware_ms=0 "),
            "{line}"
        );
    }

    #[test]
    fn what_a_person_would_type_is_enough() {
        let plain = StopRequest::parse("1 stop").unwrap();
        assert_eq!(
            plain,
            StopRequest::parse("1 stop worker=all rung=flag reason=user").unwrap()
        );
    }

    #[test]
    fn keys_of_later_versions_are_ignored_and_wrong_values_are_no_request() {
        assert!(StopRequest::parse("1 stop colour=red worker=1").is_some());
        for line in [
            "",
            "2 stop",
            "1 go",
            "1 stop worker=x",
            "1 stop rung=9",
            "1 stop reason=A",
            "1 stop word",
            "1 stop grace_ms=-1",
            "1 stop unaware_ms=-1",
            "1 stop kill_after_ms=0",
            "1 stop kill_after_ms=00",
            "1 stop kill_after_ms=+0",
            "1 stop reason=-",
            "\0\u{7f}",
        ] {
            assert_eq!(StopRequest::parse(line), None, "{line:?}");
        }
    }
}
