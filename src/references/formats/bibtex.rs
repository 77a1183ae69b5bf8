//! BibTeX and BibLaTeX. The `biblatex` crate reads an entry's syntax, LaTeX and names; finding the entries, `@string`
//! and `crossref` are ours: the crate refuses a whole file for one bad entry, and its own resolving of the two has no
//! end when they point at one another.

use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use biblatex::{
    Bibliography, Chunk, ChunksExt as _, ParseError, ParseErrorKind, Person, RawBibliography, RawChunk, Token,
};

use crate::core::limits::{
    REFERENCE_ENTRY_BYTES_MAX, REFERENCE_IMPORT_MAX, REFERENCE_NESTING_MAX, REFERENCE_STRING_BYTES_MAX,
    REFERENCE_STRINGS_MAX,
};
use crate::core::text;
use crate::references::csl::{Item, Name};
use crate::references::formats::latex;
use crate::references::formats::parts::{self, fill, fill_rest, push_rest, rest};
use crate::references::formats::read::{Entry, NO_TITLE, label};
use crate::references::identifiers;

/// Whether a line opens an entry: `@article{`, `@book (`.
pub(super) fn opens_entry(line: &str) -> bool {
    let Some(rest) = line.strip_prefix('@') else { return false };
    let after = rest.trim_start_matches(|char: char| char.is_ascii_alphabetic());
    after.len() < rest.len() && after.trim_start_matches([' ', '\t']).starts_with(['{', '('])
}

/// A stretch of the file from an `@` to its closing brace.
#[derive(Debug, Clone, Copy)]
struct Block<'t> {
    line: usize,
    kind: &'t str,
    text: &'t str,
    is_closed: bool,
    depth: usize,
}

/// Finds the blocks of a file. One that is not closed ends where the next one begins at the start of a line, so that
/// a lost brace costs one entry.
fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let (mut at, mut level, mut deepest, mut raw) = (0, 0_usize, 0_usize, 0_usize);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let indent = line.len() - line.trim_start().len();
        if opens_entry(line.trim_start()) && (open.is_none() || indent == 0) {
            if let Some((start, first)) = open.take() {
                blocks.extend(block(text.get(start..at).unwrap_or_default(), first, false, deepest));
            }
            open = Some((at + indent, number + 1));
            (level, deepest, raw) = (0, 0, 0);
        }
        let mut is_escaped = false;
        for (offset, byte) in line.bytes().enumerate() {
            // The crate's commands count every brace, escaped or not; its fields only the others.
            match byte {
                b'{' => raw += 1,
                b'}' => raw = raw.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(raw);
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'{' if open.is_some() => level += 1,
                b'}' if level > 0 => {
                    level -= 1;
                    if level == 0
                        && let Some((start, first)) = open.take()
                    {
                        let whole = text.get(start..=at + offset).unwrap_or_default();
                        blocks.extend(block(whole, first, true, deepest));
                    }
                }
                _ => {}
            }
        }
        at += line.len();
    }
    if let Some((start, first)) = open {
        blocks.extend(block(text.get(start..).unwrap_or_default(), first, false, deepest));
    }
    blocks
}

fn block(text: &str, line: usize, is_closed: bool, depth: usize) -> Option<Block<'_>> {
    let rest = text.strip_prefix('@')?;
    let end = rest.find(|char: char| !char.is_ascii_alphabetic())?;
    Some(Block { line, kind: rest.get(..end)?, text, is_closed, depth })
}

/// Fields of one entry, in lower case, as the crate decodes them.
type Fields = biblatex::Entry;

/// Reads every entry, in order; `@string`, `@preamble` and `@comment` are none.
pub(super) fn read(text: &str) -> Vec<Entry> {
    let blocks = blocks(text);
    let is_other = |block: &&Block<'_>| {
        !["string", "preamble", "comment"].iter().any(|kind| block.kind.eq_ignore_ascii_case(kind))
    };
    let strings = strings(&blocks);
    let parsed: Vec<(&Block<'_>, Result<Fields, String>)> = blocks
        .iter()
        .filter(is_other)
        .take(REFERENCE_IMPORT_MAX + 1)
        .map(|block| (block, parse(block, &strings)))
        .collect();
    let by_key: HashMap<String, &Fields> = parsed
        .iter()
        .filter_map(|(_, fields)| fields.as_ref().ok())
        .map(|fields| (fields.key.clone(), fields))
        .collect();
    let mut entries = Vec::with_capacity(parsed.len());
    for (block, fields) in &parsed {
        let number = entries.len() + 1;
        match fields {
            Ok(_) if block.kind.eq_ignore_ascii_case("xdata") => {} // only others take from it
            Ok(fields) => entries.push(entry(block, number, fields, &by_key)),
            Err(cause) => {
                entries.push(Entry::refused(block.line, name_of(block, number), cause.clone(), block.text));
            }
        }
    }
    entries
}

/// The key of a block nobody could read.
fn name_of(block: &Block<'_>, number: usize) -> String {
    let key = block.text.split_once('{').and_then(|(_, rest)| rest.split([',', '\n', '}']).next()).unwrap_or_default();
    let key: String = key.trim().chars().take(60).collect();
    if key.is_empty() || key.contains('=') { format!("number {number}") } else { key }
}

/// What `@string` names stand for, each made of what was defined before it.
fn strings(blocks: &[Block<'_>]) -> HashMap<String, String> {
    let mut known: HashMap<String, String> = HashMap::new();
    let defining = blocks.iter().filter(|block| block.kind.eq_ignore_ascii_case("string") && block.is_closed);
    for block in defining.take(REFERENCE_STRINGS_MAX) {
        if check(block).is_err() {
            continue;
        }
        let Ok(raw) = RawBibliography::parse(block.text) else { continue };
        for pair in &raw.abbreviations {
            let mut value = String::new();
            for part in &pair.value.v {
                match &part.v {
                    RawChunk::Normal(text) => value.push_str(text),
                    RawChunk::Abbreviation(name) => {
                        value.push_str(known.get(&name.to_lowercase()).map_or(*name, String::as_str));
                    }
                }
            }
            if value.len() <= REFERENCE_STRING_BYTES_MAX {
                known.insert(pair.key.v.to_lowercase(), value);
            }
        }
    }
    known
}

/// Whether a block may be given to the crate: its LaTeX is read by recursion.
fn check(block: &Block<'_>) -> Result<(), String> {
    if !block.is_closed {
        return Err("it is not closed: a “}” is missing before the next entry".to_owned());
    }
    if block.text.len() > REFERENCE_ENTRY_BYTES_MAX {
        return Err(format!(
            "it is larger than {} KB: shorten its abstract or notes",
            REFERENCE_ENTRY_BYTES_MAX / 1024
        ));
    }
    if block.depth > REFERENCE_NESTING_MAX {
        return Err(format!("it has more than {REFERENCE_NESTING_MAX} braces inside one another: remove some"));
    }
    Ok(())
}

fn parse(block: &Block<'_>, strings: &HashMap<String, String>) -> Result<Fields, String> {
    check(block)?;
    // The crate is well kept, but what it reads comes from anywhere: a fault in it costs one entry.
    let parsed = catch_unwind(AssertUnwindSafe(|| decode(block, strings)));
    parsed.unwrap_or_else(|_| Err("it can’t be read: remove unusual LaTeX from it".to_owned()))
}

fn decode(block: &Block<'_>, strings: &HashMap<String, String>) -> Result<Fields, String> {
    let explained = |error: ParseError| explain(&error, block);
    let mut raw = RawBibliography::parse(block.text).map_err(explained)?;
    for entry in &mut raw.entries {
        // These two make the crate look for other entries.
        entry.v.fields.retain(|pair| !pair.key.v.eq_ignore_ascii_case("ids"));
        for pair in &mut entry.v.fields {
            for part in &mut pair.value.v {
                if let RawChunk::Abbreviation(name) = part.v
                    && let Some(value) = strings.get(&name.to_lowercase())
                {
                    part.v = RawChunk::Normal(value);
                }
            }
        }
    }
    let links = ["crossref", "xdata"];
    let mut kept = Vec::new();
    for entry in &mut raw.entries {
        entry.v.fields.retain(|pair| {
            let name = links.iter().find(|name| pair.key.v.eq_ignore_ascii_case(name));
            if let (Some(name), Some(RawChunk::Normal(keys))) = (name, pair.value.v.first().map(|part| &part.v)) {
                kept.push(((*name).to_owned(), (*keys).to_owned()));
            }
            name.is_none()
        });
    }
    let read = Bibliography::from_raw(raw).map_err(explained)?;
    let mut fields = read.into_iter().next().ok_or_else(|| "it holds no fields".to_owned())?;
    for (name, keys) in kept {
        fields.set(&name, vec![biblatex::Spanned::detached(Chunk::Verbatim(keys))]);
    }
    Ok(fields)
}

/// The crate's error as a sentence that says what to do.
fn explain(error: &ParseError, block: &Block<'_>) -> String {
    let before = block.text.get(..error.span.start.min(block.text.len())).unwrap_or(block.text);
    let line = block.line + before.matches('\n').count();
    let what = match &error.kind {
        ParseErrorKind::UnexpectedEof => "a value is not closed: put it in braces { } or quotation marks".to_owned(),
        ParseErrorKind::Expected(Token::Comma) => "a comma is missing between two fields".to_owned(),
        ParseErrorKind::Expected(Token::Equals) => "a field has no “=” after its name".to_owned(),
        ParseErrorKind::Expected(Token::Identifier) => "a field has no name".to_owned(),
        ParseErrorKind::Unexpected(Token::ClosingBrace) => "there is a “}” too many".to_owned(),
        ParseErrorKind::UnknownAbbreviation(name) => {
            let name: String = name.chars().take(40).collect();
            format!("“{name}” is not defined by an @string: put it in braces if it is a value")
        }
        ParseErrorKind::MalformedCommand => "a LaTeX command is not complete".to_owned(),
        other => other.to_string(),
    };
    format!("line {line}: {what}")
}

/// BibTeX's kinds of works and CSL's, the one we write first.
const TYPES: &[(&str, &str)] = &[
    ("article", "article-journal"),
    ("suppperiodical", "article-journal"),
    ("review", "article-journal"),
    ("book", "book"),
    ("mvbook", "book"),
    ("collection", "book"),
    ("mvcollection", "book"),
    ("proceedings", "book"),
    ("mvproceedings", "book"),
    ("reference", "book"),
    ("mvreference", "book"),
    ("manual", "book"),
    ("booklet", "pamphlet"),
    ("incollection", "chapter"),
    ("inbook", "chapter"),
    ("bookinbook", "chapter"),
    ("suppbook", "chapter"),
    ("suppcollection", "chapter"),
    ("inproceedings", "paper-conference"),
    ("conference", "paper-conference"),
    ("inreference", "entry-encyclopedia"),
    ("techreport", "report"),
    ("report", "report"),
    ("phdthesis", "thesis"),
    ("mastersthesis", "thesis"),
    ("thesis", "thesis"),
    ("online", "webpage"),
    ("electronic", "webpage"),
    ("www", "webpage"),
    ("webpage", "webpage"),
    ("unpublished", "manuscript"),
    ("dataset", "dataset"),
    ("software", "software"),
    ("patent", "patent"),
    ("periodical", "periodical"),
    ("legislation", "legislation"),
    ("jurisdiction", "legal_case"),
    ("video", "motion_picture"),
    ("misc", "document"),
];

/// Fields of a parent that its children must not take over.
const OWN: &[&str] =
    &["title", "subtitle", "crossref", "xdata", "author", "doi", "url", "pages", "abstract", "note", "keywords"];

fn entry(block: &Block<'_>, number: usize, fields: &Fields, by_key: &HashMap<String, &Fields>) -> Entry {
    let mut fields = fields.clone();
    inherit(&mut fields, by_key);
    let kind = block.kind.to_ascii_lowercase();
    let item = item(&kind, &fields);
    if item.title.is_empty() {
        return Entry::refused(block.line, label(&item, number), format!("{NO_TITLE} as “title = {{…}}”"), block.text);
    }
    Entry::good(block.line, label(&item, number), item)
}

/// Takes what an entry lacks from the entries it names with `crossref` and `xdata`: one step, so that a circle ends.
fn inherit(fields: &mut Fields, by_key: &HashMap<String, &Fields>) {
    for link in ["xdata", "crossref"] {
        let named = value(fields, link);
        for parent in named.split(',').filter_map(|key| by_key.get(key.trim())).take(10) {
            for (name, chunks) in &parent.fields {
                let name = match name.as_str() {
                    "title" if link == "crossref" => "booktitle",
                    "subtitle" if link == "crossref" => "booksubtitle",
                    own if link == "crossref" && OWN.contains(&own) => continue,
                    other => other,
                };
                if fields.get(name).is_none() {
                    fields.set(name, chunks.clone());
                }
            }
        }
    }
}

/// A field as plain text; empty when there is none.
fn value(fields: &Fields, name: &str) -> String {
    let Some(chunks) = fields.get(name) else { return String::new() };
    let text: String = chunks
        .iter()
        .map(|chunk| match &chunk.v {
            Chunk::Normal(text) => text.replace('~', "\u{a0}"),
            Chunk::Verbatim(text) => text.clone(),
            Chunk::Math(text) => latex::formula(text),
        })
        .collect();
    text::tidy_line(&text)
}

/// The first of some fields that is there.
fn first_of(fields: &Fields, names: &[&str]) -> String {
    names.iter().map(|name| value(fields, name)).find(|text| !text.is_empty()).unwrap_or_default()
}

fn with_subtitle(fields: &Fields, title: &str, subtitle: &str) -> String {
    let (title, subtitle) = (value(fields, title), value(fields, subtitle));
    match (title.is_empty(), subtitle.is_empty()) {
        (false, false) if title.ends_with(['?', '!', ':']) => format!("{title} {subtitle}"),
        (false, false) => format!("{title}: {subtitle}"),
        (false, true) => title,
        (true, _) => subtitle,
    }
}

fn item(kind: &str, fields: &Fields) -> Item {
    let mut item = Item {
        id: fields.key.clone(),
        kind: TYPES.iter().find(|(bib, _)| *bib == kind).map_or("document", |(_, csl)| csl).to_owned(),
        title: with_subtitle(fields, "title", "subtitle"),
        author: people(fields, "author"),
        editor: people(fields, "editor"),
        container_title_short: value(fields, "shortjournal"),
        volume: value(fields, "volume"),
        page: parts::pages(&value(fields, "pages")),
        edition: value(fields, "edition"),
        publisher: first_of(fields, &["publisher", "institution", "school", "organization"]),
        publisher_place: first_of(fields, &["location", "address"]),
        status: value(fields, "pubstate"),
        pmid_given: value(fields, "pmid"),
        pmcid_given: first_of(fields, &["pmcid", "pmc"]),
        isbn_given: value(fields, "isbn"),
        url: value(fields, "url"),
        ..Item::default()
    };
    let journal = if fields.get("journaltitle").is_some() { "journaltitle" } else { "journal" };
    item.container_title = with_subtitle(fields, journal, "journalsubtitle");
    if item.container_title.is_empty() {
        item.container_title = with_subtitle(fields, "booktitle", "booksubtitle");
    }
    let doi = value(fields, "doi");
    item.doi_given = identifiers::doi(&doi).unwrap_or(doi);
    dates(&mut item, fields);
    numbers(&mut item, kind, fields);
    for (bib, csl) in [
        ("shorttitle", "title-short"),
        ("series", "collection-title"),
        ("abstract", "abstract"),
        ("issn", "ISSN"),
        ("language", "language"),
        ("langid", "language"),
        ("type", "genre"),
        ("volumes", "number-of-volumes"),
        ("pagetotal", "number-of-pages"),
        ("chapter", "chapter-number"),
        ("eventtitle", "event-title"),
        ("venue", "event-place"),
        ("origtitle", "original-title"),
    ] {
        fill_rest(&mut item, csl, &value(fields, bib));
    }
    for keyword in first_of(fields, &["keywords", "keyword"]).split([',', ';']) {
        push_rest(&mut item, "keyword", keyword);
    }
    push_rest(&mut item, "note", &value(fields, "note"));
    for name in people(fields, "translator") {
        parts::push_name(&mut item, "translator", name);
    }
    elsewhere(&mut item, fields);
    item
}

fn dates(item: &mut Item, fields: &Fields) {
    let date = value(fields, "date");
    item.issued = if date.is_empty() {
        let (year, month, day) = (value(fields, "year"), value(fields, "month"), value(fields, "day"));
        // "5" alone is a month only behind its year, and words such as "forthcoming" stand in "year".
        parts::date(&format!("{year} {month} {day}"))
    } else {
        parts::date(&date)
    };
    item.accessed = parts::date(&value(fields, "urldate"));
}

/// `number` is the issue of an article and the number of everything else; `eid` stands where there are no pages.
fn numbers(item: &mut Item, kind: &str, fields: &Fields) {
    let (number, issue) = (value(fields, "number"), value(fields, "issue"));
    if item.kind.starts_with("article") || kind == "periodical" {
        item.issue = if number.is_empty() { issue } else { number };
        item.number = first_of(fields, &["eid", "articleno"]);
    } else if matches!(item.kind.as_str(), "book" | "chapter") {
        fill_rest(item, "collection-number", &number);
    } else {
        fill(&mut item.number, &number);
    }
}

/// Where a work is kept besides: PubMed, arXiv, an address in `howpublished`.
fn elsewhere(item: &mut Item, fields: &Fields) {
    let (archive, number) =
        (first_of(fields, &["eprinttype", "archiveprefix"]).to_lowercase(), value(fields, "eprint"));
    match archive.as_str() {
        "pubmed" => fill(&mut item.pmid_given, &number),
        "pmc" | "pmcid" => fill(&mut item.pmcid_given, &number),
        "arxiv" if !number.is_empty() => fill(&mut item.url, &format!("https://arxiv.org/abs/{number}")),
        _ => {}
    }
    let how = first_of(fields, &["howpublished"]);
    if how.starts_with("https://") || how.starts_with("http://") {
        fill(&mut item.url, &how);
    }
}

fn people(fields: &Fields, role: &str) -> Vec<Name> {
    let Some(chunks) = fields.get(role) else { return Vec::new() };
    let people: Vec<Person> = chunks.parse().unwrap_or_default();
    people.iter().filter_map(person).collect()
}

/// A name without given names is an institution (`{World Health Organization}`); "others" is nobody.
fn person(person: &Person) -> Option<Name> {
    let [family, given, prefix, suffix] = [&person.name, &person.given_name, &person.prefix, &person.suffix]
        .map(|part| text::tidy_line(&part.replace('~', " ")));
    if family.is_empty() && given.is_empty() {
        return None;
    }
    if given.is_empty() {
        let whole = if prefix.is_empty() { family } else { format!("{prefix} {family}") };
        return (whole != "others").then(|| Name { literal: whole, ..Name::default() });
    }
    Some(Name { family, given, non_dropping_particle: prefix, suffix, ..Name::default() })
}

/// Items as a file, in BibTeX that BibLaTeX reads too.
#[must_use]
pub fn write(items: &[Item]) -> String {
    let mut out = String::new();
    let mut used = HashSet::new();
    for (at, item) in items.iter().enumerate() {
        let key = if item.id.is_empty() || !used.insert(item.id.as_str()) {
            format!("source{}", at + 1)
        } else {
            item.id.clone()
        };
        let kind = TYPES.iter().find(|(_, csl)| *csl == item.kind).map_or("misc", |(bib, _)| bib);
        out.push('@');
        out.push_str(kind);
        out.push('{');
        out.push_str(&key);
        for (name, text) in written_fields(item, kind) {
            let text = text::tidy_line(&text);
            if !text.is_empty() {
                out.push_str(",\n  ");
                out.push_str(name);
                out.push_str(" = {");
                out.push_str(&text);
                out.push('}');
            }
        }
        out.push_str("\n}\n\n");
    }
    out
}

fn written_fields(item: &Item, kind: &str) -> Vec<(&'static str, String)> {
    let people = |names: &[Name]| names.iter().map(written_name).collect::<Vec<_>>().join(" and ");
    let text = |text: &str| latex::escaped(text);
    let is_article = item.kind.starts_with("article");
    let container = if is_article { "journal" } else { "booktitle" };
    let publisher = match kind {
        "techreport" => "institution",
        "phdthesis" => "school",
        _ => "publisher",
    };
    let date = item.issued.as_ref();
    let month = date.and_then(|date| date.parts().1).map(|month| month.to_string()).unwrap_or_default();
    let day = date.and_then(|date| date.parts().2).map(|day| day.to_string()).unwrap_or_default();
    let year = date.map(|date| date.year().map_or_else(|| text(&date.literal), |year| year.to_string()));
    let number = if is_article { &item.issue } else { &item.number };
    vec![
        ("author", people(&item.author)),
        ("editor", people(&item.editor)),
        ("translator", people(&parts::rest_names(item, "translator"))),
        ("title", if item.title.is_empty() { String::new() } else { format!("{{{}}}", text(&item.title)) }),
        (container, text(&item.container_title)),
        ("shortjournal", text(&item.container_title_short)),
        ("year", year.unwrap_or_default()),
        ("month", month),
        ("day", day),
        ("volume", text(&item.volume)),
        ("number", text(if number.is_empty() { rest(item, "collection-number") } else { number })),
        ("eid", if is_article { text(&item.number) } else { String::new() }),
        ("pages", item.page.replace('-', "--")),
        ("edition", text(&item.edition)),
        ("series", text(rest(item, "collection-title"))),
        (publisher, text(&item.publisher)),
        ("address", text(&item.publisher_place)),
        ("doi", item.doi_given.clone()),
        ("pmid", item.pmid_given.clone()),
        ("pmcid", item.pmcid_given.clone()),
        ("isbn", text(&item.isbn_given)),
        ("issn", text(rest(item, "ISSN"))),
        ("url", item.url.clone()),
        ("urldate", item.accessed.as_ref().map(parts::iso).unwrap_or_default()),
        ("pubstate", text(&item.status)),
        ("type", text(rest(item, "genre"))),
        ("language", text(rest(item, "language"))),
        ("abstract", text(rest(item, "abstract"))),
        ("keywords", text(&rest(item, "keyword").replace("; ", ", "))),
        ("note", text(rest(item, "note"))),
    ]
}

fn written_name(name: &Name) -> String {
    if name.family.is_empty() {
        return format!("{{{}}}", latex::escaped(if name.literal.is_empty() { &name.given } else { &name.literal }));
    }
    let particle =
        if name.non_dropping_particle.is_empty() { &name.dropping_particle } else { &name.non_dropping_particle };
    let family = if particle.is_empty() { name.family.clone() } else { format!("{particle} {}", name.family) };
    let parts = [family, name.suffix.clone(), name.given.clone()];
    parts.iter().filter(|part| !part.is_empty()).map(|part| latex::escaped(part)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn items(text: &str) -> Vec<Value> {
        read(text).into_iter().map(|entry| serde_json::to_value(entry.item.unwrap()).unwrap()).collect()
    }

    fn faults(text: &str) -> Vec<(usize, String, String)> {
        let refused = |entry: Entry| entry.item.err().map(|cause| (entry.line, entry.label, cause));
        read(text).into_iter().filter_map(refused).collect()
    }

    #[test]
    fn an_article_with_latex_strings_months_and_particles_is_read() {
        let text = r#"
@string{jssm = "Journal of {Sample} Sleep " # {Medicine}}
@comment{ @article{no, title = {Not an entry}} }
% a remark
@Article{okafor2021,
  author = {Okaf{\'o}r, Rose M. and van den Berg, Jean-Luc and {Sample Night Group} and M{\"u}ller, Jr, Karl and others},
  title = {Phase shifting in {NREM}: {\ss}, \o, $\beta_2$ \& 5\% of 10--12~h},
  journal = jssm,
  year = 2021, month = may, day = 3,
  volume = 14, number = {2}, pages = {101--12},
  doi = {https://doi.org/10.0000/SAMPLE_4}, pmid = {99000101}, pmc = {PMC9900001},
  keywords = {sleep, work}, url = {https://a.example/x_y%20z}, urldate = {2022-05-04},
}"#;
        assert_eq!(
            items(text),
            [json!({
                "id": "okafor2021", "type": "article-journal",
                "title": "Phase shifting in NREM: ß, ø, β2 & 5% of 10–12 h",
                "author": [{"family": "Okafór", "given": "Rose M."},
                           {"family": "Berg", "given": "Jean-Luc", "non-dropping-particle": "van den"},
                           {"literal": "Sample Night Group"},
                           {"family": "Müller", "given": "Karl", "suffix": "Jr"}],
                "container-title": "Journal of Sample Sleep Medicine", "issued": {"date-parts": [[2021, 5, 3]]},
                "accessed": {"date-parts": [[2022, 5, 4]]}, "volume": "14", "issue": "2", "page": "101-112",
                "DOI": "10.0000/sample_4", "PMID": "99000101", "PMCID": "PMC9900001", "keyword": "sleep; work",
                "URL": "https://a.example/x_y%20z"
            })]
        );
    }

    #[test]
    fn chapters_take_over_from_the_book_they_name_and_circles_end() {
        let text = "@incollection{c, crossref = {b}, title = {Light}, author = {A B}}\n@book{b, title = {The Book}, editor = {Cho, Hana}, publisher = {P}, year = {2001}, crossref = {c}}\n@xdata{x, publisher = {Q}}\n@book{d, title = {D}, xdata = {x, d}}";
        let found = items(text);
        assert_eq!(found.len(), 3, "@xdata is no entry");
        assert_eq!(
            (found[0]["title"].as_str(), found[0]["container-title"].as_str()),
            (Some("Light"), Some("The Book"))
        );
        assert_eq!(
            (found[0]["publisher"].as_str(), found[0]["editor"][0]["family"].as_str()),
            (Some("P"), Some("Cho"))
        );
        assert_eq!(found[2]["publisher"], "Q");
    }

    #[test]
    fn bad_entries_are_named_with_line_and_remedy_and_good_ones_are_read() {
        let text = "@article{a, title = {A}}\n\n@article{b,\n  title = {B}\n  year = 2020\n}\n@article{c, title = {C},\n  journal = jx}\n@book{d, title = {D\n@book{e, title = {E}}\n@misc{f, note = {n}}\n@book{g, title = {G}}";
        assert_eq!(
            faults(text),
            [
                (3, "b", "line 5: a comma is missing between two fields"),
                (7, "c", "line 8: “jx” is not defined by an @string: put it in braces if it is a value"),
                (9, "d", "it is not closed: a “}” is missing before the next entry"),
                (11, "f", "it has no title: add one as “title = {…}”"),
            ]
            .map(|(line, key, cause)| (line, key.to_owned(), cause.to_owned()))
        );
        let good: Vec<String> =
            read(text).into_iter().filter_map(|entry| entry.item.ok()).map(|item| item.id).collect();
        assert_eq!(good, ["a", "e", "g"]);
    }

    #[test]
    fn hostile_files_end_quickly_and_without_a_crash() {
        let started = std::time::Instant::now();
        let circle = "@string{a = b # b}@string{b = a # a}\n@string{a = b # b}\n@misc{x, title = a}";
        assert_eq!(read(circle).len(), 1);
        let bomb: String = std::iter::once("@string{a0 = {xxxxxxxxxx}}\n".to_owned())
            .chain((1..200).map(|n| format!("@string{{a{n} = a{} # a{}}}\n", n - 1, n - 1)))
            .collect();
        assert!(read(&format!("{bomb}@misc{{x, title = a199}}")).len() == 1);
        for text in [
            format!("@misc{{x, title = {{{}}}}}", "\\a{".repeat(20_000) + &"}".repeat(20_000)),
            format!("@misc{{x, title = {{{}}}}}", "\\}".repeat(500) + &"\\a{".repeat(5_000) + &"}".repeat(5_000)),
            format!("@misc{{x, title = {}", "{".repeat(500_000)),
            "@misc{x, title = {".repeat(50_000),
            "@misc{x, title = {\n".repeat(50_000),
            format!("@misc{{x, author = {{{}}}}}", "A and ".repeat(20_000)),
            format!("@misc{{x, title = \"{}", "\\".repeat(100_000)),
            "@".repeat(1_000_000),
            format!("@misc{{x, {}}}", "a = b # ".repeat(20_000)),
            "@misc{x, title = {$".to_owned() + "}}",
            "@misc{x, date = {99999999999}, year = {}, month = {--}, title = {A}, pages = {-–-}}".to_owned(),
        ] {
            let _ = read(&text);
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn what_is_written_is_read_back_the_same() {
        let source = json!([
            {"id": "k1", "type": "article-journal", "title": "R&D at 5% {x}_a ~ $3 – é", "author":
                [{"family": "Berg", "given": "J.", "non-dropping-particle": "van den", "suffix": "Jr"}, {"literal": "A and B Society"}],
             "container-title": "J & K", "container-title-short": "J K", "issued": {"date-parts": [[2021, 5, 3]]},
             "volume": "14", "issue": "2", "page": "101-112", "number": "e7", "DOI": "10.1000/x_y", "PMID": "12", "PMCID": "PMC3",
             "URL": "https://a.example/%20_#x", "accessed": {"date-parts": [[2022, 5, 4]]}, "keyword": "a; b", "abstract": "One."},
            {"id": "k2", "type": "report", "title": "Hours", "publisher": "Sample Institute", "number": "7", "issued": {"date-parts": [[2020]]}},
            {"id": "k3", "type": "chapter", "title": "Light", "container-title": "The Book", "editor": [{"family": "Cho", "given": "Hana"}],
             "publisher": "P", "publisher-place": "Leeds", "edition": "2", "ISBN": "9780306406157", "page": "4-8"}
        ]);
        let list: Vec<Item> = serde_json::from_value(source.clone()).unwrap();
        assert_eq!(Value::from(items(&write(&list))), source);
    }
}
