//! A committed file that is generated: compared with what is generated now, rewritten on request.

use std::fs;

use crate::committed;

/// Fails if the committed file `name` is not `fresh`; with `STOPCTL_UPDATE` set it is rewritten.
pub(crate) fn compare(name: &str, fresh: &str, test: &str) {
    if std::env::var_os("STOPCTL_UPDATE").is_some() {
        fs::write(committed::path(name), fresh).unwrap_or_else(|error| panic!("{name}: {error}"));
        return;
    }
    let committed = fs::read_to_string(committed::path(name)).unwrap_or_default();
    if committed == fresh {
        return;
    }
    let same = committed
        .lines()
        .zip(fresh.lines())
        .take_while(|(a, b)| a == b)
        .count();
    panic!(
        "{name} is not what the command line's declaration says, from line {} on:\n\
         committed: {}\n generated: {}\n\
         Rewrite it with: STOPCTL_UPDATE=1 cargo test --test pages {test}",
        same + 1,
        committed.lines().nth(same).unwrap_or("(end)"),
        fresh.lines().nth(same).unwrap_or("(end)"),
    );
}
