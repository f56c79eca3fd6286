//! Every sentence that a person reads, each in one place. A sentence is given the name of the signal, the
//! workers and the times that it tells of.

pub(crate) mod asking;
pub(crate) mod end;
pub(crate) mod event;
pub(crate) mod fate;
pub(crate) mod found;
pub(crate) mod lacks;
mod left;
pub(crate) mod letters;
pub(crate) mod more_time;
pub(crate) mod record;
pub(crate) mod rung;
pub(crate) mod stopping;
pub(crate) mod summary;
pub(crate) mod supervisor;
pub(crate) mod unstarted;
pub(crate) mod usage;
pub(crate) mod users;
pub(crate) mod voice;
pub(crate) mod warnings;
pub(crate) mod workers;
