//! The whole tree of a worker: who left its group, its session, its line of descent or its
//! environment is found and stopped with it, however the tree is known.

mod cgroups;
mod escapes;
mod frozen;
mod hard;
mod known;
mod modes;
mod owned;
mod strangers;
