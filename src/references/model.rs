//! A record of the reference library: one cited work as a CSL-JSON item, and what is known of it.

use diesel::prelude::*;
use serde_json::Value;

use crate::core::ids::ReferenceId;
use crate::core::status::Retraction;
use crate::core::text;
use crate::db::schema::reference_records;
use crate::references::csl::Item;

/// A cited work.
#[derive(Debug, Clone, PartialEq, Queryable, Selectable)]
#[diesel(table_name = reference_records)]
pub struct Source {
    /// Its id.
    pub id: ReferenceId,
    /// The key of its marks: `[@key]`.
    pub key: String,
    /// The CSL-JSON item, without `id`.
    pub csl: Value,
    /// Its title.
    pub title: String,
    /// Year of publication.
    pub year: Option<i32>,
    /// DOI in lower case, without `https://doi.org/`.
    pub doi: Option<String>,
    /// PubMed id.
    pub pmid: Option<String>,
    /// Whether it counts as a trusted source now.
    pub trusted: bool,
    /// What is known after its publication.
    pub retraction: Retraction,
    /// Since when.
    pub retraction_year: Option<i32>,
    /// Raised by every change; a form carries the one it was opened with.
    pub version: i32,
}

impl Source {
    /// The record as an item with its key.
    #[must_use]
    pub fn item(&self) -> Item {
        let mut item = read(&self.csl);
        item.id.clone_from(&self.key);
        item
    }
}

/// An item as it was kept; nothing is lost on the way.
#[must_use]
pub fn read(csl: &Value) -> Item {
    serde_json::from_value(csl.clone()).unwrap_or_else(|_| Item { title: "Untitled".into(), ..Item::default() })
}

/// The columns that are drawn from an item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drawn {
    /// Title.
    pub title: String,
    /// Year.
    pub year: Option<i32>,
    /// DOI.
    pub doi: Option<String>,
    /// PubMed id.
    pub pmid: Option<String>,
    /// PubMed Central id.
    pub pmcid: Option<String>,
    /// ISBN.
    pub isbn: Option<String>,
}

impl Drawn {
    /// Of an item.
    #[must_use]
    pub fn of(item: &Item) -> Self {
        Self {
            title: text::tidy_line(&item.title),
            year: item.year(),
            doi: item.doi(),
            pmid: item.pmid(),
            pmcid: item.pmcid(),
            isbn: item.isbn(),
        }
    }
}

/// Why an item cannot be kept. The sentence is for whoever brought it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// It has no title.
    #[error("this source has no title")]
    NoTitle,
    /// More than 64 KB.
    #[error("this source is larger than 64 KB")]
    TooLarge,
    /// NUL or another control character.
    #[error("this source holds a character that can’t be kept")]
    Control,
}

/// Bytes of one item as JSON: abstracts included, real ones stay below 20 KB.
const ITEM_BYTES_MAX: usize = 64 * 1024;

/// An item as it is kept: without its `id`, which is answered beside it when it can be a citation key.
///
/// **Errors** what cannot be kept.
pub fn prepare(mut item: Item) -> Result<(Option<String>, Value), ItemError> {
    if item.title.trim().is_empty() {
        return Err(ItemError::NoTitle);
    }
    if item.kind.is_empty() {
        "document".clone_into(&mut item.kind);
    }
    let key = std::mem::take(&mut item.id);
    let csl = serde_json::to_value(&item).map_err(|_| ItemError::Control)?;
    if csl.to_string().len() > ITEM_BYTES_MAX {
        return Err(ItemError::TooLarge);
    }
    if holds_control(&csl) {
        return Err(ItemError::Control);
    }
    Ok((Some(key).filter(|key| is_key(key)), csl))
}

fn holds_control(value: &Value) -> bool {
    match value {
        Value::String(text) => text::has_control(text),
        Value::Array(items) => items.iter().any(holds_control),
        Value::Object(map) => map.iter().any(|(name, value)| text::has_control(name) || holds_control(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a text can be a citation key: the column's check says the same.
#[must_use]
pub fn is_key(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.len() <= 80
        && chars.all(|c| c.is_ascii_alphanumeric() || "_:./+-".contains(c))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_is_kept_whole_without_its_key() {
        let item: Item =
            serde_json::from_value(json!({ "id": "okafor2021", "title": "T", "custom": { "a": 1 } })).unwrap();
        let (key, csl) = prepare(item).unwrap();
        assert_eq!(key.as_deref(), Some("okafor2021"));
        assert_eq!(csl, json!({ "type": "document", "title": "T", "custom": { "a": 1 } }));
    }

    #[test]
    fn what_the_database_cannot_keep_is_refused() {
        let item = |value| serde_json::from_value::<Item>(value).unwrap();
        assert_eq!(prepare(item(json!({ "title": "a", "note": ["\0"] }))), Err(ItemError::Control));
        assert_eq!(prepare(item(json!({ "title": " " }))), Err(ItemError::NoTitle));
        assert_eq!(prepare(item(json!({ "title": "a", "abstract": "x".repeat(70_000) }))), Err(ItemError::TooLarge));
        assert!(is_key("doi:10.1/x") && !is_key("a b") && !is_key("") && !is_key("_a"));
    }
}
