//! Checks of an article's sources (editor.md 4, goal sheet E22). Marks without a source are found by the renderer.

use std::collections::HashMap;

use crate::references::csl::Item;
use crate::render::finding::{Finding, FindingLevel};

/// A source of an article: cited in its text, or only listed.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'l> {
    /// Its citation key in the library.
    pub key: &'l str,
    /// The record.
    pub item: &'l Item,
    /// Its number in the text; `None` when it is never cited.
    pub number: Option<u32>,
}

/// Checks every source, in the order given. `text` is the article's Markdown; a finding carries the line on which its
/// source is first cited, 0 if nowhere.
pub fn lint(listed: &[Listed<'_>], text: &str) -> Vec<Finding> {
    let lines = first_lines(listed, text);
    let line = |key: &str| lines.get(key).copied().unwrap_or(0);
    let mut findings = Vec::new();
    let mut seen: HashMap<String, &str> = HashMap::new();
    for source in listed {
        let mut find = |code: &str, text: &str| {
            findings.push(Finding::new(code, FindingLevel::Warns, line(source.key), text, source.key));
        };
        if let Some(first) = duplicate_of(source, &mut seen) {
            find("source.duplicate", &format!("This source is the same as “{first}”."));
        }
        if source.number.is_none() {
            find("source.unused", "This source is in the list but never cited.");
        }
        if !source.item.doi_given.trim().is_empty() && source.item.doi().is_none() {
            find("source.doi", "This source’s DOI isn’t one: they look like 10.1234/abc.");
        } else if !has_link(source.item) {
            find("source.identifier", "This source has no DOI, PubMed number, ISBN or address.");
        }
        let missing = missing_parts(source.item);
        if !missing.is_empty() {
            find("source.incomplete", &format!("This source has no {}.", missing.join(", no ")));
        }
    }
    findings
}

/// The key of an earlier source with the same DOI, PubMed number, or title and year.
fn duplicate_of<'l>(source: &Listed<'l>, seen: &mut HashMap<String, &'l str>) -> Option<&'l str> {
    let item = source.item;
    let title: String = item.title.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let marks = [
        item.doi().map(|doi| format!("doi {doi}")),
        item.pmid().map(|pmid| format!("pmid {pmid}")),
        item.year().filter(|_| !title.is_empty()).map(|year| format!("title {year} {title}")),
    ];
    let mut first = None;
    for mark in marks.into_iter().flatten() {
        let holder = *seen.entry(mark).or_insert(source.key);
        if holder != source.key {
            first = first.or(Some(holder));
        }
    }
    first
}

fn has_link(item: &Item) -> bool {
    item.doi().is_some()
        || item.pmid().is_some()
        || item.pmcid().is_some()
        || item.isbn().is_some()
        || item.url.starts_with("https://")
        || item.url.starts_with("http://")
}

fn missing_parts(item: &Item) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if item.title.trim().is_empty() {
        missing.push("title");
    }
    // An institution that publishes in its own name stands for the author.
    if item.author.is_empty() && item.editor.is_empty() && item.publisher.trim().is_empty() {
        missing.push("authors");
    }
    if item.year().is_none() && !item.status.eq_ignore_ascii_case("in press") {
        missing.push("year");
    }
    if item.kind == "article-journal" && item.container_title.trim().is_empty() {
        missing.push("journal");
    }
    missing
}

/// The line, from 1, on which each key first stands after an `@`.
fn first_lines<'l>(listed: &[Listed<'l>], text: &str) -> HashMap<&'l str, usize> {
    let keys: HashMap<String, &'l str> = listed
        .iter()
        .flat_map(|source| {
            let doi = source.item.doi().map(|doi| (format!("doi:{doi}"), source.key));
            let pmid = source.item.pmid().map(|pmid| (format!("pmid:{pmid}"), source.key));
            [Some((source.key.to_owned(), source.key)), doi, pmid].into_iter().flatten()
        })
        .collect();
    let mut lines = HashMap::new();
    for (at, line) in text.lines().enumerate() {
        for after in line.split('@').skip(1) {
            let end = after.find(|char: char| char.is_whitespace() || matches!(char, ',' | ']')).unwrap_or(after.len());
            let mark = after.get(..end).unwrap_or_default().trim_end_matches([';', '.']);
            if let Some(key) = keys.get(mark).or_else(|| keys.get(&mark.to_lowercase())) {
                lines.entry(*key).or_insert(at + 1);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn item(value: serde_json::Value) -> Item {
        serde_json::from_value(value).unwrap()
    }

    fn good(title: &str, doi: &str) -> Item {
        item(json!({"type": "article-journal", "title": title, "author": [{"family": "A"}], "container-title": "J",
                    "issued": {"date-parts": [[2021]]}, "DOI": doi}))
    }

    #[test]
    fn an_article_with_known_faults_has_exactly_these_findings() {
        let items = [
            ("fine", good("One", "10.1000/1"), Some(1)),
            ("twin", good("Other words", "https://doi.org/10.1000/1"), Some(2)),
            ("sametitle", good("ONE!", "10.1000/2"), Some(3)),
            ("unused", good("Three", "10.1000/3"), None),
            ("baddoi", good("Four", "10.x/3"), Some(4)),
            ("nolink", good("Five", ""), Some(5)),
            ("bare", item(json!({"type": "article-journal", "title": "Six", "URL": "https://x.example/"})), Some(6)),
            (
                "brief",
                item(
                    json!({"type": "report", "title": "Seven", "publisher": "P", "issued": {"date-parts": [[2020]]}, "ISBN": "9780306406157"}),
                ),
                Some(7),
            ),
        ];
        let listed: Vec<Listed<'_>> =
            items.iter().map(|(key, item, number)| Listed { key, item, number: *number }).collect();
        let text =
            "a [@fine; @twin]\n\nb [@sametitle, p. 4]\nc [@doi:10.1000/2] [@baddoi] [@nolink].\n\n[@bare][@brief]";
        let found: Vec<(String, String, usize)> =
            lint(&listed, text).into_iter().map(|finding| (finding.code, finding.subject, finding.line)).collect();
        let expected = [
            ("source.duplicate", "twin", 1),
            ("source.duplicate", "sametitle", 3),
            ("source.unused", "unused", 0),
            ("source.doi", "baddoi", 4),
            ("source.identifier", "nolink", 4),
            ("source.incomplete", "bare", 6),
        ];
        assert_eq!(found, expected.map(|(code, key, line)| (code.to_owned(), key.to_owned(), line)));
    }

    #[test]
    fn missing_parts_are_named() {
        let bare = item(json!({"type": "article-journal", "title": "Six", "URL": "https://x.example/"}));
        let findings = lint(&[Listed { key: "k", item: &bare, number: Some(1) }], "");
        assert_eq!(findings.first().unwrap().text, "This source has no authors, no year, no journal.");
    }
}
