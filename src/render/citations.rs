//! Citations: finding `[@key]` in running text, numbering works by first use, and drawing the marks of reader.md 2.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::core::limits::CITATION_BYTES_MAX;
use crate::render::html::{push_attribute, push_escaped};

/// One work in a group: `@key, p. 4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CitationItem {
    /// The key without `@`. Identifiers are normalised: `doi:10.1000/x` in lower case, `pmid:123`.
    pub key: String,
    /// What follows the first comma, trimmed; empty without one.
    pub locator: String,
}

/// A piece of running text.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// Text as it stands.
    Text(&'t str),
    /// A group of citations, adjacent groups joined, and the byte at which it starts.
    Group(Vec<CitationItem>, usize),
}

/// A work the text cites, in order of first use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cited {
    /// The caller's number for the record ([`crate::render::markdown::Resolve::reference`]).
    pub reference: i64,
    /// The number readers see, from 1.
    pub number: u32,
    /// Ids of the marks in the text that point at it, in order: the targets of its back links. A run such as
    /// `[4–8]` is one mark and stands in the list of each of its members.
    pub marks: Vec<String>,
    /// Locators as written (`p. 4`), in order, without repetition.
    pub locators: Vec<String>,
}

/// How marks are drawn where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkStyle {
    /// Raised, in brackets: running text.
    Raised,
    /// Plain links between commas: cells of a column headed "Sources".
    Plain,
    /// Raised without links: inside a link, where a link may not stand.
    Unlinked,
}

/// Splits running text into text and citation groups, in time linear in its length. Text before a group loses its
/// trailing space, for the mark is joined to the word before it.
pub fn split(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut done = 0;
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find('[')).map(|at| at + from) {
        let Some((items, end)) = group_at(text, at) else {
            from = at + 1;
            continue;
        };
        let before = text.get(done..at).unwrap_or_default();
        let trimmed = before.trim_end();
        match pieces.last_mut() {
            Some(Piece::Group(group, _)) if trimmed.is_empty() => group.extend(items),
            _ => {
                if !trimmed.is_empty() {
                    pieces.push(Piece::Text(trimmed));
                }
                pieces.push(Piece::Group(items, at));
            }
        }
        done = end;
        from = end;
    }
    let rest = text.get(done..).unwrap_or_default();
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// Running text without its citations, for ids, captions and counts.
pub fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in split(text) {
        if let Piece::Text(text) = piece {
            out.push_str(text);
        }
    }
    out
}

/// The group whose `[` stands at `at`, and the byte after its `]`.
fn group_at(text: &str, at: usize) -> Option<(Vec<CitationItem>, usize)> {
    let inner = text.get(at + 1..)?;
    if !inner.starts_with('@') && !inner.starts_with("-@") {
        return None;
    }
    let close = inner.find(['[', ']'])?;
    if !inner.get(close..)?.starts_with(']') || close > CITATION_BYTES_MAX {
        return None;
    }
    let items = items(inner.get(..close)?)?;
    Some((items, at + 1 + close + 1))
}

/// Reads `@a, p. 4; @b`. A semicolon separates only where an `@` follows, since some DOIs hold one.
fn items(inner: &str) -> Option<Vec<CitationItem>> {
    let mut parts: Vec<String> = Vec::new();
    for part in inner.split(';') {
        let starts_item = part.trim_start().trim_start_matches('-').starts_with('@');
        match parts.last_mut() {
            Some(last) if !starts_item => {
                last.push(';');
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts.iter().map(|part| item(part)).collect()
}

fn item(part: &str) -> Option<CitationItem> {
    let part = part.trim().trim_start_matches('-').strip_prefix('@')?;
    let end = part.find(|char: char| char == ',' || char.is_whitespace()).unwrap_or(part.len());
    let (key, rest) = part.split_at_checked(end)?;
    let key = key.trim_end_matches([';', '.']);
    if !key.starts_with(|char: char| char.is_alphanumeric() || char == '_') {
        return None;
    }
    let locator = rest.trim_start_matches([',', ' ', '\n', '\t']).trim().trim_end_matches(';').trim();
    Some(CitationItem { key: normalise(key), locator: locator.replace('\n', " ") })
}

/// Lower-cases identifiers and their prefix; other keys stay as written.
fn normalise(key: &str) -> String {
    match key.split_once(':') {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("doi") || prefix.eq_ignore_ascii_case("pmid") => {
            format!("{}:{}", prefix.to_ascii_lowercase(), rest.to_lowercase())
        }
        _ => key.to_owned(),
    }
}

/// Numbers works by first use and remembers where each is cited.
#[derive(Debug, Default)]
pub struct Numbering {
    cited: Vec<Cited>,
    by_reference: HashMap<i64, u32>,
}

/// One work of a group after look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Marked {
    number: u32,
    locator: String,
}

impl Numbering {
    /// The number of a work, given on first use.
    fn number(&mut self, reference: i64) -> u32 {
        if let Some(number) = self.by_reference.get(&reference) {
            return *number;
        }
        let number = u32::try_from(self.cited.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.by_reference.insert(reference, number);
        self.cited.push(Cited { reference, number, marks: Vec::new(), locators: Vec::new() });
        number
    }

    fn cited(&mut self, number: u32) -> Option<&mut Cited> {
        self.cited.get_mut(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// Everything cited, in order of number.
    pub fn into_cited(self) -> Vec<Cited> {
        self.cited
    }

    /// Writes the mark of one group. `found` holds, for each item of the group, the record it resolved to.
    pub fn push_mark(&mut self, out: &mut String, found: &[(Option<i64>, &str)], style: MarkStyle) {
        let mut marked: Vec<Marked> = Vec::new();
        let mut missing = false;
        for (reference, locator) in found {
            let Some(reference) = reference else {
                missing = true;
                continue;
            };
            let mark = Marked { number: self.number(*reference), locator: (*locator).to_owned() };
            if !marked.contains(&mark) {
                marked.push(mark);
            }
        }
        marked.sort_by(|a, b| (a.number, &a.locator).cmp(&(b.number, &b.locator)));
        // A bare mark says nothing that the same mark with a locator does not.
        let located: Vec<u32> = marked.iter().filter(|mark| !mark.locator.is_empty()).map(|mark| mark.number).collect();
        marked.retain(|mark| !mark.locator.is_empty() || !located.contains(&mark.number));
        if style != MarkStyle::Plain {
            out.push_str(if missing { r#"<span class="cite cite--missing">["# } else { r#"<span class="cite">["# });
        }
        let mut first = true;
        for run in runs(&marked, style) {
            if !std::mem::take(&mut first) {
                out.push_str(", ");
            }
            self.push_run(out, run, style);
        }
        if missing {
            out.push_str(match (style, first) {
                (MarkStyle::Plain, true) => "[?]",
                (_, true) => "?",
                (_, false) => ", ?",
            });
        }
        if style != MarkStyle::Plain {
            out.push_str("]</span>");
        }
    }

    /// Writes one link: a number, or a run of three and more.
    fn push_run(&mut self, out: &mut String, run: &[Marked], style: MarkStyle) {
        let (Some(start), Some(end)) = (run.first(), run.last()) else {
            return;
        };
        let text = if run.len() == 1 { start.number.to_string() } else { format!("{}–{}", start.number, end.number) };
        if style == MarkStyle::Unlinked {
            out.push_str(&text);
        } else {
            let nth = self.cited(start.number).map_or(0, |cited| cited.marks.len()) + 1;
            let id = format!("c{}-{nth}", start.number);
            let label = match (run.len(), start.locator.as_str()) {
                (1, "") => format!("Reference {}", start.number),
                (1, locator) => format!("Reference {}, {locator}", start.number),
                _ => format!("References {}–{}", start.number, end.number),
            };
            out.push_str("<a");
            push_attribute(out, "id", &id);
            push_attribute(out, "href", &format!("#r{}", start.number));
            push_attribute(out, "role", "doc-noteref");
            push_attribute(out, "aria-label", &label);
            out.push('>');
            out.push_str(&text);
            out.push_str("</a>");
            for member in run {
                if let Some(cited) = self.cited(member.number) {
                    cited.marks.push(id.clone());
                }
            }
        }
        if !start.locator.is_empty() {
            out.push_str(" (");
            push_escaped(out, &start.locator);
            out.push(')');
            if let Some(cited) = self.cited(start.number)
                && !cited.locators.contains(&start.locator)
            {
                cited.locators.push(start.locator.clone());
            }
        }
    }
}

/// Groups neighbours: three and more consecutive numbers without locators make one run; in a "Sources" column
/// every number stands alone.
fn runs(marked: &[Marked], style: MarkStyle) -> Vec<&[Marked]> {
    let mut runs = Vec::new();
    let linked = |a: &Marked, b: &Marked| {
        style != MarkStyle::Plain && a.locator.is_empty() && b.locator.is_empty() && b.number == a.number + 1
    };
    for run in marked.chunk_by(linked) {
        if run.len() >= 3 {
            runs.push(run);
        } else {
            runs.extend(run.chunks(1));
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(key: &str, locator: &str) -> CitationItem {
        CitationItem { key: key.to_owned(), locator: locator.to_owned() }
    }

    #[test]
    fn groups_locators_and_identifiers_are_read() {
        assert_eq!(
            split("slept less [@okafor2021; @varga2019, p. 4]. Then"),
            [
                Piece::Text("slept less"),
                Piece::Group(vec![item("okafor2021", ""), item("varga2019", "p. 4")], 11),
                Piece::Text(". Then"),
            ]
        );
        assert_eq!(
            split("[@doi:10.1002/(SICI)16<1661::AID-SIM968>3.0.CO;2-2; @PMID:123]"),
            [Piece::Group(vec![item("doi:10.1002/(sici)16<1661::aid-sim968>3.0.co;2-2", ""), item("pmid:123", "")], 0)]
        );
    }

    #[test]
    fn adjacent_groups_are_joined() {
        assert_eq!(split("a [@b] [@c]"), [Piece::Text("a"), Piece::Group(vec![item("b", ""), item("c", "")], 2)]);
    }

    #[test]
    fn what_is_no_citation_stays_text() {
        for text in ["[@]", "[@ key]", "[a@b.example]", "[@a", "[@a [b]", "[12]", "[?]"] {
            assert_eq!(strip(text), text, "{text}");
        }
    }

    fn mark(numbering: &mut Numbering, references: &[i64]) -> String {
        let found: Vec<(Option<i64>, &str)> = references.iter().map(|reference| (Some(*reference), "")).collect();
        let mut out = String::new();
        numbering.push_mark(&mut out, &found, MarkStyle::Raised);
        scraper::Html::parse_fragment(&out).root_element().text().collect()
    }

    #[test]
    fn marks_are_grouped_sorted_and_ranged() {
        let mut numbering = Numbering::default();
        assert_eq!(mark(&mut numbering, &[10]), "[1]");
        assert_eq!(mark(&mut numbering, &[30, 20]), "[2, 3]");
        assert_eq!(mark(&mut numbering, &[40, 50, 60, 70, 80]), "[4–8]");
        assert_eq!(mark(&mut numbering, &[20, 90, 91, 92]), "[3, 9–11]");
        assert_eq!(mark(&mut numbering, &[92, 30, 80, 40, 50, 60, 70, 30]), "[2, 4–8, 11]");
        let cited = numbering.into_cited();
        let marks = |number: usize| cited.get(number - 1).map(|cited| cited.marks.clone()).unwrap_or_default();
        assert_eq!(marks(1), ["c1-1"]);
        assert_eq!(marks(4), ["c4-1", "c4-2"]);
        assert_eq!(marks(8), ["c4-1", "c4-2"], "members of a run link back to the run");
        assert_eq!(marks(11), ["c9-1", "c11-2"]);
    }

    #[test]
    fn every_mark_has_an_id_of_its_own_and_every_back_link_a_target() {
        let mut numbering = Numbering::default();
        let mut out = String::new();
        for group in [vec![1, 2, 3], vec![2], vec![2, 3, 4], vec![1, 2, 3, 4], vec![4], vec![3, 4]] {
            let found: Vec<(Option<i64>, &str)> = group.iter().map(|reference| (Some(*reference), "")).collect();
            numbering.push_mark(&mut out, &found, MarkStyle::Raised);
        }
        let mut ids: Vec<&str> = out.split("id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let total = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), total);
        for cited in numbering.into_cited() {
            assert!(cited.marks.iter().all(|mark| ids.contains(&mark.as_str())));
        }
    }

    #[test]
    fn a_missing_record_is_a_question_mark_and_a_locator_stays_out_of_runs() {
        let mut numbering = Numbering::default();
        let mut out = String::new();
        numbering.push_mark(&mut out, &[(None, "")], MarkStyle::Raised);
        assert_eq!(out, r#"<span class="cite cite--missing">[?]</span>"#);
        out.clear();
        numbering.push_mark(
            &mut out,
            &[(Some(1), ""), (Some(2), "p. 4"), (Some(3), ""), (None, "")],
            MarkStyle::Raised,
        );
        let text: String = scraper::Html::parse_fragment(&out).root_element().text().collect();
        assert_eq!(text, "[1, 2 (p. 4), 3, ?]");
        out.clear();
        numbering.push_mark(&mut out, &[(Some(1), ""), (Some(2), ""), (Some(3), "")], MarkStyle::Plain);
        let text: String = scraper::Html::parse_fragment(&out).root_element().text().collect();
        assert_eq!(text, "1, 2, 3");
    }
}
