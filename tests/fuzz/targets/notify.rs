#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../properties/notify.rs"]
mod notify;

fuzz_target!(|bytes: &[u8]| notify::check(bytes));
