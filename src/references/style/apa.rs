//! APA (Publication Manual, 7th edition).

use crate::references::csl::{Item, Name};
use crate::references::style::pieces::{
    Line, Shape, date_in_words, date_parts, edition, family, is_in_press, pages, shape, whole_name,
};
use crate::references::style::{Parts, title};

/// Authors who are all named; of more, the first nineteen and the last.
const NAMED: usize = 20;

pub(super) fn print(item: &Item) -> Parts {
    let names = names(item);
    let date = date(item);
    let source = match shape(item) {
        Shape::Article => article(item),
        Shape::Chapter => chapter(item),
        Shape::Page => page(item),
        Shape::Report | Shape::Thesis | Shape::Book => publisher(item),
    };
    let mut entry = Line::default();
    // Without people the title stands first.
    if names.is_empty() {
        entry.append_title(item);
        entry.sentence(&date);
    } else {
        entry.sentence(&names);
        entry.sentence(&date);
        entry.append_title(item);
    }
    entry.append(source.clone());
    entry.close();
    let mut meta = Line::default();
    meta.sentence(&names);
    meta.sentence(&date);
    meta.append(source);
    Parts { entry, meta }
}

impl Line {
    /// The title, in italics where the work stands alone, with what APA says of it in brackets.
    fn append_title(&mut self, item: &Item) {
        let is_part = matches!(shape(item), Shape::Article | Shape::Chapter);
        self.title(&title(item), !is_part);
        if is_part {
            self.sentence_break();
            return;
        }
        let mut about = Vec::new();
        let edition = edition(item);
        if !edition.is_empty() {
            about.push(format!("{edition}."));
        }
        if shape(item) == Shape::Report && !item.number.is_empty() {
            about.push(format!("Report No. {}", item.number));
        }
        if !about.is_empty() {
            self.push(&format!(" ({})", about.join(", ")));
        }
        if shape(item) == Shape::Thesis {
            let at = if item.publisher.is_empty() { String::new() } else { format!(", {}", item.publisher) };
            self.push(&format!(" [Thesis{at}]"));
        }
        self.sentence_break();
    }
}

fn names(item: &Item) -> String {
    if !item.author.is_empty() {
        return joined(&item.author);
    }
    if shape(item) == Shape::Chapter || item.editor.is_empty() {
        return String::new();
    }
    format!("{} ({}).", joined(&item.editor), if item.editor.len() == 1 { "Ed." } else { "Eds." })
}

/// `Okafor, R. M., & Lindqvist, M.`
fn joined(names: &[Name]) -> String {
    let mut printed: Vec<String> = names.iter().take(NAMED).map(person).collect();
    let last = names.last().map(person).unwrap_or_default();
    if names.len() > NAMED {
        printed.truncate(NAMED - 1);
        return format!("{}, … {last}", printed.join(", "));
    }
    printed.pop();
    if printed.is_empty() { last } else { format!("{}, & {last}", printed.join(", ")) }
}

/// `van den Berg, J.-L., Jr.`
fn person(name: &Name) -> String {
    if name.family.trim().is_empty() {
        return whole_name(name).to_owned();
    }
    let mut line = family(name);
    let initials = initials(name);
    if !initials.is_empty() {
        line.push_str(", ");
        line.push_str(&initials);
    }
    let suffix = name.suffix.trim().trim_end_matches('.');
    if !suffix.is_empty() {
        line.push_str(", ");
        line.push_str(suffix);
        if suffix.eq_ignore_ascii_case("jr") || suffix.eq_ignore_ascii_case("sr") {
            line.push('.');
        }
    }
    line
}

/// `J.-L.`, `R. M.`
fn initials(name: &Name) -> String {
    let first = |part: &str| part.chars().next().map(|char| format!("{}.", char.to_uppercase()));
    let part = |part: &str| part.split(['-', '\u{2010}']).filter_map(first).collect::<Vec<_>>().join("-");
    let parts = name.given.split([' ', '.', '\u{a0}']).filter(|part| !part.is_empty()).map(part);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// `(2021)`, for pages and papers `(2020, February 3)`.
fn date(item: &Item) -> String {
    let Some((year, month, day)) = item.issued.as_ref().and_then(date_parts) else {
        return if is_in_press(item) { "(in press)".to_owned() } else { "(n.d.)".to_owned() };
    };
    let is_dated = shape(item) == Shape::Page || matches!(item.kind.as_str(), "article-newspaper" | "article-magazine");
    match (month.filter(|_| is_dated), day) {
        (Some(month), Some(day)) => format!("({year}, {month} {day})"),
        (Some(month), None) => format!("({year}, {month})"),
        (None, _) => format!("({year})"),
    }
}

/// `Journal of Sample Sleep Medicine, 14(2), 101–112`
fn article(item: &Item) -> Line {
    let mut line = Line::default();
    line.italic(if item.container_title.is_empty() { &item.container_title_short } else { &item.container_title });
    if !item.volume.is_empty() {
        line.push(", ");
        line.italic(&item.volume);
    }
    if !item.issue.is_empty() {
        line.push(&if item.volume.is_empty() { format!(", ({})", item.issue) } else { format!("({})", item.issue) });
    }
    if !item.page.is_empty() {
        line.push(&format!(", {}", pages(item)));
    } else if !item.number.is_empty() {
        line.push(&format!(", Article {}", item.number));
    }
    line
}

/// `In H. Cho (Ed.), The Book (2nd ed., pp. 4–8). P`
fn chapter(item: &Item) -> Line {
    let mut line = Line::default();
    if item.container_title.is_empty() {
        return publisher(item);
    }
    line.push("In ");
    if !item.editor.is_empty() {
        let editors: Vec<String> = item.editor.iter().take(NAMED).map(given_first).collect();
        let (last, rest) = editors.split_last().map(|(last, rest)| (last.as_str(), rest)).unwrap_or_default();
        let editors = match rest {
            [] => last.to_owned(),
            [one] => format!("{one} & {last}"),
            many => format!("{}, & {last}", many.join(", ")),
        };
        line.push(&format!("{editors} ({}), ", if item.editor.len() == 1 { "Ed." } else { "Eds." }));
    }
    line.italic(&item.container_title);
    let mut about = Vec::new();
    let edition = edition(item);
    if !edition.is_empty() {
        about.push(format!("{edition}."));
    }
    if !item.page.is_empty() {
        let sign = if item.page.contains(['-', ',']) { "pp." } else { "p." };
        about.push(format!("{sign} {}", pages(item)));
    }
    if !about.is_empty() {
        line.push(&format!(" ({})", about.join(", ")));
    }
    line.sentence_break();
    line.append(publisher(item));
    line
}

/// `H. Cho`
fn given_first(name: &Name) -> String {
    if name.family.trim().is_empty() {
        return whole_name(name).to_owned();
    }
    let initials = initials(name);
    if initials.is_empty() { family(name) } else { format!("{initials} {}", family(name)) }
}

/// The publisher, where it is not the author.
fn publisher(item: &Item) -> Line {
    let mut line = Line::default();
    let is_author =
        item.author.len() == 1 && item.author.first().is_some_and(|name| whole_name(name) == item.publisher);
    if !item.container_title.is_empty() && shape(item) != Shape::Chapter && item.container_title != item.publisher {
        line.sentence(&item.container_title);
    }
    if !is_author && shape(item) != Shape::Thesis {
        line.push(&item.publisher);
    }
    line
}

/// `Sample Site. Retrieved May 4, 2022`
fn page(item: &Item) -> Line {
    let mut line = Line::default();
    line.sentence(if item.container_title.is_empty() { &item.publisher } else { &item.container_title });
    if let Some(accessed) = item.accessed.as_ref().and_then(date_in_words) {
        line.push(&format!("Retrieved {accessed}"));
    }
    line
}
