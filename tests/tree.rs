//! The whole tree of a worker: who left its group, its session, its line of descent or its
//! environment is found and stopped with it, however the tree is known.

#[path = "tree/cgroups.rs"]
mod cgroups;
#[path = "tree/escapes.rs"]
mod escapes;
#[path = "tree/frozen.rs"]
mod frozen;
#[path = "tree/hard.rs"]
mod hard;
#[path = "tree/known.rs"]
mod known;
#[path = "tree/modes.rs"]
mod modes;
#[path = "tree/owned.rs"]
mod owned;
#[path = "tree/strangers.rs"]
mod strangers;
mod support;
