//! A record of the reference library: one cited work as a CSL-JSON item, and what is known of it.

use diesel::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::core::ids::ReferenceId;
use crate::core::limits::REFERENCE_BYTES_MAX;
use crate::core::status::{Evidence, Retraction};
use crate::core::text;
use crate::db::schema::reference_records;
use crate::references::csl::Item;
use crate::references::identifiers;

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
    /// What kind of study it is.
    pub evidence: Evidence,
    /// Names of fields a person wrote.
    edited_fields: Vec<Option<String>>,
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

    /// Whether a person wrote this field: an import leaves it alone.
    #[must_use]
    pub fn is_edited(&self, field: &str) -> bool {
        self.edited_fields.iter().flatten().any(|edited| edited == field)
    }

    /// The fields a person wrote, with those in which `now` differs from the record.
    #[must_use]
    pub fn edited_with(&self, now: &Value) -> Vec<String> {
        let mut fields: Vec<String> = self.edited_fields.iter().flatten().cloned().collect();
        let (Some(before), Some(now)) = (self.csl.as_object(), now.as_object()) else { return fields };
        fields.extend(before.keys().chain(now.keys()).filter(|name| before.get(*name) != now.get(*name)).cloned());
        fields.sort_unstable();
        fields.dedup();
        fields
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
    /// Digest of year and folded title.
    pub title_digest: Option<Vec<u8>>,
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
            title_digest: identifiers::work_mark(&item.title, item.year())
                .map(|mark| Sha256::digest(mark.as_bytes()).iter().take(16).copied().collect()),
        }
    }
}

/// Why an item cannot be kept. The sentence is for whoever brought it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// It has no title.
    #[error("this source has no title: add one")]
    NoTitle,
    /// More than 64 KB.
    #[error("this source is larger than 64 KB: shorten its abstract or notes")]
    TooLarge,
    /// NUL or another control character.
    #[error("this source holds a character that can’t be kept: remove it")]
    Control,
}

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
    if csl.to_string().len() > REFERENCE_BYTES_MAX {
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
