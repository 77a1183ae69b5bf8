//! Vancouver, as the National Library of Medicine writes it (Citing Medicine).

use crate::references::csl::Item;
use crate::references::style::pieces::{
    Line, Shape, date_reversed, edition, initial_people, journal_name, pages, pages_or_number, people,
    place_in_journal, publisher_and_year, shape, year,
};
use crate::references::style::{Parts, title};

/// Authors who are named (ICMJE).
const NAMED: usize = 6;

pub(super) fn print(item: &Item) -> Parts {
    let names = initial_people(item, NAMED, NAMED, ("editor", "editors"));
    let source = match shape(item) {
        Shape::Article => article(item),
        Shape::Chapter => chapter(item),
        Shape::Page => page(item),
        Shape::Report | Shape::Thesis | Shape::Book => book(item),
    };
    let medium = match shape(item) {
        Shape::Page => " [Internet]",
        Shape::Thesis => " [thesis]",
        Shape::Article | Shape::Chapter | Shape::Report | Shape::Book => "",
    };
    Parts::framed(&names, |entry| entry.title(&title(item), false), medium, source)
}

/// `J Sample Sleep Med. 2021 May 3;14(2):101–12`
fn article(item: &Item) -> Line {
    let mut line = Line::default();
    line.sentence(journal_name(item));
    let pages = if item.page.is_empty() { pages_or_number(item) } else { short_pages(&pages(item)) };
    let place = place_in_journal(item, &pages);
    let date = item.issued.as_ref().and_then(date_reversed).unwrap_or_else(|| year(item));
    line.push(&if date.is_empty() {
        place.trim_start_matches([';', ':']).to_owned()
    } else {
        format!("{date}{place}")
    });
    line
}

/// `101–112` as `101–12`: digits that are the same are not repeated.
fn short_pages(pages: &str) -> String {
    let Some((start, end)) = pages.split_once('–') else { return pages.to_owned() };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(start) || !digits(end) || start.len() != end.len() {
        return pages.to_owned();
    }
    let same = start.bytes().zip(end.bytes()).take_while(|(one, other)| one == other).count();
    let rest = end.get(same..).filter(|rest| !rest.is_empty()).unwrap_or(end);
    format!("{start}–{rest}")
}

/// `In: Cho H, editor. The Book. 2nd ed. Leeds: P; 2001. p. 4–8`
fn chapter(item: &Item) -> Line {
    let mut line = Line::default();
    if !item.container_title.is_empty() {
        line.push("In: ");
        let editors = people(&item.editor, NAMED, NAMED);
        if !editors.is_empty() {
            line.sentence(&format!("{editors}, {}", if item.editor.len() == 1 { "editor" } else { "editors" }));
        }
        line.sentence(&item.container_title);
    }
    line.sentence(&edition(item));
    line.sentence(&published(item));
    if !item.page.is_empty() {
        line.push(&format!("p. {}", pages(item)));
    }
    line
}

/// `Leeds: Sample Press; 1999`
fn published(item: &Item) -> String {
    let publisher = match (item.publisher_place.is_empty(), item.publisher.is_empty()) {
        (false, false) => format!("{}: {}", item.publisher_place, item.publisher),
        _ => item.publisher.clone(),
    };
    publisher_and_year(&publisher, &year(item))
}

/// `Sample Site; 2020 Feb [cited 2022 May 4]`
fn page(item: &Item) -> Line {
    let mut line = Line::default();
    let site = if item.container_title.is_empty() { &item.publisher } else { &item.container_title };
    let date = item.issued.as_ref().and_then(date_reversed).unwrap_or_default();
    line.push(&publisher_and_year(site, &date));
    if let Some(accessed) = item.accessed.as_ref().and_then(date_reversed) {
        line.push(&format!(" [cited {accessed}]"));
    }
    line
}

/// `2nd ed. Leeds: Sample Press; 1999`
fn book(item: &Item) -> Line {
    let mut line = Line::default();
    if !item.container_title.is_empty() && item.container_title != item.publisher {
        line.sentence(&item.container_title);
    }
    line.sentence(&edition(item));
    line.sentence(&published(item));
    if shape(item) == Shape::Report && !item.number.is_empty() {
        line.push(&format!("Report No.: {}", item.number));
    }
    line
}
