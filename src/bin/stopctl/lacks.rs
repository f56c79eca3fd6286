//! What a run does without, because the kernel or a sandbox refuses it.

use stopctl::contract::standing::{Owned, Standing};
use stopctl::run::launch::lacks::{DNOTIFY, INOTIFY, PIDFD, PROC, SUBREAPER};

use crate::runs::Run;

/// That the kernel marks the death of the owner (`set_robust_list(2)`).
const ROBUST_LIST: &str = "robust_list";

/// The names of what the run lacks.
pub(crate) fn of(run: &Run) -> Vec<String> {
    let mut lacks = run.seen.run.lacks.clone();
    // It stands in the owner word, and is told of whoever is the owner now.
    if let Standing::Owned(Owned { watched: false, .. }) = Standing::of(&run.dir) {
        lacks.push(ROBUST_LIST.to_owned());
    }
    lacks
}

/// What that means, in a line.
pub(crate) fn in_words(what: &str) -> String {
    let words = match what {
        PROC => {
            "it has no /proc of its own: what workers leave behind cannot be found, and where the \
             kernel does not prove otherwise whose a pid is, nobody is signalled"
        }
        SUBREAPER => {
            "the kernel refused to give its supervisor the orphans of workers \
             (PR_SET_CHILD_SUBREAPER): they are found by session, group, descent and flag alone"
        }
        PIDFD => {
            "the kernel refused descriptors of processes (pidfd_open): should its supervisor be \
             killed, the workers are asked to stop, and nobody is signalled"
        }
        INOTIFY => {
            "the kernel refused to watch its flags (inotify): looks at them cannot be told when they \
             happen"
        }
        DNOTIFY => {
            "the kernel does not tell of deletions (F_NOTIFY): what is deleted is not put back"
        }
        ROBUST_LIST => {
            "the kernel refused to watch over its supervisor (set_robust_list): should that be \
             killed, the guard stops the workers, and without a guard nobody does by itself"
        }
        other => return format!("the kernel refused {other}"),
    };
    words.to_owned()
}
