//! Markdown of an article to HTML: ends, within its limits, without anything that acts.
#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use stet::render::markdown;
use stet::render::outline::HeadingIds;

#[path = "harmless.rs"]
mod harmless;

fuzz_target!(|text: &str| {
    let library = HashMap::from([("a".to_owned(), 1), ("doi:10.1000/x".to_owned(), 2), ("pmid:1".to_owned(), 3)]);
    if let Ok(article) = markdown::article(text, &library, &HeadingIds::default()) {
        harmless::check(article.html.as_str());
        // Laid out again with the ids it got, the headings keep them.
        let kept = HeadingIds::from(article.outline.as_slice());
        let again = markdown::article(text, &library, &kept).expect("the same text");
        let ids = |outline: &[stet::render::outline::Heading]| -> Vec<String> { outline.iter().map(|heading| heading.id.clone()).collect() };
        assert_eq!(ids(&article.outline), ids(&again.outline));
    }
});
