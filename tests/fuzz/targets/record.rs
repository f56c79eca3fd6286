#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../properties/record.rs"]
mod record;

fuzz_target!(|bytes: &[u8]| record::check(bytes));
