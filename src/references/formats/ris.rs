//! RIS: a tag of two characters, two spaces, a hyphen, and its value; `ER` ends an entry.
//!
//! The format has no standard that all follow; the tags are read as EndNote, Zotero and publishers' exports use them.

use std::fmt::Write as _;

use crate::core::limits::REFERENCE_ENTRY_BYTES_MAX;
use crate::core::text;
use crate::references::csl::{Date, Item};
use crate::references::formats::parts::{self, fill, fill_rest, push_name, push_rest, rest};
use crate::references::formats::read::{Entry, NO_TITLE, label};
use crate::references::identifiers;

/// RIS types and CSL's, the one we write first.
const TYPES: &[(&str, &str)] = &[
    ("JOUR", "article-journal"),
    ("EJOUR", "article-journal"),
    ("JFULL", "article-journal"),
    ("ABST", "article-journal"),
    ("INPR", "article-journal"),
    ("MGZN", "article-magazine"),
    ("NEWS", "article-newspaper"),
    ("BOOK", "book"),
    ("EBOOK", "book"),
    ("EDBOOK", "book"),
    ("CHAP", "chapter"),
    ("ECHAP", "chapter"),
    ("CPAPER", "paper-conference"),
    ("CONF", "paper-conference"),
    ("RPRT", "report"),
    ("GOVDOC", "report"),
    ("STAND", "standard"),
    ("THES", "thesis"),
    ("ELEC", "webpage"),
    ("WEB", "webpage"),
    ("BLOG", "post-weblog"),
    ("UNPB", "manuscript"),
    ("MANSCPT", "manuscript"),
    ("DATA", "dataset"),
    ("AGGR", "dataset"),
    ("COMP", "software"),
    ("PAT", "patent"),
    ("ENCYC", "entry-encyclopedia"),
    ("DICT", "entry-dictionary"),
    ("CASE", "legal_case"),
    ("STAT", "legislation"),
    ("BILL", "bill"),
    ("HEAR", "hearing"),
    ("VIDEO", "motion_picture"),
    ("MPCT", "motion_picture"),
    ("SOUND", "song"),
    ("MAP", "map"),
    ("ART", "graphic"),
    ("SLIDE", "speech"),
    ("PCOMM", "personal_communication"),
    ("GEN", "document"),
    ("PREPRINT", "article"),
];

/// The tag and value of a line, if it is one of a tag.
pub(super) fn tag(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = line.split_at_checked(2)?;
    let mut chars = tag.chars();
    let is_tag = chars.next().is_some_and(|char| char.is_ascii_uppercase())
        && chars.next().is_some_and(|char| char.is_ascii_uppercase() || char.is_ascii_digit());
    let value = rest.trim_start_matches(' ').strip_prefix('-')?;
    let spaces = rest.len() - rest.trim_start_matches(' ').len();
    let is_parted = value.is_empty() || value.starts_with(' ');
    (is_tag && (1..=4).contains(&spaces) && is_parted).then(|| (tag, value.trim()))
}

/// The lines of one entry as tags and values; a line without a tag goes on with the value before it.
struct Lines {
    first: usize,
    tags: Vec<(String, String)>,
    source: String,
}

/// Reads every entry, in order.
pub(super) fn read(text: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut open: Option<Lines> = None;
    for (at, line) in text.lines().enumerate() {
        let tagged = tag(line.trim_start());
        match (&mut open, tagged) {
            (_, Some(("TY", value))) => {
                // An entry that was not ended is ended by the next one.
                entries.extend(open.take().map(|lines| entry(&lines, entries.len() + 1)));
                let tags = vec![("TY".to_owned(), value.to_owned())];
                open = Some(Lines { first: at + 1, tags, source: format!("{line}\n") });
            }
            (Some(_), Some(("ER", _))) => {
                entries.extend(open.take().map(|lines| entry(&lines, entries.len() + 1)));
            }
            (Some(lines), Some((tag, value))) => {
                lines.tags.push((tag.to_owned(), value.to_owned()));
                lines.keep(line);
            }
            (Some(lines), None) => {
                if let (Some((_, value)), false) = (lines.tags.last_mut(), line.trim().is_empty()) {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                lines.keep(line);
            }
            (None, _) => {}
        }
    }
    entries.extend(open.take().map(|lines| entry(&lines, entries.len() + 1)));
    entries
}

impl Lines {
    fn keep(&mut self, line: &str) {
        self.source.push_str(line);
        self.source.push('\n');
    }
}

fn entry(lines: &Lines, number: usize) -> Entry {
    let mut item = Item::default();
    let mut draft = Draft::default();
    if lines.source.len() > REFERENCE_ENTRY_BYTES_MAX {
        let cause = format!("it is larger than {} KB: is an “ER  - ” line missing?", REFERENCE_ENTRY_BYTES_MAX / 1024);
        return Entry::refused(lines.first, format!("number {number}"), cause, &lines.source);
    }
    for (tag, value) in &lines.tags {
        if !value.is_empty() {
            draft.take(&mut item, tag, value);
        }
    }
    draft.finish(&mut item);
    if item.title.is_empty() {
        return Entry::refused(lines.first, label(&item, number), format!("{NO_TITLE} as “TI  - …”"), &lines.source);
    }
    Entry::good(lines.first, label(&item, number), item)
}

/// Values whose place is known only when the whole entry is.
#[derive(Default)]
struct Draft {
    start: String,
    end: String,
    journal: Vec<String>,
    book: String,
    serial: Vec<String>,
    accession: String,
    is_pubmed: bool,
    number: String,
    date: Option<Date>,
}

impl Draft {
    fn take(&mut self, item: &mut Item, tag: &str, value: &str) {
        match tag {
            "TY" => TYPES
                .iter()
                .find(|(ris, _)| *ris == value)
                .map_or("document", |(_, csl)| csl)
                .clone_into(&mut item.kind),
            "ID" if !value.contains(char::is_whitespace) => fill(&mut item.id, value),
            "TI" | "T1" | "CT" => fill(&mut item.title, value),
            "AU" | "A1" => item.author.extend(parts::name(value)),
            "ED" | "A2" => item.editor.extend(parts::name(value)),
            "A3" => parts::name(value).into_iter().for_each(|name| push_name(item, "collection-editor", name)),
            "A4" => parts::name(value).into_iter().for_each(|name| push_name(item, "translator", name)),
            "T2" | "JF" | "JO" => self.journal.push(text::tidy_line(value)),
            "BT" => fill(&mut self.book, value),
            "JA" | "J2" | "J1" => fill(&mut item.container_title_short, value),
            "T3" => fill_rest(item, "collection-title", value),
            "ST" => fill_rest(item, "title-short", value),
            "PY" | "Y1" | "DA" => self.date = better(self.date.take(), parts::date(value)),
            "Y2" => item.accessed = parts::date(value),
            "VL" => fill(&mut item.volume, value),
            "IS" => fill(&mut item.issue, value),
            "SP" => fill(&mut self.start, value),
            "EP" => fill(&mut self.end, value),
            "C7" | "M1" => fill(&mut self.number, value),
            "NV" => fill_rest(item, "number-of-volumes", value),
            "SE" => fill_rest(item, "section", value),
            "ET" => fill(&mut item.edition, value),
            "PB" => fill(&mut item.publisher, value),
            "CY" | "PP" => fill(&mut item.publisher_place, value),
            "SN" => self.serial.push(text::tidy_line(value)),
            "DO" => fill(&mut item.doi_given, identifiers::doi(value).as_deref().unwrap_or(value)),
            "AN" => fill(&mut self.accession, value),
            "C2" if identifiers::pmcid(value).is_some() => fill(&mut item.pmcid_given, value),
            "UR" | "LK" => fill(&mut item.url, value.split(char::is_whitespace).next().unwrap_or(value)),
            "AB" | "N2" => fill_rest(item, "abstract", value),
            "KW" => push_rest(item, "keyword", value),
            "N1" | "RN" => push_rest(item, "note", value),
            "LA" => fill_rest(item, "language", value),
            "M3" => fill_rest(item, "genre", value),
            "CN" => fill_rest(item, "call-number", value),
            "OP" => fill_rest(item, "original-title", value),
            "DB" | "DP" => {
                let lower = value.to_lowercase();
                self.is_pubmed |= lower.contains("pubmed") || lower.contains("medline") || lower == "nlm";
                if !self.is_pubmed {
                    fill_rest(item, "source", value);
                }
            }
            _ => {}
        }
    }

    fn finish(self, item: &mut Item) {
        let mut journals = self.journal.into_iter();
        if item.kind == "book" && item.title.is_empty() {
            fill(&mut item.title, &self.book);
        }
        let first = journals.next().unwrap_or_default();
        fill(&mut item.container_title, if first.is_empty() { &self.book } else { &first });
        // A second, shorter name of the journal is its abbreviation.
        if let Some(other) = journals.find(|other| *other != item.container_title) {
            if other.len() < item.container_title.len() {
                fill(&mut item.container_title_short, &other);
            } else if item.container_title_short.is_empty() {
                item.container_title_short = std::mem::replace(&mut item.container_title, other);
            }
        }
        let range = if self.end.is_empty() { self.start } else { format!("{}-{}", self.start, self.end) };
        fill(&mut item.page, &parts::pages(&range));
        fill(&mut item.number, &self.number);
        item.issued = self.date;
        for serial in self.serial {
            if identifiers::isbn(&serial).is_some() {
                fill(&mut item.isbn_given, &serial);
            } else {
                fill_rest(item, "ISSN", &serial);
            }
        }
        let is_pubmed = self.is_pubmed || item.url.contains("pubmed.ncbi.nlm.nih.gov");
        if let Some(pmid) = identifiers::pmid(&self.accession).filter(|_| is_pubmed) {
            item.pmid_given = pmid;
        }
    }
}

/// The date that knows more.
fn better(held: Option<Date>, found: Option<Date>) -> Option<Date> {
    let parts = |date: &Option<Date>| {
        date.as_ref().map_or(0, |date| date.date_parts.iter().map(Vec::len).sum::<usize>() + date.rest.len())
    };
    if parts(&found) > parts(&held) || held.is_none() { found } else { held }
}

/// Items as a file.
#[must_use]
pub fn write(items: &[Item]) -> String {
    let mut out = String::new();
    for item in items {
        let kind = TYPES.iter().find(|(_, csl)| *csl == item.kind).map_or("GEN", |(ris, _)| ris);
        let mut put = |tag: &str, value: &str| {
            let line = text::tidy_line(value);
            if !line.is_empty() {
                let _ = write!(out, "{tag}  - {line}\r\n");
            }
        };
        put("TY", kind);
        put("ID", &item.id);
        put("TI", &item.title);
        item.author.iter().for_each(|name| put("AU", &parts::name_line(name)));
        item.editor.iter().for_each(|name| put("ED", &parts::name_line(name)));
        for (tag, role) in [("A3", "collection-editor"), ("A4", "translator")] {
            for name in parts::rest_names(item, role) {
                put(tag, &parts::name_line(&name));
            }
        }
        put("T2", &item.container_title);
        put("J2", &item.container_title_short);
        put("T3", rest(item, "collection-title"));
        if let Some(issued) = &item.issued {
            put("PY", &written_date(issued));
        }
        put("VL", &item.volume);
        put("IS", &item.issue);
        let (start, end) = item.page.split_once('-').unwrap_or((&item.page, ""));
        put("SP", start);
        put("EP", end);
        put("C7", &item.number);
        put("ET", &item.edition);
        put("PB", &item.publisher);
        put("CY", &item.publisher_place);
        put("SN", if item.isbn_given.is_empty() { rest(item, "ISSN") } else { &item.isbn_given });
        put("DO", &item.doi_given);
        if let Some(pmid) = item.pmid() {
            put("AN", &pmid);
            put("DB", "PubMed");
        }
        put("C2", &item.pmcid().unwrap_or_default());
        put("UR", &item.url);
        if let Some(accessed) = &item.accessed {
            put("Y2", &written_date(accessed));
        }
        put("M3", rest(item, "genre"));
        put("LA", rest(item, "language"));
        put("AB", rest(item, "abstract"));
        rest(item, "keyword").split("; ").for_each(|word| put("KW", word));
        rest(item, "note").split("; ").for_each(|note| put("N1", note));
        out.push_str("ER  - \r\n\r\n");
    }
    out
}

/// `2021/05/03`, as far as it is known; words where there is no year.
fn written_date(date: &Date) -> String {
    let iso = parts::iso(date);
    if iso.is_empty() { date.literal.clone() } else { iso.replace('-', "/") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn items(text: &str) -> Vec<serde_json::Value> {
        read(text).into_iter().map(|entry| serde_json::to_value(entry.item.unwrap()).unwrap()).collect()
    }

    #[test]
    fn an_article_is_read_with_every_field_we_have_a_place_for() {
        let text = "TY  - JOUR\r\nID  - okafor2021\r\nAU  - Okafor, Rose M.\r\nAU  - van den Berg, Jean-Luc, Jr\r\nA1  - Sample Night Group\r\nTI  - Phase shifting under a fixed\r\n      rotating roster\r\nJO  - J Sample Sleep Med\r\nT2  - Journal of Sample Sleep Medicine\r\nPY  - 2021\r\nDA  - 2021/05/03/\r\nVL  - 14\r\nIS  - 2\r\nSP  - 101\r\nEP  - 12\r\nDO  - https://doi.org/10.0000/SAMPLE.4\r\nSN  - 1234-5679\r\nAN  - 99000101\r\nDB  - PubMed\r\nC2  - PMC9900001\r\nUR  - https://sample.example/4\r\nY2  - 2022/05/04\r\nKW  - sleep\r\nKW  - work\r\nN2  - It shifts.\r\nLA  - en\r\nXX  - passed over\r\nER  - \r\n";
        assert_eq!(
            items(text),
            [json!({
                "id": "okafor2021", "type": "article-journal", "title": "Phase shifting under a fixed rotating roster",
                "author": [{"family": "Okafor", "given": "Rose M."},
                           {"family": "Berg", "given": "Jean-Luc", "non-dropping-particle": "van den", "suffix": "Jr"},
                           {"literal": "Sample Night Group"}],
                "container-title": "Journal of Sample Sleep Medicine", "container-title-short": "J Sample Sleep Med",
                "issued": {"date-parts": [[2021, 5, 3]]}, "accessed": {"date-parts": [[2022, 5, 4]]},
                "volume": "14", "issue": "2", "page": "101-112", "DOI": "10.0000/sample.4", "PMID": "99000101",
                "PMCID": "PMC9900001", "URL": "https://sample.example/4", "ISSN": "1234-5679",
                "keyword": "sleep; work", "abstract": "It shifts.", "language": "en"
            })]
        );
    }

    #[test]
    fn books_chapters_and_entries_that_are_not_ended_are_read() {
        let text = "TY  - CHAP\nTI  - Light\nBT  - The Book\nED  - Cho, Hana\nSN  - 978-0-306-40615-7\nSP  - 4-8\nTY  - BOOK\nBT  - Night\nPY  - 1999\nER  -\nstray line\n";
        let found = items(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0]["container-title"], "The Book");
        assert_eq!((found[0]["page"].as_str(), found[0]["ISBN"].as_str()), (Some("4-8"), Some("978-0-306-40615-7")));
        assert_eq!((found[1]["title"].as_str(), found[1]["type"].as_str()), (Some("Night"), Some("book")));
    }

    #[test]
    fn an_entry_without_a_title_is_refused_with_its_line_and_its_text() {
        let entries = read("TY  - JOUR\nTI  - A\nER  - \n\nTY  - JOUR\nID  - lost\nAU  - B, C\nER  - \n");
        assert!(entries[0].item.is_ok());
        assert_eq!((entries[1].line, entries[1].label.as_str()), (5, "lost"));
        assert_eq!(entries[1].item, Err("it has no title: add one as “TI  - …”".into()));
        assert_eq!(entries[1].source, "TY  - JOUR\nID  - lost\nAU  - B, C");
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let item: Item = serde_json::from_value(json!({
            "id": "k1", "type": "chapter", "title": "Light", "author": [{"family": "Berg", "given": "J", "non-dropping-particle": "van"}],
            "editor": [{"family": "Cho", "given": "Hana"}], "translator": [{"family": "Ito", "given": "K"}],
            "container-title": "The Book", "publisher": "P", "publisher-place": "Leeds", "issued": {"date-parts": [[2001, 4]]},
            "page": "4-8", "edition": "2", "DOI": "10.1000/x", "PMID": "12", "PMCID": "PMC3", "ISBN": "9780306406157",
            "URL": "https://a.example/", "accessed": {"date-parts": [[2022, 5, 4]]}, "keyword": "a; b", "abstract": "One.", "language": "en"
        }))
        .unwrap();
        assert_eq!(items(&write(std::slice::from_ref(&item))), [serde_json::to_value(&item).unwrap()]);
    }

    #[test]
    fn a_flood_of_lines_is_read_in_linear_time_and_too_large_an_entry_refused() {
        let started = std::time::Instant::now();
        let text = format!("TY  - JOUR\n{}", "AU  - A, B\ncontinued\n".repeat(200_000));
        let entries = read(&text);
        assert!(entries[0].item.as_ref().unwrap_err().starts_with("it is larger than"));
        assert_eq!(read(&"TY  - JOUR\n".repeat(100_000)).len(), 100_000);
        assert!(started.elapsed().as_secs() < 10);
    }
}
