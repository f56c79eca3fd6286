//! Where the program may find itself: in containers and sandboxes, without `/proc`, on kernels that
//! refuse a call, beside flags that are not its own.

mod support;

#[path = "environment/clients.rs"]
mod clients;
#[path = "environment/kernel.rs"]
mod kernel;
#[path = "environment/places.rs"]
mod places;
