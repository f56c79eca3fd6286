//! Using a rung: what is done to the processes of a worker once its flag shows the rung.

use super::body::Body;
use super::stop::Stop;
use crate::contract::record::SignalTo;
use crate::decide::ladder::Rung;
use crate::enforce::turn::Turn;

/// Sends what belongs to a rung.
pub(super) fn use_rung(rung: Rung, stop: &mut Stop, body: &mut Body, turn: &mut Turn<'_>) {
    stop.spare_nobody();
    match rung {
        Rung::Flag => {
            body.thaw();
            body.let_it_look(turn);
        }
        Rung::Term => {
            body.thaw();
            if body.has_main() {
                body.tell_if_ignored(turn);
                body.remember(stop.is_asked(), turn.search);
                body.send_stop_signal(turn);
                if turn.rules.signal_to == SignalTo::First {
                    stop.spare_the_rest(turn.now);
                }
            } else if turn.rules.signals_rest() {
                body.signal_rest(turn.rules.stop_signal, turn);
            }
        }
        Rung::Kill => body.kill(turn),
    }
}

/// Goes on from SIGTERM, which an earlier owner has sent.
pub(super) fn go_on_from_term(stop: &mut Stop, body: &mut Body, turn: &mut Turn<'_>) {
    // The owner may have died while the run was suspended: as long as the worker is stopped, it can do
    // nothing about its signal.
    body.let_it_go_on(turn);
    match turn.rules.signal_to {
        SignalTo::First if body.has_main() => stop.spare_the_rest(turn.now),
        SignalTo::Group => body.mark_all_signalled(turn),
        SignalTo::First | SignalTo::Main => {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Child, Command};
    use std::time::Duration;

    use super::{Body, Rung, SignalTo, Stop, go_on_from_term, use_rung};
    use crate::contract::flag::writer::FlagFile;
    use crate::decide::ladder::{Input, Ladder};
    use crate::decide::times::Times;
    use crate::enforce::turn::tests::Told;
    use crate::enforce::worker::main_process::MainProcess;
    use crate::linux::process;
    use crate::words::duration::Limit;
    use crate::words::moment::Moment;
    use crate::words::reason::Reason;
    use crate::words::worker_number::WorkerNumber;

    const NOW: Moment = Moment::from_nanos(1_000_000_000);
    const KILL_AFTER: Duration = Duration::from_secs(4);

    /// A main process, and a worker that it is of and that stands on this rung.
    fn worker(rung: Rung) -> (Child, Stop, Body) {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        let main = MainProcess::child(process::pid_of(&child));
        let dir = tempfile::tempdir().unwrap();
        let number = WorkerNumber::FIRST;
        let flag = FlagFile::create(File::open(dir.path()).unwrap(), dir.path(), number).unwrap();
        let body = Body::new(number, main, flag.path().to_owned(), None);
        let times = Times::plain(Limit::Never, Limit::After(KILL_AFTER), Duration::ZERO);
        let mut stop = Stop::new(number, flag, Ladder::new(times, NOW));
        let _ = stop.ask(Input::AtLeast(rung), &Reason::USER, NOW);
        (child, stop, body)
    }

    fn signal_that_ended(mut child: Child) -> Option<i32> {
        child.wait().unwrap().signal()
    }

    /// Whether the rest of the tree waits for half of kill-after.
    fn spares_the_rest(mut stop: Stop) -> bool {
        stop.take_turn_of_rest(NOW + KILL_AFTER / 2)
    }

    #[test]
    fn on_the_first_rung_nobody_is_signalled_who_can_look() {
        let (mut child, mut stop, mut body) = worker(Rung::Flag);
        let mut told = Told::default();
        use_rung(Rung::Flag, &mut stop, &mut body, &mut told.turn(NOW));
        assert_eq!(told.count("SignalSent"), 0, "{told:?}");
        child.kill().unwrap();
        assert_eq!(signal_that_ended(child), Some(libc::SIGKILL));
    }

    #[test]
    fn on_the_second_rung_the_main_process_is_signalled_and_the_rest_as_is_ruled() {
        for (signal_to, spares) in [
            (SignalTo::First, true),
            (SignalTo::Main, false),
            (SignalTo::Group, false),
        ] {
            let (child, mut stop, mut body) = worker(Rung::Term);
            let mut told = Told::default();
            told.rules.signal_to = signal_to;
            use_rung(Rung::Term, &mut stop, &mut body, &mut told.turn(NOW));
            assert_eq!(signal_that_ended(child), Some(libc::SIGTERM));
            assert_eq!(spares_the_rest(stop), spares, "{signal_to:?}");
        }
    }

    #[test]
    fn on_the_second_rung_nothing_is_sent_to_the_number_of_a_main_process_that_has_ended() {
        let (mut child, mut stop, mut body) = worker(Rung::Term);
        body.main_ended(None, NOW);
        let mut told = Told::default();
        use_rung(Rung::Term, &mut stop, &mut body, &mut told.turn(NOW));
        assert_eq!(told.count(""), 0, "{told:?}");
        assert!(!spares_the_rest(stop));
        child.kill().unwrap();
        assert_eq!(signal_that_ended(child), Some(libc::SIGKILL));
    }

    #[test]
    fn on_the_last_rung_it_is_killed_and_nobody_is_spared() {
        let (child, mut stop, mut body) = worker(Rung::Term);
        stop.spare_the_rest(NOW);
        let mut told = Told::default();
        use_rung(Rung::Kill, &mut stop, &mut body, &mut told.turn(NOW));
        assert_eq!(signal_that_ended(child), Some(libc::SIGKILL));
        assert!(!spares_the_rest(stop));
    }

    #[test]
    fn whoever_goes_on_does_not_send_the_stop_signal_again() {
        for (signal_to, has_main, spares) in [
            (SignalTo::First, true, true),
            (SignalTo::First, false, false),
            (SignalTo::Main, true, false),
            (SignalTo::Group, true, false),
        ] {
            let (mut child, mut stop, mut body) = worker(Rung::Term);
            if !has_main {
                body.main_ended(None, NOW);
            }
            let mut told = Told::default();
            told.rules.signal_to = signal_to;
            go_on_from_term(&mut stop, &mut body, &mut told.turn(NOW));
            assert_eq!(told.count(""), 0, "{told:?}");
            assert_eq!(spares_the_rest(stop), spares, "{signal_to:?}");
            child.kill().unwrap();
            assert_eq!(signal_that_ended(child), Some(libc::SIGKILL));
        }
    }
}
