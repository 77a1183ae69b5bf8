//! Reading a file or pasted text in whatever format it is. What is wrong with one entry is said of that entry; the
//! others go on.

use crate::core::limits::{REFERENCE_FILE_BYTES_MAX, REFERENCE_IMPORT_MAX};
use crate::core::status::{Evidence, Retraction};
use crate::references::csl::Item;
use crate::references::formats::{bibtex, csl_json, nbib, ris};

/// A format of reference files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// CSL-JSON: Zotero, citeproc, Crossref.
    CslJson,
    /// BibTeX and BibLaTeX.
    BibTex,
    /// RIS: EndNote, publishers.
    Ris,
    /// NBIB: PubMed's MEDLINE format.
    Nbib,
}

impl Format {
    /// Its name, as people know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CslJson => "CSL-JSON",
            Self::BibTex => "BibTeX",
            Self::Ris => "RIS",
            Self::Nbib => "NBIB",
        }
    }
}

/// What a file says of a work besides its bibliographic fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    /// What kind of study it is.
    pub evidence: Evidence,
    /// What happened after its publication.
    pub retraction: Retraction,
    /// Since when.
    pub retraction_year: Option<i32>,
}

impl Default for Hints {
    fn default() -> Self {
        Self { evidence: Evidence::None, retraction: Retraction::None, retraction_year: None }
    }
}

/// An entry of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The line it begins on, from 1; 0 when that is not known.
    pub line: usize,
    /// What it calls itself: key, title, or its number in the file.
    pub label: String,
    /// The work, or what is wrong and what to do about it.
    pub item: Result<Item, String>,
    /// What the file says besides.
    pub hints: Hints,
    /// The text of a refused entry, so that it can be mended; empty for a good one.
    pub source: String,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Its format.
    pub format: Format,
    /// Its entries in order.
    pub entries: Vec<Entry>,
}

/// Why nothing of a file can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Nothing in it.
    #[error("there is nothing in it: choose a file or paste references")]
    Empty,
    /// None of the formats.
    #[error(
        "this is none of the formats we read: CSL-JSON begins with [ or {{, BibTeX has entries such as @article{{…}}, RIS has lines such as “TY  - JOUR”, NBIB lines such as “PMID- 123”"
    )]
    Unknown,
    /// JSON with a mistake.
    #[error(
        "this JSON has a mistake in line {line}, column {column}: {cause}. Export the file again, or mend that line"
    )]
    NotJson {
        /// Where, from 1.
        line: usize,
        /// Where in the line.
        column: usize,
        /// What the parser says.
        cause: String,
    },
    /// A format, but no entry.
    #[error("this is {0}, but it holds no reference")]
    NoEntries(&'static str),
    /// Larger than is read at once.
    #[error("it is larger than {} MB: split it into several files", REFERENCE_FILE_BYTES_MAX / (1024 * 1024))]
    TooLarge,
    /// More entries than one import takes.
    #[error(
        "it holds {count} references, and at most {REFERENCE_IMPORT_MAX} are imported at once: split it into several files"
    )]
    TooMany {
        /// How many it holds.
        count: usize,
    },
}

/// Reads every entry of a text, in order. Time is linear in its length.
///
/// **Errors** when nothing of it can be read.
pub fn read(text: &str) -> Result<Reading, ReadError> {
    if text.len() > REFERENCE_FILE_BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Err(ReadError::Empty);
    }
    let format = tell(text).ok_or(ReadError::Unknown)?;
    let entries = match format {
        Format::CslJson => csl_json::read(text)?,
        Format::BibTex => bibtex::read(text),
        Format::Ris => ris::read(text),
        Format::Nbib => nbib::read(text),
    };
    match entries.len() {
        0 => Err(ReadError::NoEntries(format.name())),
        count if count > REFERENCE_IMPORT_MAX => Err(ReadError::TooMany { count }),
        _ => Ok(Reading { format, entries }),
    }
}

/// The format of a text, by the first line that only one of them has.
fn tell(text: &str) -> Option<Format> {
    if text.trim_start().starts_with(['[', '{']) {
        return Some(Format::CslJson);
    }
    text.lines().find_map(|line| {
        let line = line.trim_start();
        if ris::tag(line).is_some_and(|(tag, _)| tag == "TY") {
            Some(Format::Ris)
        } else if line.starts_with("PMID- ") {
            Some(Format::Nbib)
        } else {
            bibtex::opens_entry(line).then_some(Format::BibTex)
        }
    })
}

impl Entry {
    /// A good entry.
    pub(super) fn good(line: usize, label: String, item: Item) -> Self {
        Self { line, label, item: Ok(item), hints: Hints::default(), source: String::new() }
    }

    /// A refused one.
    pub(super) fn refused(line: usize, label: String, cause: impl Into<String>, source: &str) -> Self {
        Self { line, label, item: Err(cause.into()), hints: Hints::default(), source: source.trim().to_owned() }
    }
}

/// What an item is called in a report: its key, else the beginning of its title.
pub(super) fn label(item: &Item, number: usize) -> String {
    let words = if item.id.is_empty() { item.title.trim() } else { &item.id };
    if words.is_empty() { format!("number {number}") } else { words.chars().take(60).collect() }
}

/// Why a work that says too little is refused.
pub(super) const NO_TITLE: &str = "it has no title: add one";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_what_is_in_the_text() {
        for (text, format) in [
            ("\u{feff}  [{\"title\": \"A\"}]", Format::CslJson),
            ("{\"title\": \"A\"}", Format::CslJson),
            ("% exported\n\n  @Article {a, title = {A}}", Format::BibTex),
            ("Exported from somewhere\r\nTY  - JOUR\r\nTI  - A\r\nER  - \r\n", Format::Ris),
            ("\nPMID- 12345\nTI  - A\n", Format::Nbib),
        ] {
            assert_eq!(read(text).map(|reading| reading.format), Ok(format), "{text}");
        }
        for text in ["Okafor R. Phase shifting. 2021.", "a@b.example wrote", "TI  - A title alone", "@"] {
            assert_eq!(read(text), Err(ReadError::Unknown), "{text}");
        }
        assert_eq!(read(" \n"), Err(ReadError::Empty));
        assert_eq!(read("@comment{nothing}"), Err(ReadError::NoEntries("BibTeX")));
    }

    #[test]
    fn too_much_is_refused_as_a_whole() {
        let many = "TY  - JOUR\nER  - \n".repeat(REFERENCE_IMPORT_MAX + 1);
        assert_eq!(read(&many), Err(ReadError::TooMany { count: REFERENCE_IMPORT_MAX + 1 }));
        assert_eq!(read(&" ".repeat(REFERENCE_FILE_BYTES_MAX + 1)), Err(ReadError::TooLarge));
    }
}
