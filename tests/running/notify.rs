//! What is said by `sd_notify(3)`: by a run to the service manager that started it, and by workers to
//! their run.

mod hostile;
mod libraries;
mod manager;
mod time;
mod upward;
mod workers;
