//! Headings: their ids, kept stable over edits, and the contents list (goal sheet R04).

use std::collections::{HashMap, HashSet};

use deunicode::deunicode;
use serde::{Deserialize, Serialize};

use crate::core::limits::{HEADING_PAIRS_MAX, SLUG_CHARS_MAX};

/// A heading of an article, in order of the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heading {
    /// 2, 3 or 4.
    pub level: u8,
    /// Its id on the page.
    pub id: String,
    /// Its text, without citations.
    pub text: String,
    /// Earlier ids under which it was linked; each is on the page too.
    pub aliases: Vec<String>,
}

/// A heading as it was stored with the last version.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeptHeading {
    /// Its text then.
    pub text: String,
    /// Its id then.
    pub id: String,
    /// Ids it had before.
    pub aliases: Vec<String>,
}

/// The headings of the last version in their order; empty for a new article.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HeadingIds(pub Vec<KeptHeading>);

impl From<&[Heading]> for HeadingIds {
    fn from(outline: &[Heading]) -> Self {
        let keep = |heading: &Heading| KeptHeading {
            text: heading.text.clone(),
            id: heading.id.clone(),
            aliases: heading.aliases.clone(),
        };
        Self(outline.iter().map(keep).collect())
    }
}

/// The id of the notes, where marks of citations stand too: no heading is above them.
pub const NOTES: &str = "notes";

/// Every mark of a citation in a rendered text with the id of the section it is in: that of the h2 above it, nothing
/// before the first one, [`NOTES`] in the notes. In order; linear in the length of the text.
pub fn marks_by_section(html: &str) -> Vec<(&str, &str)> {
    let mut section = "";
    let mut marks = Vec::new();
    for tag in html.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        let id = || tag.split_once(" id=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
        if tag.starts_with("h2 ") {
            section = id();
        } else if tag.starts_with("section ") && tag.contains("doc-endnotes") {
            section = NOTES;
        } else if tag.starts_with("a ") && tag.contains("doc-noteref") && tag.contains(" href=\"#r") {
            marks.push((section, id()));
        }
    }
    marks
}

/// Words a minute for reading times (reader.md 1).
const WORDS_A_MINUTE: u32 = 225;

/// Minutes to read so many words, rounded up, at least one.
pub fn reading_minutes(word_count: u32) -> u32 {
    word_count.div_ceil(WORDS_A_MINUTE).max(1)
}

/// Ids the page itself uses: a heading never gets one of them (decisions 22).
const RESERVED: &[&str] = &[
    "body",
    "comments",
    "contents",
    "corrections",
    "foot",
    "form",
    "head",
    "help",
    "help-h",
    "kt",
    "main",
    "masthead",
    "notes",
    "notice",
    "refs",
    "references-list",
    "rel-h",
    "related",
    "reply",
    "reply-h",
    "report-h",
    "search",
    "series-h",
    "shop",
    "shop-h",
    "takeaways",
    "talk",
    "talk-h",
    "toc",
    "toc-h",
    "top",
    "vote-no",
    "vote-yes",
];

/// [`RESERVED`], for the sanitiser's tests.
#[cfg(test)]
pub(super) const RESERVED_FOR_TESTS: &[&str] = RESERVED;

/// Starts of numbered or generated ids of the page: `r4`, `c4-1`, `t1`, `fig-1`, `comment-12`, `cm3h`, `f-body`.
const RESERVED_STARTS: &[&str] =
    &["r", "c", "t", "fn", "fnref", "fig", "cm", "comment", "thread", "f", "i", "pop", "user", "field", "error"];

/// Whether the page may use this id for something of its own.
pub fn is_reserved(id: &str) -> bool {
    if RESERVED.contains(&id) {
        return true;
    }
    RESERVED_STARTS.iter().any(|start| {
        id.strip_prefix(start).is_some_and(|rest| {
            let number = rest.strip_prefix('-').unwrap_or(rest);
            number.starts_with(|char: char| char.is_ascii_digit())
                || matches!((*start, rest.starts_with('-')), ("f" | "i" | "user" | "field" | "error", true))
        })
    })
}

/// An id made from text: lower-case ASCII words joined by hyphens, at most [`SLUG_CHARS_MAX`] long. May be empty.
pub fn slug(text: &str) -> String {
    let mut out = String::new();
    for char in deunicode(text).chars() {
        if char.is_ascii_alphanumeric() {
            out.push(char.to_ascii_lowercase());
        } else if char != '\'' && !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
        if out.len() >= SLUG_CHARS_MAX {
            break;
        }
    }
    out.truncate(out.trim_end_matches('-').len());
    out
}

/// Gives every heading its id. A heading whose text stood in the last version keeps that id wherever it moved. A
/// renamed one (most alike in words, or alone between two known neighbours) gets an id from its new text, and its
/// old ids become aliases. Ids and aliases are unique on the page.
pub fn assign(headings: &[(u8, String)], kept: &HeadingIds) -> Vec<Heading> {
    let pairs = pair(headings, kept);
    let mut taken: HashSet<String> = HashSet::new();
    let mut ids: Vec<Option<String>> = vec![None; headings.len()];
    // Unchanged headings first: nobody may take their id from them.
    for (slot, (heading, old)) in ids.iter_mut().zip(headings.iter().zip(&pairs)) {
        if let Some(old) = old.and_then(|old| kept.0.get(old))
            && old.text == heading.1
            && taken.insert(old.id.clone())
        {
            *slot = Some(old.id.clone());
        }
    }
    let mut next_suffix: HashMap<String, u32> = HashMap::new();
    for (slot, heading) in ids.iter_mut().zip(headings) {
        if slot.is_none() {
            *slot = Some(fresh(&heading.1, &mut taken, &mut next_suffix));
        }
    }
    let mut outline = Vec::with_capacity(headings.len());
    for ((id, (level, text)), old) in ids.into_iter().zip(headings).zip(&pairs) {
        let mut aliases = Vec::new();
        if let Some(old) = old.and_then(|old| kept.0.get(old)) {
            for alias in std::iter::once(&old.id).chain(&old.aliases) {
                if taken.insert(alias.clone()) {
                    aliases.push(alias.clone());
                }
            }
        }
        outline.push(Heading { level: *level, id: id.unwrap_or_default(), text: text.clone(), aliases });
    }
    outline
}

/// An id nobody has yet.
fn fresh(text: &str, taken: &mut HashSet<String>, next_suffix: &mut HashMap<String, u32>) -> String {
    let mut base = slug(text);
    if base.is_empty() {
        "section".clone_into(&mut base);
    }
    if is_reserved(&base) {
        base.insert_str(0, "section-");
    }
    if taken.insert(base.clone()) {
        return base;
    }
    let suffix = next_suffix.entry(base.clone()).or_insert(2);
    loop {
        let id = format!("{base}-{suffix}");
        *suffix += 1;
        if taken.insert(id.clone()) {
            return id;
        }
    }
}

/// For each heading the kept one it continues, if any.
fn pair(headings: &[(u8, String)], kept: &HeadingIds) -> Vec<Option<usize>> {
    let mut pairs: Vec<Option<usize>> = vec![None; headings.len()];
    let mut free: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, old) in kept.0.iter().enumerate().rev() {
        free.entry(old.text.as_str()).or_default().push(at);
    }
    let mut used: HashSet<usize> = HashSet::new();
    for (slot, (_, text)) in pairs.iter_mut().zip(headings) {
        if let Some(at) = free.get_mut(text.as_str()).and_then(Vec::pop) {
            used.insert(at);
            *slot = Some(at);
        }
    }
    pair_alike(headings, kept, &mut pairs, &mut used);
    pair_between(kept, &mut pairs, &mut used);
    pairs
}

/// Pairs what is left by likeness, most alike first.
fn pair_alike(headings: &[(u8, String)], kept: &HeadingIds, pairs: &mut [Option<usize>], used: &mut HashSet<usize>) {
    let new: Vec<(usize, HashSet<String>)> = headings
        .iter()
        .enumerate()
        .filter(|(at, _)| pairs.get(*at).is_some_and(Option::is_none))
        .map(|(at, (_, text))| (at, trigrams(text)))
        .collect();
    let old: Vec<(usize, HashSet<String>)> = kept
        .0
        .iter()
        .enumerate()
        .filter(|(at, _)| !used.contains(at))
        .map(|(at, old)| (at, trigrams(&old.text)))
        .collect();
    if new.len().saturating_mul(old.len()) > HEADING_PAIRS_MAX {
        return;
    }
    let mut likeness: Vec<(usize, usize, usize)> = Vec::new();
    for (new_at, new_set) in &new {
        for (old_at, old_set) in &old {
            let shared = new_set.intersection(old_set).count();
            let percent = shared * 200 / (new_set.len() + old_set.len()).max(1);
            if percent >= 50 {
                likeness.push((percent, *new_at, *old_at));
            }
        }
    }
    likeness.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    for (_, new_at, old_at) in likeness {
        if let Some(slot @ None) = pairs.get_mut(new_at)
            && used.insert(old_at)
        {
            *slot = Some(old_at);
        }
    }
}

fn trigrams(text: &str) -> HashSet<String> {
    let chars: Vec<char> = format!("  {} ", slug(text)).chars().collect();
    chars.windows(3).map(|window| window.iter().collect()).collect()
}

/// Pairs a heading that stands alone where exactly one old heading stood between the same neighbours.
fn pair_between(kept: &HeadingIds, pairs: &mut [Option<usize>], used: &mut HashSet<usize>) {
    for at in 0..pairs.len() {
        if pairs.get(at).is_some_and(Option::is_some) {
            continue;
        }
        let before = match at.checked_sub(1) {
            None => Some(0),
            Some(before) => pairs.get(before).copied().flatten().map(|old| old + 1),
        };
        let after = match pairs.get(at + 1) {
            None => Some(kept.0.len()),
            Some(old) => *old,
        };
        if let (Some(before), Some(after)) = (before, after)
            && before + 1 == after
            && used.insert(before)
            && let Some(slot) = pairs.get_mut(at)
        {
            *slot = Some(before);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing)]
    use super::*;

    fn headings(texts: &[&str]) -> Vec<(u8, String)> {
        texts.iter().map(|text| (2, (*text).to_owned())).collect()
    }

    fn ids(outline: &[Heading]) -> Vec<&str> {
        outline.iter().map(|heading| heading.id.as_str()).collect()
    }

    #[test]
    fn every_mark_is_in_the_section_whose_heading_is_above_it() {
        let html = "<p>A<span class=\"cite\">[<a id=\"c1-1\" href=\"#r1\" role=\"doc-noteref\">1</a>]</span> <a href=\"#light\">x</a></p>\
            <h2 id=\"light\">Light</h2><h3 id=\"lamps\">Lamps</h3><table><td><a id=\"c2-1\" href=\"#r2\" role=\"doc-noteref\">2</a></td></table>\
            <p><a id=\"fnref-1\" href=\"#fn-1\" role=\"doc-noteref\">1</a></p>\
            <section class=\"notes\" role=\"doc-endnotes\"><li><a id=\"c1-2\" href=\"#r1\" role=\"doc-noteref\">1</a></li></section>";
        assert_eq!(marks_by_section(html), [("", "c1-1"), ("light", "c2-1"), (NOTES, "c1-2")]);
        assert_eq!(marks_by_section("a < b"), []);
    }

    #[test]
    fn ids_come_from_the_text_in_any_script_and_are_unique() {
        let outline = assign(&headings(&["Übung & Ruhe", "Sömn", "睡眠", "???", "Sömn"]), &HeadingIds::default());
        assert_eq!(ids(&outline), ["ubung-ruhe", "somn", "shui-mian", "section", "somn-2"]);
    }

    #[test]
    fn ids_of_the_page_are_never_given_to_a_heading() {
        let texts = ["Comments", "Reply", "Refs", "Main", "Foot", "R2", "C4 1", "T1", "Fig 1", "Comment 12"];
        for heading in assign(&headings(&texts), &HeadingIds::default()) {
            assert!(heading.id.starts_with("section-"), "{}", heading.id);
        }
        let plain = ["Rest", "Caffeine", "Timing", "Figures of speech", "Commentary", "Users"];
        for heading in assign(&headings(&plain), &HeadingIds::default()) {
            assert!(!heading.id.starts_with("section-"), "{}", heading.id);
        }
    }

    #[test]
    fn ids_survive_a_move_and_a_slip_of_the_pen() {
        let first = assign(&headings(&["Why nights are hard", "Keep an anchr sleep", "Light"]), &HeadingIds::default());
        let kept = HeadingIds::from(first.as_slice());
        let second = assign(&headings(&["Light", "Keep an anchor sleep", "Why nights are hard"]), &kept);
        assert_eq!(ids(&second), ["light", "keep-an-anchor-sleep", "why-nights-are-hard"]);
        assert_eq!(second[1].aliases, ["keep-an-anchr-sleep"]);
        let third = assign(
            &headings(&["Light", "Anchor: keep it", "Why nights are hard"]),
            &HeadingIds::from(second.as_slice()),
        );
        assert_eq!(third[1].aliases, ["keep-an-anchor-sleep", "keep-an-anchr-sleep"], "both old ids go on working");
    }

    #[test]
    fn a_new_heading_with_an_old_name_takes_it_and_the_alias_yields() {
        let kept =
            HeadingIds(vec![KeptHeading { text: "Light on purpose".into(), id: "light".into(), aliases: vec![] }]);
        let outline = assign(&headings(&["Light", "Light on purpose"]), &kept);
        assert_eq!(ids(&outline), ["light-2", "light"], "the unchanged heading keeps its id");
        let outline = assign(&headings(&["Light", "Light used on purpose"]), &kept);
        assert_eq!(ids(&outline), ["light", "light-used-on-purpose"]);
        assert!(outline[1].aliases.is_empty(), "an id that is taken cannot be an alias too");
    }

    #[test]
    fn reading_time_rounds_up() {
        assert_eq!([0, 1, 225, 226, 2_400].map(reading_minutes), [1, 1, 1, 2, 11]);
    }
}
