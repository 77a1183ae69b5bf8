//! A file of references, in whatever format it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stet::references::formats::read;

fuzz_target!(|text: &str| {
    drop(read::read(text));
});
