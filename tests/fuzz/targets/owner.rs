#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../properties/owner.rs"]
mod owner;

fuzz_target!(|bytes: &[u8]| owner::check(bytes));
