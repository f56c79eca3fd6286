//! Whose runs are meant: those of whoever asks or, for root, those of another user.

use std::ffi::OsStr;

use nix::unistd::Uid;
use stopctl::linux::users::{User, Users};
use stopctl::outside::find::{self, Missing};
use stopctl::outside::found::Run;

use crate::exit::Leave;
use crate::say::users;

/// Has this process act as the user who was typed. If none was, root means the user whose directory
/// `STOPCTL_DIR` names, and everybody else himself. Everything that is done after this, it does with the
/// rights of that user, so nothing in that user's files can make it do more.
pub(crate) fn act_as(typed: Option<&OsStr>) -> Result<(), Leave> {
    let Some(typed) = typed else {
        let is_root = Uid::effective().is_root();
        let named = is_root.then(find::user_of_named).flatten();
        let other = named.filter(|user| !user.is_root());
        let other = other.and_then(|user| Users::read().find(user.to_string().as_ref()));
        // Who cannot become that user is told that the directory is not his.
        let _ = other.map(User::act);
        return Ok(());
    };
    let Some(user) = Users::read().find(typed) else {
        return Err(Leave::USAGE.saying(&users::unknown(typed)));
    };
    if user.uid() == Uid::effective() {
        return Ok(());
    }
    if !Uid::effective().is_root() {
        return Err(Leave::USAGE.saying(&users::FOR_ROOT));
    }
    user.act()
        .map_err(|error| Leave::FAILED.saying(&users::cannot_act(typed, &error)))
}

/// The run that this process is a worker of. Where a user was typed, none is: whoever types that means
/// one of the runs of that user.
pub(crate) fn own(typed: Option<&OsStr>) -> Result<Option<Run>, Missing> {
    typed.map_or_else(find::own, |_| Ok(None))
}
