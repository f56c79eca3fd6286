//! The sentences about the supervisor of a run.

use stopctl::words::pid::Pid;

/// The supervisor, by its run and its pid.
pub(crate) fn named(run: &str, pid: Pid) -> String {
    format!("the supervisor of {run} (pid {pid})")
}

/// That it died; `then` says what follows from that.
pub(crate) fn died(run: &str, pid: Pid, then: &str) -> String {
    format!("{} died{then}", named(run, pid))
}

/// That nobody has taken over from it: what follows, for somebody who does not know the program.
pub(crate) fn workers_may_run(run: &str) -> String {
    format!(", and its workers may still run (stopctl stop {run} ends them)")
}

/// Why nobody can be asked to stop a run, or to do anything else with it.
pub(crate) fn cannot_be_asked(run: &str, why: impl std::fmt::Display) -> String {
    format!("{run} cannot be asked: {why}")
}

/// Why nobody takes over from it.
pub(crate) fn cannot_be_replaced(run: &str, why: impl std::fmt::Display) -> String {
    format!("{run} cannot be taken over: {why}")
}

#[cfg(test)]
mod tests {
    use super::{Pid, died, workers_may_run};

    #[test]
    fn whoever_learns_of_a_death_is_told_what_to_do() {
        assert_eq!(
            died("train", Pid::new(17).unwrap(), &workers_may_run("train")),
            "the supervisor of train (pid 17) died, and its workers may still run (stopctl stop train \
             ends them)"
        );
    }
}
