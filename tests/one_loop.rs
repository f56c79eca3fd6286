//! The one loop of a supervisor waits for nothing but what it waits for: who does not read what it
//! writes, and who floods it, holds up no ladder.

mod support;

#[path = "one_loop/floods.rs"]
mod floods;
#[path = "one_loop/order.rs"]
mod order;
#[path = "one_loop/readers.rs"]
mod readers;
#[path = "one_loop/scribe.rs"]
mod scribe;
#[path = "one_loop/terminals.rs"]
mod terminals;
#[path = "one_loop/threads.rs"]
mod threads;
