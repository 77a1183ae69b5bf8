//! A file of references.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stet::references::formats::csl_json;

fuzz_target!(|text: &str| {
    drop(csl_json::read(text));
});
