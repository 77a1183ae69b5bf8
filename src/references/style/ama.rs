//! AMA (Manual of Style, 11th edition), with an en dash between pages as the site's typography has it.

use crate::references::csl::Item;
use crate::references::style::pieces::{
    Line, Shape, date_in_words, edition, initial_people, journal_name, pages, pages_or_number, people,
    place_in_journal, publisher_and_year, shape, year,
};
use crate::references::style::{Parts, title};

/// Authors who are all named; of more, the first [`SHOWN`] are.
const NAMED: usize = 6;
const SHOWN: usize = 3;

pub(super) fn print(item: &Item) -> Parts {
    let names = initial_people(item, NAMED, SHOWN, ("ed", "eds"));
    let source = match shape(item) {
        Shape::Article => article(item),
        Shape::Chapter => chapter(item),
        Shape::Page => page(item),
        Shape::Report | Shape::Thesis | Shape::Book => book(item),
    };
    let stands_alone = matches!(shape(item), Shape::Book | Shape::Report | Shape::Thesis);
    let is_italic = stands_alone && !item.title.trim().is_empty();
    Parts::framed(&names, |entry| entry.title(&title(item), is_italic), "", source)
}

/// `J Sample Sleep Med. 2021;14(2):101–112`
fn article(item: &Item) -> Line {
    let mut line = Line::default();
    line.italic_sentence(journal_name(item));
    let place = place_in_journal(item, &pages_or_number(item));
    let year = year(item);
    line.push(&if year.is_empty() {
        place.trim_start_matches([';', ':']).to_owned()
    } else {
        format!("{year}{place}")
    });
    line
}

/// `In: Cho H, ed. The Book. 2nd ed. P; 2001:4–8`
fn chapter(item: &Item) -> Line {
    let mut line = Line::default();
    if !item.container_title.is_empty() {
        line.push("In: ");
        let editors = people(&item.editor, NAMED, SHOWN);
        if !editors.is_empty() {
            line.sentence(&format!("{editors}, {}", if item.editor.len() == 1 { "ed" } else { "eds" }));
        }
        line.italic_sentence(&item.container_title);
    }
    line.sentence(&edition(item));
    let mut place = publisher_and_year(&item.publisher, &year(item));
    if !item.page.is_empty() {
        place.push(':');
        place.push_str(&pages(item));
    }
    line.push(place.trim_start_matches(':'));
    line
}

/// `Sample Site. Published February 2020. Accessed May 4, 2022`
fn page(item: &Item) -> Line {
    let mut line = Line::default();
    line.sentence(if item.container_title.is_empty() { &item.publisher } else { &item.container_title });
    if let Some(published) = item.issued.as_ref().and_then(date_in_words) {
        line.sentence(&format!("Published {published}"));
    }
    if let Some(accessed) = item.accessed.as_ref().and_then(date_in_words) {
        line.push(&format!("Accessed {accessed}"));
    }
    line
}

/// `2nd ed. Sample Press; 1999`
fn book(item: &Item) -> Line {
    let mut line = Line::default();
    if !item.container_title.is_empty() && item.container_title != item.publisher {
        line.sentence(&item.container_title);
    }
    line.sentence(&edition(item));
    if shape(item) == Shape::Thesis {
        line.sentence("Thesis");
    }
    line.sentence(&publisher_and_year(&item.publisher, &year(item)));
    if shape(item) == Shape::Report && !item.number.is_empty() {
        line.sentence(&format!("Report No. {}", item.number));
    }
    if let Some(accessed) = item.accessed.as_ref().and_then(date_in_words) {
        line.push(&format!("Accessed {accessed}"));
    }
    line
}
