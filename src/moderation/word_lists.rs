//! Word lists: every list of the site in one automaton, so that a comment is looked through once however many
//! words there are (goal sheet M08).
//!
//! A line of a list is a word, a phrase, or either with `*` for any letters. Text and words are folded
//! ([`Folded`]), and only whole words match, so that Scunthorpe stays a town.

use std::sync::Arc;

use aho_corasick::AhoCorasick;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Entry};
use crate::core::fold::Folded;
use crate::core::kept::Kept;
use crate::core::limits;
use crate::core::page_store::{PageStore, Tag};
use crate::core::status::WordListOutcome;
use crate::db::schema::word_lists;
use crate::db::{DbError, Tx};
use crate::staff::authority::MayRule;

/// How far a `*` reaches, bytes of folded text.
const WILDCARD_BYTES_MAX: usize = 64;

/// A word that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The text as the comment has it.
    pub text: String,
    /// The line of the list.
    pub word: String,
    /// The list's name.
    pub list: String,
    /// The list's version.
    pub version: i32,
    /// What the list does.
    pub outcome: WordListOutcome,
}

/// One list, as it is stored.
#[derive(Debug, Clone)]
pub struct WordList {
    /// Name, as staff gave it.
    pub name: String,
    /// What it does.
    pub outcome: WordListOutcome,
    /// Raised by every change.
    pub version: i32,
    /// A word, phrase or pattern each.
    pub words: Vec<String>,
}

#[derive(Debug)]
struct Pattern {
    list: usize,
    word: String,
    /// What must follow the first piece, with `*` between.
    rest: Vec<String>,
    /// Whether it ends with `*`.
    is_open: bool,
}

/// All lists, compiled.
#[derive(Debug, Default)]
pub struct Lists {
    all: Vec<WordList>,
    patterns: Vec<Pattern>,
    automaton: Option<AhoCorasick>,
}

impl Lists {
    /// Compiles lists. Lines that fold to nothing are left out.
    #[must_use]
    pub fn compile(lists: Vec<WordList>) -> Self {
        let mut patterns = Vec::new();
        let mut needles = Vec::new();
        for (index, list) in lists.iter().enumerate() {
            for word in &list.words {
                if let Some((needle, rest, is_open)) = pieces(word) {
                    needles.push(needle);
                    patterns.push(Pattern { list: index, word: word.trim().to_owned(), rest, is_open });
                }
            }
        }
        let automaton = (!needles.is_empty()).then(|| AhoCorasick::new(&needles)).and_then(|built| {
            built.inspect_err(|_| tracing::error!("the word lists are too large to compile; none is in use")).ok()
        });
        Self { all: lists, patterns, automaton }
    }

    /// The words of all lists in a text, each line once, at most [`limits::WORD_MATCHES_MAX`].
    #[must_use]
    pub fn find(&self, original: &str, folded: &Folded) -> Vec<Found> {
        let Some(automaton) = &self.automaton else { return Vec::new() };
        let mut seen: Vec<usize> = Vec::new();
        let mut found = Vec::new();
        for hit in automaton.find_overlapping_iter(folded.as_str()) {
            let index = hit.pattern().as_usize();
            if found.len() >= limits::WORD_MATCHES_MAX {
                break;
            }
            let Some(pattern) = self.patterns.get(index) else { continue };
            if seen.contains(&index) {
                continue;
            }
            let Some(end) = pattern.end(folded.as_str(), hit.end()) else { continue };
            seen.push(index);
            found.extend(self.all.get(pattern.list).map(|list| Found {
                text: matched(original, folded, hit.start(), end),
                word: pattern.word.clone(),
                list: list.name.clone(),
                version: list.version,
                outcome: list.outcome,
            }));
        }
        found
    }
}

impl Pattern {
    /// Where the whole pattern ends, if the pieces after the first one follow.
    fn end(&self, text: &str, from: usize) -> Option<usize> {
        let mut at = from;
        let spans_words = self.rest.iter().any(|piece| piece.trim_end().contains(' '));
        for (index, piece) in self.rest.iter().enumerate() {
            let window = window(text, at, spans_words);
            let is_last = index + 1 == self.rest.len();
            let needle = if is_last && !self.is_open { format!("{piece} ") } else { piece.clone() };
            at += window.find(&needle)? + needle.len();
        }
        Some(at)
    }
}

/// What a `*` may reach: the rest of the word with the space after it, or a stretch of words.
fn window(text: &str, from: usize, spans_words: bool) -> &str {
    let mut end = text.len().min(from + WILDCARD_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let stretch = text.get(from..end).unwrap_or("");
    if spans_words {
        return stretch;
    }
    stretch.find(' ').and_then(|space| stretch.get(..=space)).unwrap_or(stretch)
}

/// The needle for the automaton, the pieces after it, and whether the end is open. A space in the needle stands
/// for the edge of a word.
fn pieces(word: &str) -> Option<(String, Vec<String>, bool)> {
    let word = word.trim();
    let starts_open = word.starts_with('*');
    let ends_open = word.ends_with('*');
    let mut pieces =
        word.split('*').map(|piece| Folded::of(piece).as_str().trim().to_owned()).filter(|piece| !piece.is_empty());
    let first = pieces.next()?;
    let rest: Vec<String> = pieces.collect();
    let start = if starts_open { "" } else { " " };
    let end = if ends_open || !rest.is_empty() { "" } else { " " };
    Some((format!("{start}{first}{end}"), rest, ends_open))
}

/// The words of the original that a match touches.
fn matched(original: &str, folded: &Folded, start: usize, end: usize) -> String {
    let text = folded.as_str();
    let begins = text.get(start..).is_some_and(|rest| rest.starts_with(' '));
    let start = if begins {
        start + 1
    } else {
        text.get(..start).and_then(|before| before.rfind(' ')).map_or(start, |space| space + 1)
    };
    let ends = text.get(..end).is_some_and(|before| before.ends_with(' '));
    let end =
        if ends { end - 1 } else { text.get(end..).and_then(|after| after.find(' ')).map_or(end, |space| end + space) };
    let (from, to) = (folded.origin(start), folded.origin(end));
    original.get(from..to.max(from)).unwrap_or("").trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
}

/// The compiled lists of a node, compiled again after the tag `words` was purged.
#[derive(Debug)]
pub struct Cached(Kept<Lists>);

impl Cached {
    /// Nothing read yet.
    #[must_use]
    pub fn new(pages: Arc<PageStore>) -> Self {
        Self(Kept::new(pages, Tag::Words))
    }

    /// The lists as they are now; from memory while nothing has changed them.
    pub async fn lists(&self, conn: &mut AsyncPgConnection) -> Result<Arc<Lists>, DbError> {
        self.0.get(async || load(conn).await).await
    }
}

async fn load(conn: &mut AsyncPgConnection) -> Result<Lists, DbError> {
    let rows: Vec<(String, WordListOutcome, i32, Vec<Option<String>>)> = word_lists::table
        .select((word_lists::name, word_lists::outcome, word_lists::version, word_lists::words))
        .order(word_lists::id)
        .load(conn)
        .await?;
    let lists = rows
        .into_iter()
        .map(|(name, outcome, version, words)| WordList {
            name,
            outcome,
            version,
            words: words.into_iter().flatten().collect(),
        })
        .collect();
    Ok(Lists::compile(lists))
}

/// Saves a list under its name, new or in place of the one that has it.
///
/// **Errors** the database's, also for a name of none or over 60 characters and for more than 20,000 words.
pub async fn save(
    tx: &mut Tx,
    who: &MayRule,
    name: &str,
    outcome: WordListOutcome,
    words: &[String],
) -> Result<(), DbError> {
    let values = (
        word_lists::outcome.eq(outcome),
        word_lists::words.eq(words),
        word_lists::updated_by.eq(who.staff_id()),
        word_lists::updated_at.eq(tx.now),
    );
    let (id, version): (i64, i32) = diesel::insert_into(word_lists::table)
        .values((word_lists::name.eq(name), values))
        .on_conflict(word_lists::name)
        .do_update()
        .set((values, word_lists::version.eq(word_lists::version + 1)))
        .returning((word_lists::id, word_lists::version))
        .get_result(tx.conn())
        .await?;
    tx.touch(Tag::Words);
    let detail = json!({ "version": version, "words": words.len(), "outcome": outcome });
    audit::append(
        tx,
        Entry {
            actor: who.actor(),
            action: "word_list.save",
            subject: "word_list",
            subject_id: Some(id),
            detail,
            evidence: None,
        },
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(words: &[&str]) -> Lists {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Lists::compile(vec![WordList { name: "Selling".into(), outcome: WordListOutcome::Hold, version: 3, words }])
    }

    fn texts(lists: &Lists, text: &str) -> Vec<String> {
        lists.find(text, &Folded::of(text)).into_iter().map(|found| found.text).collect()
    }

    #[test]
    fn whole_words_match_and_towns_are_unharmed() {
        let lists = lists(&["cunt", "supplement"]);
        assert_eq!(texts(&lists, "I come from Scunthorpe and take supplements."), Vec::<String>::new());
        assert_eq!(texts(&lists, "Which SUPPLEMENT, then?"), ["SUPPLEMENT"]);
        assert_eq!(texts(&lists, "supplement"), ["supplement"]);
    }

    #[test]
    fn dressed_words_match() {
        let lists = lists(&["viagra"]);
        for dressed in ["v\u{200b}iagra", "Ｖｉａｇｒａ", "vi\u{e1}gra", "viаgrа"] {
            assert_eq!(texts(&lists, &format!("buy {dressed} now")).len(), 1, "{dressed:?}");
        }
    }

    #[test]
    fn wildcards_stand_for_letters() {
        let lists = lists(&["supplement*", "*cillin", "col*r"]);
        assert_eq!(texts(&lists, "My supplements, penicillin and the colour"), ["supplements", "penicillin", "colour"]);
        assert_eq!(texts(&lists, "col or penicilline"), Vec::<String>::new());
    }

    #[test]
    fn phrases_match_over_any_gap() {
        let lists = lists(&["lose weight fast", "dm me"]);
        assert_eq!(texts(&lists, "Lose\nweight – fast! And DM me; dm me."), ["Lose\nweight – fast", "DM me"]);
        assert_eq!(texts(&lists, "lose weight faster"), Vec::<String>::new());
    }

    #[test]
    fn neighbours_that_share_a_space_are_both_found() {
        assert_eq!(texts(&lists(&["one", "two"]), "one two"), ["one", "two"]);
    }

    #[test]
    fn lines_of_nothing_match_nothing() {
        assert_eq!(texts(&lists(&["", "*", " ** ", "!!"]), "anything at all"), Vec::<String>::new());
    }

    #[test]
    fn a_long_list_over_a_long_text_gives_every_match_its_place() {
        let words: Vec<String> = (0..20_000).map(|n| format!("badword{n}x")).collect();
        let lists =
            Lists::compile(vec![WordList { name: "Long".into(), outcome: WordListOutcome::Spam, version: 1, words }]);
        let text = format!("{} badword19999x {}", "harmless ".repeat(600), "words ".repeat(600));
        let found = lists.find(&text, &Folded::of(&text));
        assert_eq!(found.len(), 1);
        assert_eq!(found.as_slice().first().map(|found| found.text.as_str()), Some("badword19999x"));
    }
}
