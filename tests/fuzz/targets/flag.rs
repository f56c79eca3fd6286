#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../properties/flag.rs"]
mod flag;

fuzz_target!(|bytes: &[u8]| flag::check(bytes));
