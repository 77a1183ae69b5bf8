//! CSL-JSON: one item, a list of items, or an object that holds a list under `items`.

use serde::Deserialize as _;
use serde_json::Value;

use crate::core::limits::REFERENCE_IMPORT_MAX;
use crate::references::csl::Item;
use crate::references::formats::read::{Entry, NO_TITLE, ReadError, label};

/// Reads every item of a file, in order.
///
/// **Errors** when it is no JSON, or JSON without items.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, ReadError> {
    let value = serde_json::from_str(text).map_err(|error| ReadError::NotJson {
        line: error.line(),
        column: error.column(),
        cause: without_place(&error.to_string()),
    })?;
    let (values, depth) = match value {
        Value::Array(values) => (values, 2),
        Value::Object(mut object) => match object.remove("items") {
            Some(Value::Array(values)) => (values, 3),
            Some(other) => {
                object.insert("items".to_owned(), other);
                (vec![Value::Object(object)], 1)
            }
            None => (vec![Value::Object(object)], 1),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(ReadError::NoEntries("JSON"));
        }
    };
    if values.len() > REFERENCE_IMPORT_MAX {
        return Err(ReadError::TooMany { count: values.len() });
    }
    let lines = lines_of_objects(text, depth);
    let known = lines.len() == values.len();
    let entries = values.iter().enumerate().map(|(at, value)| {
        let line = lines.get(at).copied().filter(|_| known).unwrap_or(0);
        entry(line, at + 1, value)
    });
    Ok(entries.collect())
}

/// The parser's sentence says the place once more at its end.
fn without_place(sentence: &str) -> String {
    sentence.split(" at line ").next().unwrap_or(sentence).to_owned()
}

fn entry(line: usize, number: usize, value: &Value) -> Entry {
    let named = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let refused = |cause: String| {
        let name = named("id").or_else(|| named("title")).map_or_else(|| format!("number {number}"), str::to_owned);
        let source = serde_json::to_string_pretty(value).unwrap_or_default();
        Entry::refused(line, name.chars().take(60).collect(), cause, &source)
    };
    if !value.is_object() {
        return refused("it is no object: an item stands in braces { }".to_owned());
    }
    let mut plain = value.clone();
    tidy(&mut plain);
    let item = match Item::deserialize(&plain) {
        Ok(item) => item,
        Err(error) => return refused(format!("{error}: mend or remove that field")),
    };
    if item.title.trim().is_empty() && item.container_title.trim().is_empty() {
        return refused(NO_TITLE.to_owned());
    }
    Entry::good(line, label(&item, number), item)
}

/// What exports write against the format: an abbreviated journal under two names, dates made of nothing.
fn tidy(value: &mut Value) {
    const SHORT: [&str; 3] = ["container-title-short", "journalAbbreviation", "container-title-abbrev"];
    let Some(fields) = value.as_object_mut() else { return };
    let mut kept = SHORT.iter().filter(|name| fields.contains_key(**name)).copied().collect::<Vec<_>>().into_iter();
    let _ = kept.next();
    kept.for_each(|name| drop(fields.remove(name)));
    for date in ["issued", "accessed"] {
        let lists = fields.get_mut(date).and_then(|date| date.get_mut("date-parts")).and_then(Value::as_array_mut);
        let Some(lists) = lists else { continue };
        for list in lists.iter_mut().filter_map(Value::as_array_mut) {
            list.retain(|part| !part.is_null() && part.as_str() != Some(""));
        }
        lists.retain(|list| list.as_array().is_none_or(|list| !list.is_empty()));
        if lists.is_empty() {
            fields.remove(date);
        }
    }
}

/// The lines, from 1, of the objects that stand `depth` levels deep, braces and brackets counted together.
fn lines_of_objects(text: &str, depth: usize) -> Vec<usize> {
    let mut lines = Vec::new();
    let (mut line, mut level, mut is_text, mut is_escaped) = (1, 0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            b'\n' => line += 1,
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'{' | b'[' => {
                level += 1;
                if level == depth && byte == b'{' {
                    lines.push(line);
                }
            }
            b'}' | b']' => level = level.saturating_sub(1),
            _ => {}
        }
    }
    lines
}

/// A list of items as a file. What the records hold is in it, all of it.
#[must_use]
pub fn write(items: &[Item]) -> String {
    let mut text = serde_json::to_string_pretty(items).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let told = |entry: Entry| match entry.item {
            Ok(item) => format!("{}: {}", entry.line, item.title),
            Err(cause) => format!("{}: {}: {cause}", entry.line, entry.label),
        };
        read(text).unwrap().into_iter().map(told).collect()
    }

    #[test]
    fn one_item_a_list_and_a_wrapped_list_are_read() {
        for text in [
            r#"{"id":"a","title":"A"}"#,
            r#"[{"id":"a","title":"A"}]"#,
            "{\"items\":[{\"title\":\"A\", \"author\": [{\"family\": \"B\"}]}]}",
        ] {
            assert_eq!(told(text), ["1: A"], "{text}");
        }
        assert!(read("[]").unwrap().is_empty());
    }

    #[test]
    fn what_exports_write_against_the_format_is_read() {
        let text = r#"[{"title": ["A"], "journalAbbreviation": "J", "container-title-short": "Sample J",
            "issued": {"date-parts": [[null]]}, "accessed": {"date-parts": [["2021", ""]]}}]"#;
        let item = read(text).unwrap().remove(0).item.unwrap();
        assert_eq!((item.title.as_str(), item.container_title_short.as_str()), ("A", "Sample J"));
        assert_eq!((item.issued, item.accessed.and_then(|date| date.year())), (None, Some(2021)));
    }

    #[test]
    fn a_bad_item_is_named_with_its_line_and_the_others_are_read() {
        assert_eq!(
            told(
                "[{\"id\":\"a\",\"title\":\"A { \\\" \"},\n{\"id\":\"b\",\"title\":\"B\",\"issued\":{\"date-parts\":[[\"x\"]]}},\n\n3,\n {\"id\":\"d\"}]"
            ),
            [
                "0: A { \" ",
                "0: b: “x” is not a number of a date: mend or remove that field",
                "0: number 3: it is no object: an item stands in braces { }",
                "0: d: it has no title: add one"
            ],
            "something that is no object spoils the lines"
        );
        assert_eq!(
            told("[\n{\"id\":\"a\",\"title\":\"A { \\\" \"},\n{\"id\":\"b\"}]"),
            ["2: A { \" ", "3: b: it has no title: add one"]
        );
        assert_eq!(
            read("[{\"title\":\n  tru}]"),
            Err(ReadError::NotJson { line: 2, column: 6, cause: "expected ident".into() })
        );
        assert_eq!(read("3"), Err(ReadError::NoEntries("JSON")));
    }

    #[test]
    fn a_hostile_nesting_is_an_error_not_a_crash() {
        assert!(matches!(read(&"[".repeat(1_000_000)), Err(ReadError::NotJson { .. })));
    }
}
