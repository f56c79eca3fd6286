//! What a run has to do without, because the kernel or a sandbox refuses it.

use stopctl::outside::found::ROBUST_LIST;
use stopctl::run::launch::lacks::{DNOTIFY, INOTIFY, PIDFD, PROC, SUBREAPER};

use crate::say::letters::escaped;

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
        other => return format!("the kernel refused {}", escaped(other)),
    };
    words.to_owned()
}
