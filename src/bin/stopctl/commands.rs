//! The commands: one file for each, and what several of them have in common:
//! waiting, and acting as another user.

pub(crate) mod clean;
pub(crate) mod client;
pub(crate) mod completions;
pub(crate) mod keep_going;
pub(crate) mod list;
pub(crate) mod notify;
pub(crate) mod run;
pub(crate) mod signal;
pub(crate) mod sleep;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod unit;
pub(crate) mod wait;
pub(crate) mod waiting;
pub(crate) mod whose;
