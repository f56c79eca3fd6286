//! The sentences about the supervisor of a run.

use std::ffi::OsStr;

use stopctl::words::pid::Pid;

use crate::say::users::again;

/// The supervisor, by its run and its pid.
pub(crate) fn named(run: &str, pid: Pid) -> String {
    format!("the supervisor of {run} (pid {pid})")
}

/// That it died; `then` says what follows from that.
pub(crate) fn died(run: &str, pid: Pid, then: &str) -> String {
    format!("{} died{then}", named(run, pid))
}

/// That nobody has taken over from it: what follows, for somebody who does not know the program, and who
/// typed this user.
pub(crate) fn workers_may_run(run: &str, user: Option<&OsStr>) -> String {
    let user = again(user);
    format!(", and its workers may still run (stopctl stop {run}{user} ends them)")
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
    use super::{OsStr, Pid, died, workers_may_run};

    #[test]
    fn whoever_learns_of_a_death_is_told_what_to_do() {
        for (user, stop) in [(None, ""), (Some("eve"), " --user eve")] {
            let follows = workers_may_run("train", user.map(OsStr::new));
            assert_eq!(
                died("train", Pid::new(17).unwrap(), &follows),
                format!(
                    "the supervisor of train (pid 17) died, and its workers may still run (stopctl \
                     stop train{stop} ends them)"
                )
            );
        }
    }
}
