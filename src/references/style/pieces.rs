//! What the styles share: lines of spans, names, dates, pages.

use crate::references::csl::{Date, Item, Name};
use crate::references::style::Span;

/// Sentences being put together from spans.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) spans: Vec<Span>,
}

impl Line {
    pub(super) fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.spans.last_mut() {
            Some(last) if !last.italic && !last.title => last.text.push_str(text),
            _ => self.spans.push(Span { text: text.to_owned(), italic: false, title: false }),
        }
    }

    /// Text and, where it does not end in a mark of its own, a full stop and a space.
    pub(super) fn sentence(&mut self, text: &str) {
        self.push(text);
        if !text.is_empty() {
            self.sentence_break();
        }
    }

    pub(super) fn italic_sentence(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.spans.push(Span { text: text.to_owned(), italic: true, title: false });
        self.sentence_break();
    }

    pub(super) fn ends_in(&self, marks: &[char]) -> bool {
        self.spans.last().is_some_and(|span| span.text.trim_end().ends_with(marks))
    }

    pub(super) fn sentence_break(&mut self) {
        if self.spans.is_empty() || self.spans.last().is_some_and(|span| span.text.ends_with(' ')) {
            return;
        }
        self.push(if self.ends_in(&['.', '?', '!', '…']) { " " } else { ". " });
    }

    pub(super) fn append(&mut self, other: Self) {
        for span in other.spans {
            if span.italic || span.title { self.spans.push(span) } else { self.push(&span.text) }
        }
        self.trim();
    }

    /// Takes an open sentence break back.
    pub(super) fn trim(&mut self) {
        if let Some(last) = self.spans.last_mut() {
            let kept = last.text.trim_end().len();
            last.text.truncate(kept);
            if last.text.ends_with('.') && !last.italic {
                last.text.pop();
            }
            if last.text.is_empty() {
                self.spans.pop();
            }
        }
    }

    /// Ends the last sentence.
    pub(super) fn close(&mut self) {
        self.sentence_break();
        if let Some(last) = self.spans.last_mut() {
            let kept = last.text.trim_end().len();
            last.text.truncate(kept);
        }
    }

    /// The title of the work as it is.
    pub(super) fn title(&mut self, text: &str, italic: bool) {
        self.spans.push(Span { text: text.to_owned(), italic, title: true });
    }

    /// Text in italics as it is.
    pub(super) fn italic(&mut self, text: &str) {
        if !text.is_empty() {
            self.spans.push(Span { text: text.to_owned(), italic: true, title: false });
        }
    }
}

/// A title in one line without its last full stop, and without the tags some sources write into it.
pub(super) fn sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = if line.contains('<') { without_tags(&line) } else { line };
    line.strip_suffix('.').filter(|rest| !rest.ends_with('.')).unwrap_or(&line).to_owned()
}

/// CSL-JSON allows a few tags in titles; as text they would only disturb.
fn without_tags(line: &str) -> String {
    const TAGS: [&str; 12] =
        ["<i>", "</i>", "<b>", "</b>", "<sub>", "</sub>", "<sup>", "</sup>", "<em>", "</em>", "<sc>", "</sc>"];
    TAGS.iter().fold(line.to_owned(), |line, tag| line.replace(tag, ""))
}

/// Kinds of works that are printed alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Part of a journal, magazine or newspaper.
    Article,
    /// Part of a book or of proceedings.
    Chapter,
    /// A page of a site.
    Page,
    /// A report.
    Report,
    /// A thesis.
    Thesis,
    /// A book, and everything else that stands alone.
    Book,
}

pub(super) fn shape(item: &Item) -> Shape {
    match item.kind.as_str() {
        "chapter" | "paper-conference" | "entry-encyclopedia" | "entry-dictionary" => Shape::Chapter,
        "webpage" | "post" | "post-weblog" => Shape::Page,
        "report" | "standard" => Shape::Report,
        "thesis" => Shape::Thesis,
        "article-journal" | "article-magazine" | "article-newspaper" | "article" | "review"
            if !journal_name(item).is_empty() =>
        {
            Shape::Article
        }
        _ if !item.container_title.is_empty() && !item.volume.is_empty() => Shape::Article,
        _ => Shape::Book,
    }
}

/// The abbreviated name of a journal where it is known.
pub(super) fn journal_name(item: &Item) -> &str {
    if item.container_title_short.is_empty() { &item.container_title } else { &item.container_title_short }
}

/// Who is named first: the authors, else the editors with `one` or `many` after them. A publisher that writes in its own
/// name is left to stand as the publisher.
pub(super) fn initial_people(item: &Item, named: usize, shown: usize, roles: (&str, &str)) -> String {
    let authors = people(&item.author, named, shown);
    if !authors.is_empty() {
        return if authors == item.publisher { String::new() } else { authors };
    }
    if shape(item) == Shape::Chapter || item.editor.is_empty() {
        return String::new();
    }
    let role = if item.editor.len() == 1 { roles.0 } else { roles.1 };
    format!("{}, {role}", people(&item.editor, named, shown))
}

/// `Okafor R, Lindqvist M`; of more than `named` the first `shown` and "et al".
pub(super) fn people(names: &[Name], named: usize, shown: usize) -> String {
    let count = if names.len() > named { shown } else { names.len() };
    let printed: Vec<String> = names.iter().take(count).map(person).filter(|name| !name.is_empty()).collect();
    let mut line = printed.join(", ");
    if names.len() > count && !line.is_empty() {
        line.push_str(", et al");
    }
    line
}

/// Family name first, given names as initials.
fn person(name: &Name) -> String {
    if name.family.trim().is_empty() {
        return whole_name(name).to_owned();
    }
    let initials: String = initials(name).collect();
    let parts = [family(name), initials, name.suffix.trim().to_owned()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// An institution, or a name that is not taken apart.
pub(super) fn whole_name(name: &Name) -> &str {
    if name.literal.trim().is_empty() { name.given.trim() } else { name.literal.trim() }
}

/// The family name with its particles.
pub(super) fn family(name: &Name) -> String {
    let parts = [&name.dropping_particle, &name.non_dropping_particle, &name.family];
    parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn initials(name: &Name) -> impl Iterator<Item = char> {
    name.given
        .split([' ', '-', '.', '\u{2010}', '\u{a0}'])
        .filter_map(|part| part.chars().next())
        .flat_map(char::to_uppercase)
}

/// Years of publication: `2021`, `In press`, or nothing.
pub(super) fn year(item: &Item) -> String {
    match item.year() {
        Some(year) => year.to_string(),
        None if is_in_press(item) => "In press".to_owned(),
        None => String::new(),
    }
}

pub(super) fn is_in_press(item: &Item) -> bool {
    item.status.eq_ignore_ascii_case("in press") || item.status.eq_ignore_ascii_case("inpress")
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Year, name of the month and day, as far as they are known.
pub(super) fn date_parts(date: &Date) -> Option<(i32, Option<&'static str>, Option<i32>)> {
    let (year, month, day) = date.parts();
    let year = year.or_else(|| date.year())?;
    let month = month.and_then(|month| MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?).copied());
    Some((year, month, day.filter(|_| month.is_some())))
}

/// `May 4, 2022`
pub(super) fn date_in_words(date: &Date) -> Option<String> {
    let (year, month, day) = date_parts(date)?;
    Some(match (month, day) {
        (Some(month), Some(day)) => format!("{month} {day}, {year}"),
        (Some(month), None) => format!("{month} {year}"),
        (None, _) => year.to_string(),
    })
}

/// `2022 May 4`
pub(super) fn date_reversed(date: &Date) -> Option<String> {
    let (year, month, day) = date_parts(date)?;
    let short = month.and_then(|month| month.get(..3));
    Some(match (short, day) {
        (Some(month), Some(day)) => format!("{year} {month} {day}"),
        (Some(month), None) => format!("{year} {month}"),
        (None, _) => year.to_string(),
    })
}

/// `2nd ed`
pub(super) fn edition(item: &Item) -> String {
    let text = item.edition.trim();
    if text.is_empty() {
        return String::new();
    }
    let Ok(number) = text.parse::<u32>() else {
        let text = text.trim_end_matches('.');
        return if text.ends_with("ed") { text.to_owned() } else { format!("{text} ed") };
    };
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending} ed")
}

/// Pages with a dash between them.
pub(super) fn pages(item: &Item) -> String {
    item.page.replace("--", "–").replace('-', "–")
}

/// Pages, or the number of an article that has none.
pub(super) fn pages_or_number(item: &Item) -> String {
    if item.page.is_empty() { item.number.clone() } else { pages(item) }
}

/// `;14(2):101–112`, as far as it is known.
pub(super) fn place_in_journal(item: &Item, pages: &str) -> String {
    let mut place = String::new();
    if !item.volume.is_empty() {
        place.push(';');
        place.push_str(&item.volume);
    }
    if !item.issue.is_empty() {
        place.push('(');
        place.push_str(&item.issue);
        place.push(')');
    }
    if !pages.is_empty() {
        place.push(':');
        place.push_str(pages);
    }
    place
}

/// `Sample Press; 1999`
pub(super) fn publisher_and_year(publisher: &str, year: &str) -> String {
    match (publisher.is_empty(), year.is_empty()) {
        (false, false) => format!("{publisher}; {year}"),
        (false, true) => publisher.to_owned(),
        (true, _) => year.to_owned(),
    }
}
