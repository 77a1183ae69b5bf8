//! The body of a form: never other pairs than a second reader of the encoding sees.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stet::web::extract::form;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(pairs) = form::pairs(bytes) {
        let second: Vec<(String, String)> = url::form_urlencoded::parse(bytes).into_owned().collect();
        assert_eq!(pairs, second);
    }
});
