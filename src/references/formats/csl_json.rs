//! CSL-JSON files: one item, a list of items, or an object that holds a list under `items`.

use serde::Deserialize as _;
use serde_json::Value;

use crate::core::limits::REFERENCE_IMPORT_MAX;
use crate::references::csl::Item;

/// Why a file cannot be read. Nothing of it is imported.
#[derive(Debug, thiserror::Error)]
pub enum CslJsonError {
    /// Not JSON at all.
    #[error("this is not JSON: {0}")]
    NotJson(serde_json::Error),
    /// JSON, but neither an item nor a list of items.
    #[error("this JSON holds no references: expected an object or a list of objects")]
    NoItems,
    /// One item is wrong.
    #[error("reference {index} (“{label}”): {cause}")]
    Item {
        /// Its place in the file, from 1.
        index: usize,
        /// Its id or title, if it has one.
        label: String,
        /// What is wrong.
        cause: String,
    },
    /// More items than one import takes.
    #[error("the file holds {count} references; at most {REFERENCE_IMPORT_MAX} are imported at once")]
    TooMany {
        /// How many it holds.
        count: usize,
    },
}

/// Reads every item of a file, in order.
pub fn read(text: &str) -> Result<Vec<Item>, CslJsonError> {
    let text = text.trim_start_matches('\u{feff}');
    let values = match serde_json::from_str(text).map_err(CslJsonError::NotJson)? {
        Value::Array(values) => values,
        Value::Object(mut object) => match object.remove("items") {
            Some(Value::Array(values)) => values,
            Some(other) => {
                object.insert("items".to_owned(), other);
                vec![Value::Object(object)]
            }
            None => vec![Value::Object(object)],
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return Err(CslJsonError::NoItems),
    };
    if values.len() > REFERENCE_IMPORT_MAX {
        return Err(CslJsonError::TooMany { count: values.len() });
    }
    values.into_iter().enumerate().map(|(at, value)| item(at + 1, &value)).collect()
}

fn item(index: usize, value: &Value) -> Result<Item, CslJsonError> {
    let named = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let label = named("id").or_else(|| named("title")).unwrap_or("no id").chars().take(60).collect::<String>();
    let wrong = |cause: String| CslJsonError::Item { index, label: label.clone(), cause };
    if !value.is_object() {
        return Err(wrong("not an object".to_owned()));
    }
    let item = Item::deserialize(value).map_err(|error| wrong(error.to_string()))?;
    if item.title.trim().is_empty() && item.container_title.trim().is_empty() {
        return Err(wrong("it has no title".to_owned()));
    }
    Ok(item)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_item_a_list_and_a_wrapped_list_are_read() {
        for text in
            [r#"{"id":"a","title":"A"}"#, r#"[{"id":"a","title":"A"}]"#, "\u{feff}{\"items\":[{\"title\":\"A\"}]}"]
        {
            assert_eq!(read(text).unwrap().len(), 1, "{text}");
        }
        assert!(read("[]").unwrap().is_empty());
    }

    #[test]
    fn mistakes_name_their_place() {
        let error = |text: &str| read(text).unwrap_err().to_string();
        assert_eq!(
            error(r#"[{"id":"a","title":"A"},{"id":"b","title":"B","issued":{"date-parts":[["x"]]}}]"#),
            "reference 2 (“b”): “x” is not a number of a date"
        );
        assert_eq!(error(r#"[{"id":"a"}]"#), "reference 1 (“a”): it has no title");
        assert_eq!(error("[3]"), "reference 1 (“no id”): not an object");
        assert!(error("{").starts_with("this is not JSON"));
        assert!(error("3").starts_with("this JSON holds no references"));
    }
}
