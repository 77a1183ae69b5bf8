//! A reader's markup to HTML.
#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use stet::render::comment_markup;

#[path = "harmless.rs"]
mod harmless;

fuzz_target!(|text: &str| {
    if let Ok(comment) = comment_markup::comment(text, &BTreeSet::from([1, 12])) {
        let html = comment.html.as_str();
        harmless::check(html);
        for element in ["<img", "<h1", "<table", "<div", " id=", " class="] {
            assert!(!tags(html).any(|tag| tag.contains(element)), "{element} in {html}");
        }
    }
});

fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('>').filter_map(|part| part.rfind('<').map(|at| &part[at..]))
}
