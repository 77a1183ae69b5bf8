//! `::: product` and `::: action`: small blocks of `key: value` lines that are collected out of the body into
//! their fixed places on the page (decisions 22).
//!
//! ```text
//! ::: product
//! name: Amber glasses
//! price: £18
//! image: media:12
//! url: https://shop.example/amber
//! :::
//!
//! ::: action
//! heading: Want a second pair of eyes on your roster?
//! text: Our sleep clinic plans rotations with you, by video, in 40 minutes.
//! button: Book an appointment
//! url: /book
//! :::
//! ```
//!
//! A product needs `name` and `url`; `price` and `image` (`media:ID` or a path under `/media/`) may be left out. An
//! action needs `heading`, `button` and `url`; `text` may be left out. Every key at most once; blank lines are
//! passed over. `url` is http, https or, for an action, also a path of this site or mailto.

use serde::{Deserialize, Serialize};

use crate::render::finding::{Finding, FindingLevel};
use crate::render::html::Address;

/// A product shown below the article.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Product {
    /// What it is called.
    pub name: String,
    /// Its price as written, currency included; empty if not given.
    pub price: String,
    /// `media:ID` or a path under `/media/`; empty without a picture.
    pub image: String,
    /// Where it is sold: http or https.
    pub url: String,
}

/// The call to action below the article.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Action {
    /// Its heading.
    pub heading: String,
    /// One sentence; may be empty.
    pub text: String,
    /// The button's words.
    pub button: String,
    /// Where the button leads.
    pub url: String,
}

/// Reads the lines of a product. `None` when a field that it needs is missing or wrong; the findings say which and
/// on which line. `first_line` is the line of `::: product`.
pub fn product(lines: &[&str], first_line: usize, findings: &mut Vec<Finding>) -> Option<Product> {
    let mut found = Product::default();
    let mut fields =
        [("name", &mut found.name), ("price", &mut found.price), ("image", &mut found.image), ("url", &mut found.url)];
    let mut good = read("product", lines, first_line, &mut fields, findings);
    good &= need("product", &[("name", &found.name), ("url", &found.url)], first_line, findings);
    if !found.url.is_empty() && !matches!(Address::parse(&found.url), Some(Address::Web(_))) {
        good = wrong("product", first_line, "A product’s url must start with https:// or http://.", "url", findings);
    }
    if !found.image.is_empty() && media_id(&found.image).is_none() && !is_media_path(&found.image) {
        good = wrong("product", first_line, "A product’s image must be media:ID.", "image", findings);
    }
    good.then_some(found)
}

/// Reads the lines of a call to action, as [`product`] does.
pub fn action(lines: &[&str], first_line: usize, findings: &mut Vec<Finding>) -> Option<Action> {
    let mut found = Action::default();
    let mut fields = [
        ("heading", &mut found.heading),
        ("text", &mut found.text),
        ("button", &mut found.button),
        ("url", &mut found.url),
    ];
    let mut good = read("action", lines, first_line, &mut fields, findings);
    let needed = [("heading", found.heading.as_str()), ("button", &found.button), ("url", &found.url)];
    good &= need("action", &needed, first_line, findings);
    let address = Address::parse(&found.url);
    if !found.url.is_empty() && !matches!(address, Some(Address::Web(_) | Address::Mail(_) | Address::Path(_))) {
        let text = "A call to action’s url must be an address or a path of this site.";
        good = wrong("action", first_line, text, "url", findings);
    }
    good.then_some(found)
}

/// The number in `media:12`.
pub fn media_id(text: &str) -> Option<i64> {
    text.strip_prefix("media:")?.parse().ok().filter(|id| *id > 0)
}

/// Whether an address is a picture file of this site.
pub fn is_media_path(text: &str) -> bool {
    text.starts_with("/media/") && matches!(Address::parse(text), Some(Address::Path(_))) && !text.contains("..")
}

/// Fills the fields; false when a line could not be placed.
fn read(
    kind: &str,
    lines: &[&str],
    first_line: usize,
    fields: &mut [(&str, &mut String)],
    findings: &mut Vec<Finding>,
) -> bool {
    let mut good = true;
    for (at, line) in lines.iter().enumerate() {
        let number = first_line + 1 + at;
        if line.trim().is_empty() {
            continue;
        }
        let Some((key, value)) = line.split_once(':') else {
            good = wrong(kind, number, "This line needs the form “key: value”.", line.trim(), findings);
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        match fields.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(key)) {
            None => good = wrong(kind, number, "There is no such field here.", key, findings),
            Some((_, slot)) if !slot.is_empty() => {
                good = wrong(kind, number, "This field stands twice.", key, findings);
            }
            Some((_, slot)) => value.clone_into(slot),
        }
    }
    good
}

fn need(kind: &str, needed: &[(&str, &str)], line: usize, findings: &mut Vec<Finding>) -> bool {
    let mut good = true;
    for (name, value) in needed {
        if value.is_empty() {
            good = wrong(kind, line, "This field is missing.", name, findings);
        }
    }
    good
}

/// Notes a fault; false, so that it can be assigned.
fn wrong(kind: &str, line: usize, text: &str, subject: &str, findings: &mut Vec<Finding>) -> bool {
    findings.push(Finding::new(&format!("{kind}.field"), FindingLevel::Blocks, line, text, subject));
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_carry_their_line() {
        let mut findings = Vec::new();
        let lines = ["name: Lamp", "colour: red", "", "no colon", "url: javascript:alert(1)", "name: again"];
        assert_eq!(product(&lines, 10, &mut findings), None);
        let places: Vec<(usize, &str)> =
            findings.iter().map(|finding| (finding.line, finding.subject.as_str())).collect();
        assert_eq!(places, [(12, "colour"), (14, "no colon"), (16, "name"), (10, "url")]);
    }

    #[test]
    fn whole_blocks_are_read() {
        let mut findings = Vec::new();
        let lines = ["name: Amber glasses", "price: £18", "image: media:12", "url: https://shop.example/a"];
        assert_eq!(product(&lines, 1, &mut findings).map(|product| product.price), Some("£18".to_owned()));
        let lines = ["heading: Want help?", "button: Book", "url: /book"];
        assert_eq!(action(&lines, 1, &mut findings).map(|action| action.url), Some("/book".to_owned()));
        assert!(findings.is_empty());
    }
}
