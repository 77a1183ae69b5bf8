//! What templates of several pages show of an article: stories, dates, people, sources, ready to print.

use std::fmt;

use askama::filters::HtmlSafe;
use askama::{FastWritable, Values};
use chrono::{DateTime, Utc};

use crate::articles::index::Story;
use crate::articles::layout::ShownPicture;
use crate::articles::page::ListedSource;
use crate::core::status::{CitationStyle, Retraction};
use crate::references::evidence;
use crate::references::model::{self, Source};
use crate::references::style::{self, Printed};
use crate::render::citations::Cited;
use crate::settings::Settings;
use crate::urls;
use crate::web::shell;

/// An instant for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct When {
    /// "14 November 2026".
    pub words: String,
    /// "2026-11-14T09:00:00Z".
    pub iso: String,
}

impl When {
    /// The day, in the site's zone.
    #[must_use]
    pub fn day(at: DateTime<Utc>, settings: &Settings) -> Self {
        Self { words: shell::date_in_words(at, settings), iso: shell::machine_time(at) }
    }

    /// Day and time, in the site's zone.
    #[must_use]
    pub fn minute(at: DateTime<Utc>, settings: &Settings) -> Self {
        Self { words: shell::date_and_time(at, settings), iso: shell::machine_time(at) }
    }
}

/// An article in a list.
#[derive(Debug, Clone)]
pub struct StoryView {
    /// Its page.
    pub href: String,
    /// "Part 2", in the list of its series.
    pub part: Option<String>,
    /// Title.
    pub title: String,
    /// Dek; may be empty.
    pub dek: String,
    /// Topic: name and page.
    pub topic: Option<(String, String)>,
    /// "Miriam Achebe and Jon Ferrer"; may be empty.
    pub authors: String,
    /// "Dr Tomas Hale"; may be empty.
    pub reviewers: String,
    /// Publication, or the last change.
    pub when: When,
    /// The day is that of a change.
    pub is_updated: bool,
    /// "7 minutes".
    pub minutes: String,
    /// "18 comments"; empty when there are none.
    pub comments: String,
    /// "14 sources"; empty when there are none.
    pub sources: String,
    /// Its picture and what it shows.
    pub picture: Option<(ShownPicture, String)>,
}

impl StoryView {
    /// For a list in the site's zone.
    #[must_use]
    pub fn of(story: &Story, settings: &Settings) -> Self {
        let is_updated =
            shell::date_short(story.updated_at, settings) != shell::date_short(story.first_published_at, settings);
        let at = if is_updated { story.updated_at } else { story.first_published_at };
        Self {
            href: urls::article(&story.slug),
            part: None,
            title: story.title.clone(),
            dek: story.dek.clone(),
            topic: story.topic.as_ref().map(|topic| (topic.name.clone(), urls::topic(&topic.slug))),
            authors: and(&story.authors),
            reviewers: and(&story.reviewers),
            when: When::day(at, settings),
            is_updated,
            minutes: count(i64::from(story.minutes), "minute", "minutes"),
            comments: if story.comment_count > 0 {
                count(i64::from(story.comment_count), "comment", "comments")
            } else {
                String::new()
            },
            sources: if story.source_count > 0 {
                count(story.source_count, "source", "sources")
            } else {
                String::new()
            },
            picture: story.picture.clone(),
        }
    }
}

/// "1 comment", "18 comments".
#[must_use]
pub fn count(number: i64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// "A", "A and B", "A and 2 others".
#[must_use]
pub fn and(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [one, rest @ ..] => format!("{one} and {} others", rest.len()),
    }
}

/// A line of the reference list.
#[derive(Debug, Clone)]
pub struct SourceView {
    /// Its number.
    pub number: i32,
    /// The printed reference.
    pub printed: Printed,
    /// Shows the badge.
    pub trusted: bool,
    /// "Retracted, 2024", or the like.
    pub warning: Option<String>,
    /// "Randomised trial", or the like.
    pub evidence: Option<&'static str>,
    /// Where the back links lead, with their letters: id, letter.
    pub back: Vec<(String, String)>,
}

impl SourceView {
    /// Of what is public.
    #[must_use]
    pub fn of(source: &ListedSource, style: CitationStyle) -> Self {
        let item = model::read(&source.csl);
        Self {
            number: source.number,
            printed: style::print(&item, style),
            trusted: source.trusted,
            warning: warning(source.retraction, source.retraction_year),
            evidence: evidence::label(source.evidence),
            back: back(source.marks()),
        }
    }

    /// Of a text that was laid out just now.
    #[must_use]
    pub fn preview(source: &Source, cited: &Cited, style: CitationStyle) -> Self {
        Self {
            number: i32::try_from(cited.number).unwrap_or(i32::MAX),
            printed: style::print(&source.item(), style),
            trusted: source.trusted,
            warning: warning(source.retraction, source.retraction_year),
            evidence: evidence::label(source.evidence),
            back: back(cited.marks.iter().map(String::as_str)),
        }
    }
}

/// "Retracted, 2024"
fn warning(retraction: Retraction, year: Option<i32>) -> Option<String> {
    let word = match retraction {
        Retraction::None => return None,
        Retraction::Retracted => "Retracted",
        Retraction::Concern => "Expression of concern",
        Retraction::Corrected => "Corrected",
    };
    Some(year.map_or_else(|| word.to_owned(), |year| format!("{word}, {year}")))
}

fn back<'a>(marks: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    marks.zip(letters()).map(|(mark, letter)| (mark.to_owned(), letter)).collect()
}

/// a, b, … z, aa, ab, … zz, aaa …
fn letters() -> impl Iterator<Item = String> {
    (0_usize..).map(|mut left| {
        let mut letters = String::new();
        loop {
            letters.insert(0, char::from(b'a' + u8::try_from(left % 26).unwrap_or(0)));
            match (left / 26).checked_sub(1) {
                Some(more) => left = more,
                None => return letters,
            }
        }
    })
}

/// JSON that stands in a page as data, for search engines. It is not run: scripts of the page come from files only.
#[derive(Debug, Clone, PartialEq, Eq)]
// Invariant: holds no `<`, `>` or `&`, so that it cannot end its element.
pub struct DataBlock(String);

impl DataBlock {
    /// Of a JSON value.
    #[must_use]
    pub fn of(value: &serde_json::Value) -> Self {
        Self(value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026"))
    }
}

impl fmt::Display for DataBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for DataBlock {}

impl FastWritable for DataBlock {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn Values) -> askama::Result<()> {
        Ok(dest.write_str(&self.0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_and_crowds_counted() {
        let names = |n: usize| (0..n).map(|n| format!("P{n}")).collect::<Vec<_>>();
        assert_eq!([0, 1, 2, 3].map(|n| and(&names(n))), ["", "P0", "P0 and P1", "P0 and 2 others"]);
    }

    #[test]
    fn letters_go_on_after_z() {
        let letters: Vec<String> = letters().take(5_000).collect();
        let at = [0, 25, 26, 27, 701, 702, 703, 4_999].map(|at| letters[at].as_str());
        assert_eq!(at, ["a", "z", "aa", "ab", "zz", "aaa", "aab", "gjh"]);
        let different: std::collections::BTreeSet<&String> = letters.iter().collect();
        assert_eq!(different.len(), letters.len());
    }

    #[test]
    fn data_cannot_end_its_element() {
        let block = DataBlock::of(&serde_json::json!({ "name": "</script><script>alert(1)</script>&" }));
        assert!(!block.to_string().contains(['<', '>', '&']));
        let back: serde_json::Value = serde_json::from_str(&block.to_string()).unwrap();
        assert_eq!(back["name"], "</script><script>alert(1)</script>&");
    }
}
