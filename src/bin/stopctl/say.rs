//! Every sentence that a person reads, each in one place. A sentence is given the name of the signal, the
//! workers and the times that it tells of.

pub(crate) mod end;
pub(crate) mod event;
mod left;
pub(crate) mod rung;
pub(crate) mod stopping;
pub(crate) mod workers;
