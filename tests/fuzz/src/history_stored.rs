#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| polder::historian::proof::stored(bytes));
