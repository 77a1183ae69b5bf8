//! Checks of an article's sources (editor.md 4, goal sheet E22, E24). Marks without a source are found by the renderer;
//! the order of numbers needs no check, as they are counted by first use: only numbers typed by hand can be wrong.

use std::collections::HashMap;

use crate::core::status::Evidence;
use crate::references::csl::Item;
use crate::references::{evidence, identifiers};
use crate::render::citations::{self, Piece};
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
    /// Whether it shows the badge.
    pub trusted: bool,
    /// Whether the owner's list gives it the badge.
    pub judged: bool,
    /// What kind of study it is.
    pub evidence: Evidence,
}

/// Checks every source, in the order given, then the text. `text` is the article's Markdown; a finding about a source
/// carries the place where it is first cited.
pub fn lint(listed: &[Listed<'_>], text: &str) -> Vec<Finding> {
    let groups = groups(text);
    let by_name = by_name(listed);
    let mut first: HashMap<&str, Place> = HashMap::new();
    for (names, place) in &groups {
        for source in names.iter().filter_map(|name| by_name.get(name.as_str())) {
            first.entry(source.key).or_insert(*place);
        }
    }
    let mut findings = Vec::new();
    let mut seen: HashMap<String, &str> = HashMap::new();
    for source in listed {
        let mut find = |code: &str, text: &str| {
            let finding = Place::finding(first.get(source.key), code, FindingLevel::Warns, text, source.key);
            findings.push(finding);
        };
        if is_empty(source.item) {
            find("source.empty", "This source is empty: it has no title, people or year.");
            continue;
        }
        if let Some(first) = duplicate_of(source, &mut seen) {
            find("source.duplicate", &format!("This source is the same as “{first}”."));
        }
        if source.number.is_none() {
            find("source.unused", "This source is in the list but never cited.");
        }
        check_identifiers(source.item, &mut find);
        if let Some(cause) = disagreement(source) {
            find("source.badge", cause);
        }
        let missing = missing_parts(source.item);
        if !missing.is_empty() {
            find("source.incomplete", &format!("This source has no {}.", missing.join(", no ")));
        }
    }
    findings.extend(preclinical(&groups, &by_name));
    findings.extend(typed_numbers(text));
    findings
}

/// Where something stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    line: usize,
    offset: usize,
}

impl Place {
    fn finding(place: Option<&Self>, code: &str, level: FindingLevel, text: &str, subject: &str) -> Finding {
        let mut finding = Finding::new(code, level, place.map_or(0, |place| place.line), text, subject);
        finding.offset = place.map(|place| place.offset);
        finding
    }
}

/// Counts lines and UTF-16 units, as editors do, up to bytes asked for in ascending order.
struct Counter<'t> {
    text: &'t str,
    at: usize,
    place: Place,
}

impl<'t> Counter<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, at: 0, place: Place { line: 1, offset: 0 } }
    }

    fn place(&mut self, at: usize) -> Place {
        let between = self.text.get(self.at..at).unwrap_or_default();
        self.place.line += between.matches('\n').count();
        self.place.offset += between.encode_utf16().count();
        self.at = self.at.max(at);
        self.place
    }
}

/// The names in every citation group, with its place.
fn groups(text: &str) -> Vec<(Vec<String>, Place)> {
    let mut counter = Counter::new(text);
    let mut groups = Vec::new();
    for piece in citations::split(text) {
        if let Piece::Group(items, at) = piece {
            groups.push((items.into_iter().map(|item| item.key).collect(), counter.place(at)));
        }
    }
    groups
}

/// The sources by every name a mark may have: key, `doi:…`, `pmid:…`.
fn by_name<'s, 'l>(listed: &'s [Listed<'l>]) -> HashMap<String, &'s Listed<'l>> {
    let names = |source: &'s Listed<'l>| {
        let doi = source.item.doi().map(|doi| format!("doi:{doi}"));
        let pmid = source.item.pmid().map(|pmid| format!("pmid:{pmid}"));
        [Some(source.key.to_owned()), doi, pmid].into_iter().flatten().map(move |name| (name, source))
    };
    listed.iter().flat_map(names).collect()
}

fn is_empty(item: &Item) -> bool {
    item.title.trim().is_empty() && item.author.is_empty() && item.editor.is_empty() && item.year().is_none()
}

/// The key of an earlier source with the same DOI, PubMed number, or title and year.
fn duplicate_of<'l>(source: &Listed<'l>, seen: &mut HashMap<String, &'l str>) -> Option<&'l str> {
    let item = source.item;
    let marks = [
        item.doi().map(|doi| format!("doi {doi}")),
        item.pmid().map(|pmid| format!("pmid {pmid}")),
        identifiers::work_mark(&item.title, item.year()),
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

fn check_identifiers(item: &Item, find: &mut impl FnMut(&str, &str)) {
    let bad_doi = !item.doi_given.trim().is_empty() && item.doi().is_none();
    let bad_pmid = !item.pmid_given.trim().is_empty() && item.pmid().is_none();
    if bad_doi {
        find("source.doi", "This source’s DOI isn’t one: they look like 10.1234/abc.");
    }
    if bad_pmid {
        find("source.pmid", "This source’s PubMed number isn’t one: they are digits only.");
    }
    if !bad_doi && !bad_pmid && !has_link(item) {
        find("source.identifier", "This source has no DOI, PubMed number, ISBN or address.");
    }
}

fn has_link(item: &Item) -> bool {
    item.doi().is_some()
        || item.pmid().is_some()
        || item.pmcid().is_some()
        || item.isbn().is_some()
        || item.url.starts_with("https://")
        || item.url.starts_with("http://")
}

/// How the badge, the identifiers and the address of a source contradict one another.
fn disagreement(source: &Listed<'_>) -> Option<&'static str> {
    let item = source.item;
    let is_web = item.url.starts_with("https://") || item.url.starts_with("http://");
    let says_other = |mine: Option<String>, read: fn(&str) -> Option<String>| {
        mine.zip(Some(item.url.as_str()).filter(|_| is_web).and_then(read)).is_some_and(|(mine, other)| mine != other)
    };
    if says_other(item.pmid(), identifiers::pmid) {
        return Some("This source’s address leads to another PubMed record than its number.");
    }
    if says_other(item.doi(), identifiers::doi) {
        return Some("This source’s address leads to another DOI than its own.");
    }
    match (source.trusted, source.judged) {
        (true, false) => Some("This source shows the badge, but isn’t on the trusted list. Save it again."),
        (false, true) => Some("This source is on the trusted list, but shows no badge. Save it again."),
        (true, true) | (false, false) => None,
    }
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

/// Claims that rest only on animals and cells: groups in which every source is such a study.
fn preclinical(groups: &[(Vec<String>, Place)], by_name: &HashMap<String, &Listed<'_>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (names, place) in groups {
        let sources: Vec<&&Listed<'_>> = names.iter().filter_map(|name| by_name.get(name)).collect();
        let is_whole = !sources.is_empty() && sources.len() == names.len();
        if is_whole && sources.iter().all(|source| evidence::is_preclinical(source.evidence)) {
            let keys = names.join(", ");
            let text = "This claim rests only on studies of animals or cells. Does the sentence say so?";
            findings.push(Place::finding(Some(place), "claim.preclinical", FindingLevel::Note, text, &keys));
        }
    }
    findings
}

/// Reference numbers written out, `[12]` or `[4–8, 11]`: they stay when the others are counted anew.
fn typed_numbers(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut counter = Counter::new(text);
    let (mut line_start, mut is_code) = (0, false);
    for line in text.split_inclusive('\n') {
        let start = line_start;
        line_start += line.len();
        if line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~") {
            is_code = !is_code;
            continue;
        }
        if is_code || line.starts_with("    ") {
            continue;
        }
        let mut ticks = 0;
        for (at, byte) in line.bytes().enumerate() {
            ticks += usize::from(byte == b'`');
            if byte != b'[' || ticks % 2 == 1 {
                continue;
            }
            let Some(numbers) = numbers_at(line, at) else { continue };
            let place = counter.place(start + at);
            let sentence = "This number is typed by hand and won’t follow the references. Cite the source as [@key].";
            findings.push(Place::finding(Some(&place), "citation.typed", FindingLevel::Warns, sentence, numbers));
        }
    }
    findings
}

/// Bytes of the longest list of numbers that is looked at.
const NUMBERS_MAX: usize = 40;

/// The numbers in brackets that open at `at`; a link, a footnote or an escaped bracket is none.
fn numbers_at(line: &str, at: usize) -> Option<&str> {
    if line.get(..at)?.ends_with(['\\', '!', ']']) {
        return None;
    }
    let rest = line.get(at + 1..)?;
    let end = rest.bytes().take(NUMBERS_MAX).position(|byte| byte == b']')?;
    let (inner, after) = (rest.get(..end)?, rest.get(end + 1..)?);
    let is_number =
        |part: &str| (1..=3).contains(&part.trim().len()) && part.trim().bytes().all(|byte| byte.is_ascii_digit());
    let are_numbers = inner.split([',', '–', '-']).all(is_number);
    let is_link = after.starts_with(['(', '[', ':']);
    (are_numbers && !is_link).then_some(inner)
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

    fn listed<'l>(key: &'l str, item: &'l Item, number: Option<u32>) -> Listed<'l> {
        Listed { key, item, number, trusted: false, judged: false, evidence: Evidence::None }
    }

    #[test]
    fn an_article_with_known_faults_has_exactly_these_findings() {
        let planted = [
            ("fine", good("Phase shifting in nurses", "10.1000/1"), Some(1)),
            ("twin", good("Other words", "https://doi.org/10.1000/1"), Some(2)),
            ("sametitle", good("PHASE SHIFTING in nurses!", "10.1000/2"), Some(3)),
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
            (
                "badpmid",
                item(
                    json!({"type": "report", "title": "Eight", "publisher": "P", "issued": {"date-parts": [[2020]]}, "PMID": "x1"}),
                ),
                Some(8),
            ),
            ("hollow", item(json!({"DOI": "10.1000/9"})), Some(9)),
            (
                "elsewhere",
                item(
                    json!({"type": "report", "title": "Ten", "publisher": "P", "issued": {"date-parts": [[2020]]}, "PMID": "99000001", "URL": "https://pubmed.ncbi.nlm.nih.gov/99000002/"}),
                ),
                Some(10),
            ),
            ("mouse", good("Eleven", "10.1000/11"), Some(11)),
            ("cells", good("Twelve", "10.1000/12"), Some(12)),
        ];
        let mut sources: Vec<Listed<'_>> =
            planted.iter().map(|(key, item, number)| listed(key, item, *number)).collect();
        for source in &mut sources {
            match source.key {
                "brief" => source.trusted = true,
                "mouse" => source.evidence = Evidence::Animal,
                "cells" => source.evidence = Evidence::InVitro,
                _ => {}
            }
        }
        let text = "a 😀 [@fine; @twin]\n\nb [@sametitle, p. 4]\nc [@doi:10.1000/2] [@baddoi] [@nolink].\n\n[@bare][@brief]\n\
                    z [@badpmid] x [@hollow] y [@elsewhere]\n\nMice sleep [@mouse; @cells], so do we [@mouse; @fine] [12], and\n\
                    see [4–8, 11] but not [1](x), \\[2], `[3]`, [^1] nor [2021].\n\n```\n[9]\n```\n";
        let found: Vec<(String, String, usize)> =
            lint(&sources, text).into_iter().map(|finding| (finding.code, finding.subject, finding.line)).collect();
        let expected = [
            ("source.duplicate", "twin", 1),
            ("source.duplicate", "sametitle", 3),
            ("source.unused", "unused", 0),
            ("source.doi", "baddoi", 4),
            ("source.identifier", "nolink", 4),
            ("source.incomplete", "bare", 6),
            ("source.badge", "brief", 6),
            ("source.pmid", "badpmid", 7),
            ("source.empty", "hollow", 7),
            ("source.badge", "elsewhere", 7),
            ("claim.preclinical", "mouse, cells", 9),
            ("citation.typed", "12", 9),
            ("citation.typed", "4–8, 11", 10),
        ];
        assert_eq!(found, expected.map(|(code, key, line)| (code.to_owned(), key.to_owned(), line)));
        let offsets: Vec<Option<usize>> =
            lint(&sources, text).into_iter().take(3).map(|finding| finding.offset).collect();
        assert_eq!(offsets, [Some(5), Some(23), None], "in UTF-16 units, as editors count");
    }

    #[test]
    fn missing_parts_are_named() {
        let bare = item(json!({"type": "article-journal", "title": "Six", "URL": "https://x.example/"}));
        let findings = lint(&[listed("k", &bare, Some(1))], "");
        assert_eq!(findings.first().unwrap().text, "This source has no authors, no year, no journal.");
    }

    #[test]
    fn five_thousand_citations_are_checked_quickly() {
        let items: Vec<(String, Item)> = (0..5_000)
            .map(|n| (format!("k{n}"), good(&format!("Study {n} of many nights"), &format!("10.1000/{n}"))))
            .collect();
        let sources: Vec<Listed<'_>> = items.iter().map(|(key, item)| listed(key, item, Some(1))).collect();
        let text = items.iter().map(|(key, _)| format!("A claim [@{key}].\n")).collect::<Vec<_>>().concat();
        let started = std::time::Instant::now();
        assert!(lint(&sources, &text).is_empty());
        assert!(lint(&sources, &"[".repeat(200_000)).iter().all(|finding| finding.code != "citation.typed"));
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
    }
}
