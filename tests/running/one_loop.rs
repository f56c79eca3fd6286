//! The one loop of a supervisor waits for nothing but what it waits for: who does not read what it
//! writes, and who floods it, holds up no ladder.

mod floods;
mod order;
mod readers;
mod scribe;
mod terminals;
mod threads;
