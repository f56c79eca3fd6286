#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../properties/typed.rs"]
mod typed;

fuzz_target!(|bytes: &[u8]| typed::check(bytes));
