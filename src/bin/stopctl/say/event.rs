//! The sentences about one event of a run.

use std::io;
use std::path::Path;
use std::time::Duration;

use stopctl::enforce::event::{Event, Why};
use stopctl::linux::plain::plain;
use stopctl::words::duration::in_words;
use stopctl::words::pid::Pid;
use stopctl::words::signal_name::signal_name;
use stopctl::words::worker_number::WorkerNumber;

use super::left;
use super::rung::{coming, most, rounded};
use super::supervisor;
use crate::say::voice::Weight;

/// What is said of an event at once, whatever else happened in the run. The lines about a stop wait until
/// the end of a turn, and the end of a worker depends on how others ended.
pub(crate) fn lines(event: &Event<'_>, stop_signal: &str) -> Vec<(Weight, String)> {
    let detail = |line: String| (Weight::Detail, line);
    let line = match event {
        Event::NotEnded { worker, pids } => return left::not_ended(*worker, pids),
        Event::StragglerLeft { worker, straggler } => {
            (Weight::Notice, left::straggler(*worker, straggler))
        }
        Event::Nobodys { pid, program } => (Weight::Notice, left::nobodys(*pid, program)),
        Event::SignalRefused {
            worker,
            pid,
            signal,
            error,
        } => (Weight::Error, refused(*worker, *pid, *signal, error)),
        Event::SupervisorDied { pid, name } => (Weight::Error, supervisor_died(*pid, name)),
        Event::GuardEnded { pid } => {
            let line = format!("the guard (pid {pid}) was killed; starting another");
            (Weight::Warning, line)
        }
        Event::PutBack { directory } => (Weight::Warning, put_back(directory)),
        Event::Healed { worker } => {
            let line =
                format!("somebody else wrote into the flag of worker {worker}: it is repaired");
            (Weight::Warning, line)
        }
        Event::Deposed => (Weight::Warning, DEPOSED.to_owned()),
        Event::Warning(text) => (Weight::Warning, (*text).to_owned()),
        Event::CalledOff { worker, .. } => {
            let line = format!(
                "worker {worker} was asked to stop before it was started: it is not started"
            );
            (Weight::Notice, line)
        }
        Event::Extended {
            worker,
            why,
            deadline,
            times,
            is_capped,
        } => {
            // A worker may ask once a second.
            let is_again = *why == Why::Said && *times > 1 && !is_capped;
            let weight = if is_again {
                Weight::Detail
            } else {
                Weight::Notice
            };
            let line = extended(*worker, *why, *deadline, stop_signal);
            (weight, line + most(*is_capped))
        }
        Event::Repeated { signal } => repeated(*signal),
        Event::Adopted { worker, pid } => detail(format!("worker {worker} taken over: pid {pid}")),
        Event::WorkerStarted { worker, pid, .. } => {
            detail(format!("worker {worker} started: pid {pid}"))
        }
        Event::FirstLook { worker } => detail(format!("worker {worker} looked at its flag")),
        Event::WorkerReady { worker } => detail(format!("worker {worker} is ready")),
        Event::Acknowledged { worker, after } => {
            let after = in_words(*after);
            detail(format!("worker {worker} saw its flag after {after}"))
        }
        Event::SignalSent {
            worker,
            pid,
            signal,
        } => {
            let signal = signal_name(*signal);
            detail(format!("{signal} to pid {pid} (worker {worker})"))
        }
        Event::Forwarded { worker, signal } => {
            let signal = signal_name(*signal);
            detail(format!("{signal} passed on to worker {worker}"))
        }
        Event::ForeignReaped { pid } => detail(format!("reaped pid {pid}, which is no worker")),
        Event::GuardStarted { pid } => detail(format!("guard started: pid {pid}")),
        Event::Suspended => {
            let line = "suspended: SIGSTOP to the workers, and their clocks stand still";
            detail(line.to_owned())
        }
        Event::Resumed { suspended } => {
            let time = in_words(rounded(*suspended));
            detail(format!("resumed after {time}: SIGCONT to the workers"))
        }
        Event::RunStarted { .. }
        | Event::Signalled { .. }
        | Event::StopRequested { .. }
        | Event::FlagRaised { .. }
        | Event::Ignored { .. }
        | Event::MainEnded { .. }
        | Event::Straggler { .. }
        | Event::StragglerEnded { .. }
        | Event::WorkerEnded(_)
        | Event::Junk
        | Event::RunEnded { .. } => return Vec::new(),
    };
    vec![line]
}

/// That the kernel refused to send a signal to a process of a worker.
fn refused(worker: WorkerNumber, pid: Pid, signal: i32, error: &io::Error) -> String {
    let (signal, error) = (signal_name(signal), plain(error));
    format!("the kernel refused to send {signal} to pid {pid} of worker {worker}: {error}")
}

/// When another owner enforces the ladders.
const DEPOSED: &str = "another process found this supervisor silent and took over: this one only waits for its workers now, and tells nothing more of them";

fn extended(
    worker: WorkerNumber,
    why: Why,
    deadline: Option<Duration>,
    stop_signal: &str,
) -> String {
    let term = coming(stop_signal, deadline);
    match why {
        Why::Looked => {
            let more = |left| format!(", {} more", in_words(rounded(left)));
            let more = deadline.map_or_else(String::new, more);
            format!("worker {worker} looks at its flag now: it has its whole grace{more}")
        }
        Why::Said => format!("worker {worker} asked for more time: {term}"),
        Why::Given => format!("worker {worker} was given more time: {term}"),
    }
}

/// That a signal does not count as a second request. People press Ctrl-C; programs send all the others.
fn repeated(signal: i32) -> (Weight, String) {
    if signal == libc::SIGINT {
        let line = "Ctrl-C twice within half a second counts once; press it again to hurry";
        return (Weight::Notice, line.to_owned());
    }
    let signal = signal_name(signal);
    let line = format!("{signal} came within half a second of another request: they count as one");
    (Weight::Detail, line)
}

fn supervisor_died(pid: Pid, name: &str) -> String {
    let guard = std::process::id();
    supervisor::died(name, pid, &format!("; its guard (pid {guard}) goes on"))
}

fn put_back(directory: &Path) -> String {
    let directory = directory.display();
    format!("files in {directory} were deleted (by logind, at a logout?): put back")
}

#[cfg(test)]
mod tests {
    use super::{Duration, Event, Weight, Why, WorkerNumber, lines};

    fn said(why: Why, times: u32, is_capped: bool) -> Vec<(Weight, String)> {
        let event = Event::Extended {
            worker: WorkerNumber::FIRST,
            why,
            deadline: Some(Duration::from_secs(30)),
            times,
            is_capped,
        };
        lines(&event, "SIGINT")
    }

    #[test]
    fn more_time_is_time_until_the_signal_that_was_chosen() {
        let asked = "worker 0 asked for more time: SIGINT in 30 s".to_owned();
        assert_eq!(said(Why::Said, 1, false), [(Weight::Notice, asked.clone())]);
        assert_eq!(said(Why::Said, 2, false), [(Weight::Detail, asked.clone())]);
        let capped = asked + ", the most that --max-grace allows";
        assert_eq!(said(Why::Said, 2, true), [(Weight::Notice, capped)]);
        let given = "worker 0 was given more time: SIGINT in 30 s".to_owned();
        assert_eq!(said(Why::Given, 2, false), [(Weight::Notice, given)]);
    }

    #[test]
    fn ctrl_c_twice_is_told_to_people_and_other_signals_are_not() {
        for (signal, weight) in [
            (libc::SIGINT, Weight::Notice),
            (libc::SIGTERM, Weight::Detail),
        ] {
            let said = lines(&Event::Repeated { signal }, "SIGTERM");
            assert_eq!(said.len(), 1);
            assert_eq!(said[0].0, weight);
        }
    }
}
