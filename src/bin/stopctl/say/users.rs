//! What is said of users: that there is no such one, and that only root can ask for the runs of others.

use std::ffi::OsStr;
use std::io;

use stopctl::linux::plain::plain;

use crate::say::letters::escaped;

/// That only root can act as another user.
pub(crate) const FOR_ROOT: &str = "--user: only root can ask for the runs of another user";

/// That only root can see what others run.
pub(crate) const ALL_FOR_ROOT: &str = "--all-users: only root can ask for the runs of other users";

/// What a command has to have that is to be typed after one that named a user.
pub(crate) fn again(typed: Option<&OsStr>) -> String {
    typed.map_or_else(String::new, |typed| format!(" --user {}", escaped(typed)))
}

/// That nobody has this name.
pub(crate) fn unknown(typed: &OsStr) -> String {
    let typed = escaped(typed);
    format!("--user: no user '{typed}' in /etc/passwd; whoever is not there can be given by number")
}

/// Why root cannot act as a user.
pub(crate) fn cannot_act(typed: &OsStr, error: &io::Error) -> String {
    format!(
        "--user {}: cannot act as that user: {}",
        escaped(typed),
        plain(error)
    )
}
