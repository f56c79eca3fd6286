//! What is told before the first worker is started.

use crate::contract::run_dir::RunDir;
use crate::enforce::run::Run;
use crate::linux::proc::Proc;
use crate::words::worker_number::WorkerNumber;

/// Tells that the run of so many workers has begun in `dir`, and warns of what it has to do without.
pub(super) fn tell(run: &mut Run<'_>, dir: &RunDir, workers: u32) {
    run.tell_begun(dir.path());
    if !dir.base().storage().in_memory {
        let path = dir.base().path().display();
        run.warn(&format!(
            "{path} is not in memory (tmpfs): looking at a flag may be slow"
        ));
    }
    if let Some(warning) = warning(Proc::get()) {
        run.warn(warning);
    }
    if workers == 1 {
        // Whatever shows no sign of a worker can only be of this one.
        run.search().set_adopter(WorkerNumber::FIRST);
    }
}

/// What such a `/proc` means for the run.
fn warning(proc: Proc) -> Option<&'static str> {
    match proc {
        Proc::Ours => None,
        Proc::Foreign => Some(
            "/proc shows the processes of another pid namespace, so it is not used, and what \
             workers leave behind cannot be found: mount one (unshare --mount-proc)",
        ),
        Proc::Missing => Some("there is no /proc: what workers leave behind cannot be found"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Proc, warning};

    #[test]
    fn only_a_proc_of_our_own_is_no_reason_to_warn() {
        assert_eq!(warning(Proc::Ours), None);
        assert!(warning(Proc::Foreign).unwrap().contains("--mount-proc"));
        assert!(warning(Proc::Missing).unwrap().contains("no /proc"));
    }
}
