//! What is said by `sd_notify(3)`: by a run to the service manager that started it, and by workers to
//! their run.

mod support;

#[path = "notify/hostile.rs"]
mod hostile;
#[path = "notify/libraries.rs"]
mod libraries;
#[path = "notify/manager.rs"]
mod manager;
#[path = "notify/time.rs"]
mod time;
#[path = "notify/upward.rs"]
mod upward;
#[path = "notify/workers.rs"]
mod workers;
