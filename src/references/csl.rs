//! A cited work as CSL-JSON: the fields we use by name, all others kept as they came, so that nothing is lost on
//! the way in and out again.

use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::references::identifiers;

/// A CSL-JSON item. Empty strings stand for fields that are not there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Item {
    /// The citation key.
    #[serde(deserialize_with = "text_or_number", skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// `article-journal`, `book`, `chapter`, `report`, `webpage`, …
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Title of the work.
    #[serde(deserialize_with = "text_or_first", skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Authors in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub author: Vec<Name>,
    /// Editors in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub editor: Vec<Name>,
    /// Journal, book or site it is part of.
    #[serde(deserialize_with = "text_or_first", skip_serializing_if = "String::is_empty")]
    pub container_title: String,
    /// The same, abbreviated.
    #[serde(
        deserialize_with = "text_or_first",
        alias = "journalAbbreviation",
        alias = "container-title-abbrev",
        skip_serializing_if = "String::is_empty"
    )]
    pub container_title_short: String,
    /// When it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued: Option<Date>,
    /// When a page was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accessed: Option<Date>,
    /// Volume.
    #[serde(deserialize_with = "text_or_number", skip_serializing_if = "String::is_empty")]
    pub volume: String,
    /// Issue.
    #[serde(deserialize_with = "text_or_number", skip_serializing_if = "String::is_empty")]
    pub issue: String,
    /// Pages, `101-112`.
    #[serde(deserialize_with = "text_or_number", skip_serializing_if = "String::is_empty")]
    pub page: String,
    /// Article number where there are no pages.
    #[serde(deserialize_with = "text_or_number", skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// Edition, `2` or `2nd`.
    #[serde(deserialize_with = "text_or_number", skip_serializing_if = "String::is_empty")]
    pub edition: String,
    /// Publisher or institution.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub publisher: String,
    /// Where the publisher is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub publisher_place: String,
    /// `Retracted`, `in press`, `preprint`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// DOI as given; [`Item::doi`] is the checked one.
    #[serde(rename = "DOI", deserialize_with = "text_or_number", skip_serializing_if = "String::is_empty")]
    pub doi_given: String,
    /// PubMed number as given.
    #[serde(rename = "PMID", deserialize_with = "text_or_number", skip_serializing_if = "String::is_empty")]
    pub pmid_given: String,
    /// PubMed Central number as given.
    #[serde(rename = "PMCID", deserialize_with = "text_or_number", skip_serializing_if = "String::is_empty")]
    pub pmcid_given: String,
    /// ISBN as given.
    #[serde(rename = "ISBN", deserialize_with = "text_or_first", skip_serializing_if = "String::is_empty")]
    pub isbn_given: String,
    /// Address as given.
    #[serde(rename = "URL", skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Item {
    /// The DOI in its one spelling, if it is one.
    pub fn doi(&self) -> Option<String> {
        identifiers::doi(&self.doi_given)
    }

    /// The PubMed number, if it is one.
    pub fn pmid(&self) -> Option<String> {
        identifiers::pmid(&self.pmid_given)
    }

    /// The PubMed Central number, if it is one.
    pub fn pmcid(&self) -> Option<String> {
        identifiers::pmcid(&self.pmcid_given)
    }

    /// The first ISBN as thirteen digits, if it is one.
    pub fn isbn(&self) -> Option<String> {
        identifiers::isbn(&self.isbn_given).or_else(|| self.isbn_given.split_whitespace().find_map(identifiers::isbn))
    }

    /// The year it was published.
    pub fn year(&self) -> Option<i32> {
        self.issued.as_ref()?.year()
    }
}

/// A person or an institution.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Name {
    /// Family name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub family: String,
    /// Given names.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub given: String,
    /// `van`, `de la` in front of the family name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub non_dropping_particle: String,
    /// `von`, dropped in sorting but printed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub dropping_particle: String,
    /// `Jr`, `III`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub suffix: String,
    /// An institution, or a name that cannot be taken apart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub literal: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A date as precise as it is known.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Date {
    /// `[[2021, 3, 14]]`, a second list for the end of a range; numbers may come as text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub date_parts: Vec<Vec<Part>>,
    /// A date nobody could take apart.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub raw: String,
    /// A date in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub literal: String,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Date {
    /// A date of which only the year is known.
    pub fn of_year(year: i32) -> Self {
        Self { date_parts: vec![vec![Part(year)]], ..Self::default() }
    }

    /// Its year, from the parts or else the first four digits in its words.
    pub fn year(&self) -> Option<i32> {
        if let Some(Part(year)) = self.date_parts.first().and_then(|parts| parts.first()) {
            return Some(*year);
        }
        let words = if self.raw.is_empty() { &self.literal } else { &self.raw };
        words.split(|char: char| !char.is_ascii_digit()).find(|digits| digits.len() == 4)?.parse().ok()
    }

    /// Year, month and day as far as known.
    pub fn parts(&self) -> (Option<i32>, Option<i32>, Option<i32>) {
        let first = self.date_parts.first().map(Vec::as_slice).unwrap_or_default();
        let part = |at: usize| first.get(at).map(|Part(value)| *value);
        (part(0), part(1), part(2))
    }
}

/// One number of a date; CSL-JSON in the wild writes it as a number or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Part(pub i32);

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(TextOrNumber)?;
        text.trim().parse().map(Part).map_err(|_| de::Error::custom(format!("“{text}” is not a number of a date")))
    }
}

struct TextOrNumber;

impl Visitor<'_> for TextOrNumber {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text or a number")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_unit<E: de::Error>(self) -> Result<String, E> {
        Ok(String::new())
    }
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    deserializer.deserialize_any(TextOrNumber)
}

/// Crossref writes titles and ISBNs as lists.
fn text_or_first<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Array(list) => {
            Ok(list.into_iter().find_map(|value| value.as_str().map(str::to_owned)).unwrap_or_default())
        }
        Value::Null => Ok(String::new()),
        Value::Bool(_) | Value::Object(_) => Err(de::Error::custom("expected text")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_not_known_by_name_survives_the_round_trip() {
        let source = serde_json::json!({
            "id": "k1", "type": "article-journal", "title": "T", "author": [{"family": "A", "given": "B", "x": 1}],
            "container-title": "J", "issued": {"date-parts": [[2021, 3]], "season": 2}, "volume": "14",
            "DOI": "10.1000/x", "PMID": "12", "abstract": "…", "custom": {"a": [1, 2]}
        });
        let item: Item = serde_json::from_value(source.clone()).unwrap();
        assert_eq!(serde_json::to_value(&item).unwrap(), source);
        assert_eq!((item.year(), item.doi().as_deref()), (Some(2021), Some("10.1000/x")));
    }

    #[test]
    fn spellings_from_the_wild_are_read() {
        let item: Item = serde_json::from_str(
            r#"{"id": 7, "volume": 14, "PMID": 123, "container-title": ["J", "K"], "ISBN": ["0-306-40615-2"],
                "issued": {"date-parts": [["2021", "3"]]}, "accessed": {"raw": "on 4 May 2022"}}"#,
        )
        .unwrap();
        assert_eq!((item.id.as_str(), item.volume.as_str(), item.container_title.as_str()), ("7", "14", "J"));
        assert_eq!(item.issued.as_ref().unwrap().parts(), (Some(2021), Some(3), None));
        assert_eq!(item.accessed.as_ref().unwrap().year(), Some(2022));
        assert_eq!(item.isbn().as_deref(), Some("9780306406157"));
        assert_eq!(item.pmid().as_deref(), Some("123"));
    }
}
