//! The whole tree of a worker: who left its group, its session, its line of descent or its
//! environment is found and stopped with it, however the tree is known.

#[path = "tree/cgroups.rs"]
mod cgroups;
#[path = "tree/escapes.rs"]
mod escapes;
#[path = "tree/hard.rs"]
mod hard;
#[path = "tree/modes.rs"]
mod modes;
#[path = "tree/strangers.rs"]
mod strangers;
mod support;
