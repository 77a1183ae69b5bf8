//! NBIB: PubMed's MEDLINE format. A tag of four places, a hyphen and a space; lines that go on begin with six spaces;
//! each record begins with `PMID- `.

use crate::core::limits::REFERENCE_ENTRY_BYTES_MAX;
use crate::core::status::{Evidence, Retraction};
use crate::core::text;
use crate::references::csl::{Item, Name};
use crate::references::formats::parts::{self, fill, fill_rest, push_rest};
use crate::references::formats::read::{Entry, Hints, NO_TITLE, label};
use crate::references::identifiers;

/// The tag and value of a line, if it is one of a tag.
fn tag(line: &str) -> Option<(&str, &str)> {
    let (head, rest) = line.split_at_checked(4)?;
    let tag = head.trim_end();
    let is_tag = tag.len() >= 2 && tag.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let value = rest.strip_prefix('-')?;
    (is_tag && (value.is_empty() || value.starts_with(' '))).then(|| (tag, value.trim()))
}

#[derive(Default)]
struct Record {
    line: usize,
    tags: Vec<(String, String)>,
    source: String,
}

impl Record {
    /// The first value of a tag; empty without one.
    fn first(&self, tag: &'static str) -> &str {
        self.all(tag).next().unwrap_or_default()
    }

    fn all<'r>(&'r self, tag: &'static str) -> impl Iterator<Item = &'r str> {
        self.tags.iter().filter(move |(known, _)| known == tag).map(|(_, value)| value.as_str())
    }
}

/// Reads every record, in order.
pub(super) fn read(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut open: Option<Record> = None;
    for (at, line) in text.lines().enumerate() {
        let tagged = tag(line.trim_end());
        if tagged.is_some_and(|(tag, _)| tag == "PMID") {
            entries.extend(open.take().map(|record| entry(&record, entries.len() + 1)));
            open = Some(Record { line: at + 1, ..Record::default() });
        }
        let Some(record) = &mut open else { continue };
        record.source.push_str(line);
        record.source.push('\n');
        match (tagged, record.tags.last_mut()) {
            (Some((tag, value)), _) => record.tags.push((tag.to_owned(), value.to_owned())),
            (None, Some((_, value))) if !line.trim().is_empty() => {
                value.push(' ');
                value.push_str(line.trim());
            }
            (None, _) => {}
        }
    }
    entries.extend(open.take().map(|record| entry(&record, entries.len() + 1)));
    entries
}

fn entry(record: &Record, number: usize) -> Entry {
    let name = format!("PMID {}", record.first("PMID"));
    if record.source.len() > REFERENCE_ENTRY_BYTES_MAX {
        let cause = format!("it is larger than {} KB: is a “PMID- ” line missing?", REFERENCE_ENTRY_BYTES_MAX / 1024);
        return Entry::refused(record.line, name, cause, &record.source);
    }
    let item = item(record);
    if item.title.is_empty() {
        return Entry::refused(record.line, name, format!("{NO_TITLE} as “TI  - …”"), &record.source);
    }
    let mut entry = Entry::good(record.line, label(&item, number), item);
    entry.hints = hints(record);
    entry
}

fn item(record: &Record) -> Item {
    let value = |tag| record.first(tag);
    let types: Vec<String> = record.all("PT").map(str::to_lowercase).collect();
    let has_type = |word: &str| types.iter().any(|held| held == word);
    let is_book = has_type("book") || has_type("book chapter") || !value("BTI").is_empty();
    let title = without_stop(value("TI"));
    let book = without_stop(value("BTI"));
    let mut item = Item {
        kind: match (is_book, title.is_empty() || title == book) {
            (true, true) => "book",
            (true, false) => "chapter",
            (false, _) if has_type("preprint") => "article",
            (false, _) => "article-journal",
        }
        .to_owned(),
        title: if title.is_empty() { book.clone() } else { title },
        pmid_given: identifiers::pmid(value("PMID")).unwrap_or_default(),
        pmcid_given: value("PMC").to_owned(),
        volume: value("VI").to_owned(),
        issue: value("IP").to_owned(),
        page: parts::pages(value("PG")),
        edition: value("EN").to_owned(),
        publisher: value("PB").to_owned(),
        container_title: value("JT").to_owned(),
        container_title_short: value("TA").to_owned(),
        issued: parts::date(if value("DP").is_empty() { value("DEP") } else { value("DP") }),
        ..Item::default()
    };
    if item.title.is_empty() {
        item.title = without_stop(value("TT"));
    }
    if item.kind == "chapter" {
        item.container_title = book;
    }
    if item.container_title.is_empty() {
        item.container_title.clone_from(&item.container_title_short);
    }
    item.author = names(record, "FAU", "AU");
    item.author.extend(record.all("CN").map(institution));
    item.editor = names(record, "FED", "ED");
    identify(&mut item, record);
    if is_book {
        fill(&mut item.publisher_place, value("PL"));
    }
    if value("PST").eq_ignore_ascii_case("aheadofprint") && item.volume.is_empty() && item.page.is_empty() {
        "ahead of print".clone_into(&mut item.status);
    }
    fill_rest(&mut item, "abstract", value("AB"));
    fill_rest(&mut item, "collection-title", value("CTI"));
    fill_rest(&mut item, "language", language(value("LA")));
    if has_type("preprint") {
        fill_rest(&mut item, "genre", "Preprint");
    }
    record.all("OT").for_each(|word| push_rest(&mut item, "keyword", word.trim_start_matches('*')));
    record.all("GN").for_each(|note| push_rest(&mut item, "note", note));
    item
}

/// Full names where they are given, else names with initials. PubMed writes `Okafor, Rose M` and `Okafor RM`.
fn names(record: &Record, full: &'static str, short: &'static str) -> Vec<Name> {
    let named: Vec<Name> = record.all(full).filter_map(parts::name).collect();
    if !named.is_empty() {
        return named;
    }
    let initials = |line: &str| -> Option<Name> {
        let (family, given) = line.rsplit_once(' ')?;
        let is_initials = given.len() <= 4 && given.chars().all(char::is_uppercase);
        is_initials.then(|| parts::name(&format!("{family}, {given}"))).flatten()
    };
    record.all(short).filter_map(|line| initials(line).or_else(|| parts::name(line))).collect()
}

fn institution(line: &str) -> Name {
    Name { literal: text::tidy_line(line), ..Name::default() }
}

/// `10.0000/x [doi]` and `e1234 [pii]` in LID and AID; ISSN and ISBN.
fn identify(item: &mut Item, record: &Record) {
    for (tag, value) in &record.tags {
        match tag.as_str() {
            "LID" | "AID" => {
                if let Some(doi) = value.strip_suffix("[doi]") {
                    fill(&mut item.doi_given, identifiers::doi(doi).as_deref().unwrap_or_default());
                } else if let (Some(number), true) = (value.strip_suffix("[pii]"), item.page.is_empty()) {
                    fill(&mut item.number, number);
                }
            }
            "IS" => fill_rest(item, "ISSN", value.split(' ').next().unwrap_or_default()),
            "ISBN" => fill(&mut item.isbn_given, value.split(' ').next().unwrap_or_default()),
            _ => {}
        }
    }
}

/// PubMed ends titles with a full stop and puts translated ones into brackets.
fn without_stop(title: &str) -> String {
    let line = text::tidy_line(title);
    let line = line.strip_suffix('.').unwrap_or(&line);
    let inner = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(line).to_owned()
}

/// The three-letter languages of most records as BCP 47; others as they are.
fn language(code: &str) -> &str {
    match code {
        "eng" => "en",
        "fre" => "fr",
        "ger" => "de",
        "spa" => "es",
        "ita" => "it",
        "por" => "pt",
        "dut" => "nl",
        "rus" => "ru",
        "chi" => "zh",
        "jpn" => "ja",
        other => other,
    }
}

/// Kinds of publications that say what kind of study it is, strongest first.
const KINDS: &[(&str, Evidence)] = &[
    ("practice guideline", Evidence::Guideline),
    ("guideline", Evidence::Guideline),
    ("meta-analysis", Evidence::MetaAnalysis),
    ("systematic review", Evidence::SystematicReview),
    ("randomized controlled trial", Evidence::Rct),
    ("clinical trial", Evidence::Trial),
    ("controlled clinical trial", Evidence::Trial),
    ("case reports", Evidence::CaseReport),
    ("review", Evidence::Review),
    ("editorial", Evidence::Opinion),
    ("comment", Evidence::Opinion),
];

fn hints(record: &Record) -> Hints {
    let has = |tag: &str, word: &str| {
        record
            .tags
            .iter()
            .any(|(known, value)| known == tag && value.trim_start_matches('*').eq_ignore_ascii_case(word))
    };
    let notice = |tag| record.all(tag).next();
    let evidence = KINDS.iter().find(|(word, _)| has("PT", word)).map(|(_, evidence)| *evidence);
    let is_animal = has("MH", "Animals") && !has("MH", "Humans");
    let animal = if is_animal { Evidence::Animal } else { Evidence::None };
    let (retraction, told) = if has("PT", "Retracted Publication") || notice("RIN").is_some() {
        (Retraction::Retracted, notice("RIN"))
    } else if notice("ECI").is_some() {
        (Retraction::Concern, notice("ECI"))
    } else {
        (Retraction::None, None)
    };
    let year = told.and_then(parts::date).and_then(|date| date.year());
    Hints { evidence: evidence.unwrap_or(animal), retraction, retraction_year: year }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RECORD: &str = "\nPMID- 99000101\nOWN - NLM\nDP  - 2021 May 3\nTI  - Phase shifting under a fixed rotating\n      roster: a pooled analysis.\nPG  - 101-12\nLID - 10.0000/SAMPLE.4 [doi]\nAID - e77 [pii]\nAB  - It shifts.\nFAU - Okafor, Rose M\nAU  - Okafor RM\nFAU - van den Berg, Jean-Luc\nAU  - van den Berg JL\nCN  - Sample Night Group\nLA  - eng\nPT  - Journal Article\nPT  - Randomized Controlled Trial\nPT  - Retracted Publication\nRIN - J Sample Sleep Med. 2024 Jan;17(1):9. PMID: 99000999\nTA  - J Sample Sleep Med\nJT  - Journal of sample sleep medicine\nIS  - 1234-5679 (Electronic)\nVI  - 14\nIP  - 2\nPMC - PMC9900001\nOT  - *sleep\nOT  - work\n";

    #[test]
    fn a_record_is_read_with_what_it_says_of_the_study() {
        let entries = read(RECORD);
        assert_eq!(
            serde_json::to_value(entries[0].item.as_ref().unwrap()).unwrap(),
            json!({
                "type": "article-journal", "title": "Phase shifting under a fixed rotating roster: a pooled analysis",
                "author": [{"family": "Okafor", "given": "Rose M"},
                           {"family": "Berg", "given": "Jean-Luc", "non-dropping-particle": "van den"},
                           {"literal": "Sample Night Group"}],
                "container-title": "Journal of sample sleep medicine", "container-title-short": "J Sample Sleep Med",
                "issued": {"date-parts": [[2021, 5, 3]]}, "volume": "14", "issue": "2", "page": "101-112",
                "DOI": "10.0000/sample.4", "PMID": "99000101", "PMCID": "PMC9900001", "ISSN": "1234-5679",
                "abstract": "It shifts.", "language": "en", "keyword": "sleep; work"
            })
        );
        let hints = Hints { evidence: Evidence::Rct, retraction: Retraction::Retracted, retraction_year: Some(2024) };
        assert_eq!(entries[0].hints, hints);
    }

    #[test]
    fn initials_books_animals_and_records_without_title_are_told() {
        let text = "PMID- 1\nTI  - Light.\nBTI - The Book.\nAU  - Berg JL\nFED - Cho, Hana\nPB  - P\nPL  - Leeds\nDP  - 2001\n\nPMID- 2\nTI  - [Licht].\nTA  - J\nAU  - Maus M\nMH  - Animals\nDP  - 2020 Spring\n\nPMID- 3\nDP  - 2020\n";
        let entries = read(text);
        let chapter = entries[0].item.as_ref().unwrap();
        assert_eq!((chapter.kind.as_str(), chapter.container_title.as_str()), ("chapter", "The Book"));
        assert_eq!(chapter.author[0].given, "JL");
        let animal = entries[1].item.as_ref().unwrap();
        assert_eq!((animal.title.as_str(), animal.container_title.as_str()), ("Licht", "J"));
        assert_eq!(entries[1].hints.evidence, Evidence::Animal);
        assert_eq!(entries[2].item, Err("it has no title: add one as “TI  - …”".into()));
        assert_eq!((entries[2].line, entries[2].label.as_str()), (17, "PMID 3"));
    }
}
