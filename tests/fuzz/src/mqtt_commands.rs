#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| polder::driver::mqtt::proof::run("mqtt_commands", bytes));
