//! Parts of references that several formats write alike: names, dates, pages, identifiers.

use std::fmt::Write as _;

use serde_json::Value;

use crate::core::text;
use crate::references::csl::{Date, Item, Name, Part};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A name written `Family, Given` or `Family, Given, Suffix`; without a comma it is an institution, kept whole.
/// Small words in front of the family name (`van den`) are its particle.
pub(super) fn name(text: &str) -> Option<Name> {
    let line = text::tidy_line(text);
    let mut parts = line.splitn(3, ',').map(str::trim);
    let family = parts.next().filter(|family| !family.is_empty())?;
    let Some(given) = parts.next() else {
        return Some(Name { literal: family.to_owned(), ..Name::default() });
    };
    let (particle, family) = particle(family);
    Some(Name {
        family: family.to_owned(),
        given: given.to_owned(),
        non_dropping_particle: particle.to_owned(),
        suffix: parts.next().unwrap_or_default().to_owned(),
        ..Name::default()
    })
}

/// Splits `van den Berg` into `van den` and `Berg`. A name of small words only is left whole.
fn particle(family: &str) -> (&str, &str) {
    let mut rest = family;
    while let Some((word, after)) = rest.split_once(' ') {
        if !word.chars().next().is_some_and(char::is_lowercase) {
            break;
        }
        rest = after.trim_start();
    }
    if rest.chars().next().is_none_or(char::is_lowercase) {
        return ("", family);
    }
    let particle = family.strip_suffix(rest).unwrap_or_default().trim_end();
    (particle, rest)
}

/// The other way round: `van den Berg, Jean-Luc, Jr`.
pub(super) fn name_line(name: &Name) -> String {
    if name.family.is_empty() {
        return if name.literal.is_empty() { name.given.clone() } else { name.literal.clone() };
    }
    let family = [&name.dropping_particle, &name.non_dropping_particle, &name.family];
    let family: Vec<&str> = family.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let mut line = family.join(" ");
    if !name.given.is_empty() || !name.suffix.is_empty() {
        let _ = write!(line, ", {}", name.given);
    }
    if !name.suffix.is_empty() {
        let _ = write!(line, ", {}", name.suffix);
    }
    line
}

/// A date as files write it: `2021-05-03`, `2021/05/03/`, `2021 May 3`, `3 May 2021`, `2021 May-Jun`, `2020/2021`.
/// Words without a year are kept as they are.
pub(super) fn date(text: &str) -> Option<Date> {
    let line = text::tidy_line(text);
    if line.is_empty() {
        return None;
    }
    // A range as ISO 8601 and BibLaTeX write it.
    if line.matches('/').count() == 1
        && let Some((start, end)) = line.split_once('/')
        && has_year(start)
        && has_year(end)
        && let (Some(mut start), Some(end)) = (date(start), date(end))
    {
        start.date_parts.truncate(1);
        start.date_parts.extend(end.date_parts.into_iter().take(1));
        return Some(start);
    }
    let tokens: Vec<&str> =
        line.split(|char: char| !char.is_alphanumeric()).filter(|token| !token.is_empty()).collect();
    let Some(year) = tokens.iter().find_map(|token| year(token)) else {
        return Some(Date { literal: line, ..Date::default() });
    };
    let numbers = |token: &&&str| token.len() <= 2 && token.bytes().all(|byte| byte.is_ascii_digit());
    let named: Vec<i32> = tokens.iter().filter_map(|token| month_named(token)).collect();
    let mut small = tokens.iter().filter(numbers).filter_map(|token| token.parse::<i32>().ok());
    let first = match named.first() {
        Some(month) => parts(year, Some(*month), small.next()),
        None => parts(year, small.next(), small.next()),
    };
    let mut date = Date { date_parts: vec![first], ..Date::default() };
    let other_year = tokens.iter().filter_map(|token| self::year(token)).nth(1);
    if let Some(end) = other_year {
        date.date_parts.push(parts(end, named.get(1).copied().or_else(|| small.next()), small.next()));
    } else if let Some(month) = named.get(1) {
        date.date_parts.push(parts(year, Some(*month), None));
    }
    if let Some(season) = tokens.iter().find_map(|token| season(token)) {
        date.rest.insert("season".to_owned(), Value::from(season));
    }
    Some(date)
}

fn has_year(text: &str) -> bool {
    text.split(|char: char| !char.is_alphanumeric()).any(|token| year(token).is_some())
}

fn year(token: &str) -> Option<i32> {
    let is_year = token.len() == 4 && token.bytes().all(|byte| byte.is_ascii_digit());
    is_year.then(|| token.parse().ok()).flatten().filter(|year| *year >= 1000)
}

/// The number of a month by the first letters of its name.
fn month_named(token: &str) -> Option<i32> {
    let lower = token.to_ascii_lowercase();
    let start = lower.get(..3)?;
    let at = MONTHS.iter().position(|month| *month == start)?;
    lower.bytes().all(|byte| byte.is_ascii_alphabetic()).then(|| i32::try_from(at + 1).unwrap_or(1))
}

fn season(token: &str) -> Option<i32> {
    match token.to_ascii_lowercase().as_str() {
        "spring" => Some(1),
        "summer" => Some(2),
        "autumn" | "fall" => Some(3),
        "winter" => Some(4),
        _ => None,
    }
}

fn parts(year: i32, month: Option<i32>, day: Option<i32>) -> Vec<Part> {
    let month = month.filter(|month| (1..=12).contains(month));
    let day = day.filter(|day| month.is_some() && (1..=31).contains(day));
    [Some(year), month, day].into_iter().flatten().map(Part).collect()
}

/// `2021-05-03` of a date's beginning, as far as it is known; empty when nothing is.
pub(super) fn iso(date: &Date) -> String {
    let (year, month, day) = date.parts();
    let Some(year) = year.or_else(|| date.year()) else { return String::new() };
    match (month, day) {
        (Some(month), Some(day)) => format!("{year:04}-{month:02}-{day:02}"),
        (Some(month), None) => format!("{year:04}-{month:02}"),
        (None, _) => format!("{year:04}"),
    }
}

/// Pages with one hyphen, an abbreviated end written out: `101–12` and `101--112` are `101-112`.
pub(super) fn pages(text: &str) -> String {
    let line = text::tidy_line(text).replace(['–', '—', '−'], "-").replace("--", "-");
    let line = line.trim_matches('-');
    let Some((start, end)) = line.split_once('-').map(|(start, end)| (start.trim(), end.trim())) else {
        return line.to_owned();
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(start) && digits(end) && end.len() < start.len() {
        let head = start.get(..start.len() - end.len()).unwrap_or_default();
        return format!("{start}-{head}{end}");
    }
    if start == end { start.to_owned() } else { format!("{start}-{end}") }
}

/// Puts a text into a field that has none yet.
pub(super) fn fill(field: &mut String, text: &str) {
    if field.is_empty() {
        *field = text::tidy_line(text);
    }
}

/// Puts a text into a field we do not know by name, if it has none yet.
pub(super) fn fill_rest(item: &mut Item, name: &str, text: &str) {
    let line = text::tidy_line(text);
    if !line.is_empty() && !item.rest.contains_key(name) {
        item.rest.insert(name.to_owned(), Value::from(line));
    }
}

/// Adds to a list that stands in one text, parted by `; `: keywords, notes.
pub(super) fn push_rest(item: &mut Item, name: &str, text: &str) {
    let line = text::tidy_line(text);
    if line.is_empty() {
        return;
    }
    match item.rest.get_mut(name) {
        Some(Value::String(held)) => {
            held.push_str("; ");
            held.push_str(&line);
        }
        Some(_) => {}
        None => {
            item.rest.insert(name.to_owned(), Value::from(line));
        }
    }
}

/// Adds to a list of people that we do not know by name: translators, editors of a series.
pub(super) fn push_name(item: &mut Item, role: &str, name: Name) {
    match role {
        "author" => item.author.push(name),
        "editor" => item.editor.push(name),
        _ => {
            let entry = item.rest.entry(role.to_owned()).or_insert_with(|| Value::Array(Vec::new()));
            if let (Value::Array(list), Ok(name)) = (entry, serde_json::to_value(&name)) {
                list.push(name);
            }
        }
    }
}

/// The text of a field we do not know by name.
pub(super) fn rest<'i>(item: &'i Item, name: &str) -> &'i str {
    item.rest.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The people of a role that we do not know by name.
pub(super) fn rest_names(item: &Item, role: &str) -> Vec<Name> {
    item.rest.get(role).and_then(|names| serde_json::from_value(names.clone()).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        let date = date(text).unwrap();
        let lists: Vec<String> = date
            .date_parts
            .iter()
            .map(|parts| parts.iter().map(|part| part.0.to_string()).collect::<Vec<_>>().join("-"))
            .collect();
        let season = date.rest.get("season").map(|season| format!(" s{season}")).unwrap_or_default();
        format!("{}{season}{}", lists.join("/"), date.literal)
    }

    #[test]
    fn dates_of_every_format_are_read() {
        for (text, expected) in [
            ("2021", "2021"),
            ("2021-05-03", "2021-5-3"),
            ("2021/05/03/", "2021-5-3"),
            ("2021///Spring", "2021 s1"),
            ("2021 May 3", "2021-5-3"),
            ("2021 May-Jun", "2021-5/2021-6"),
            ("2019 Dec-2020 Jan", "2019-12/2020-1"),
            ("3 September 2021", "2021-9-3"),
            ("2021-05/2022-06", "2021-5/2022-6"),
            ("2021/2022/2023", "2021/2022"),
            ("2021-13-40", "2021"),
            ("in press", "in press"),
            ("2021 May 99999999999", "2021-5"),
        ] {
            assert_eq!(parsed(text), expected, "{text}");
        }
        assert_eq!(date(" "), None);
    }

    #[test]
    fn names_and_pages_have_one_spelling() {
        for line in ["van den Berg, Jean-Luc, Jr", "Okafor, R. M.", "Sample Institute of Work", "de la Cruz, Ana"] {
            assert_eq!(name_line(&name(line).unwrap()), line);
        }
        let berg = name("van den  Berg, Jean-Luc").unwrap();
        assert_eq!((berg.non_dropping_particle.as_str(), berg.family.as_str()), ("van den", "Berg"));
        assert_eq!(name("bell hooks, x").unwrap().family, "bell hooks", "a name of small words is left whole");
        for (text, expected) in [
            ("101--12", "101-112"),
            ("e12–e14", "e12-e14"),
            ("7-7", "7"),
            ("1999-2001", "1999-2001"),
            ("-", ""),
            ("x", "x"),
        ] {
            assert_eq!(pages(text), expected, "{text}");
        }
    }
}
