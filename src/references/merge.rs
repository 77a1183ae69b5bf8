//! Two records of one work made into one.
//!
//! The rule, field by field: what a person wrote at the desk stays, a field they emptied too; a field only one side has
//! is taken; of two the richer stays, the record's own where neither is. Richer is: more people, and of as many the
//! one with more of their given names; a date with more parts; a text that holds the other and more; a kind other
//! than "document"; an identifier that is one. So an import that is repeated changes nothing.

use serde_json::{Map, Value};

use crate::references::csl::Item;
use crate::references::identifiers;

/// The fields of a record with what another source says of the same work. `is_edited` says which a person wrote.
#[must_use]
pub fn merge(
    record: &Map<String, Value>,
    brought: &Map<String, Value>,
    is_edited: impl Fn(&str) -> bool,
) -> Map<String, Value> {
    let mut merged = record.clone();
    for (name, value) in brought {
        if is_edited(name) {
            continue;
        }
        let takes = record.get(name).is_none_or(|held| is_richer(name, held, value));
        if takes {
            merged.insert(name.clone(), value.clone());
        }
    }
    merged
}

fn is_richer(name: &str, held: &Value, brought: &Value) -> bool {
    match (held, brought) {
        (Value::Array(held), Value::Array(brought)) => richness_of_names(brought) > richness_of_names(held),
        (Value::Object(held), Value::Object(brought)) => parts_of_date(brought) > parts_of_date(held),
        (Value::String(held), Value::String(brought)) => match name {
            "type" => held == "document" && brought != "document",
            "DOI" => identifiers::doi(held).is_none() && identifiers::doi(brought).is_some(),
            "PMID" => identifiers::pmid(held).is_none() && identifiers::pmid(brought).is_some(),
            "PMCID" => identifiers::pmcid(held).is_none() && identifiers::pmcid(brought).is_some(),
            "ISBN" => identifiers::isbn(held).is_none() && identifiers::isbn(brought).is_some(),
            "URL" => false,
            _ => holds_more(held, brought),
        },
        _ => false,
    }
}

/// How many people, and how many letters of their given names.
fn richness_of_names(names: &[Value]) -> (usize, usize) {
    let given = names.iter().filter_map(|name| name.get("given").and_then(Value::as_str)).map(str::len).sum();
    (names.len(), given)
}

fn parts_of_date(date: &Map<String, Value>) -> usize {
    let lists = date.get("date-parts").and_then(Value::as_array);
    lists.map_or(0, |lists| lists.iter().filter_map(Value::as_array).map(Vec::len).sum())
}

/// Whether a text says all that another says, and more.
fn holds_more(held: &str, brought: &str) -> bool {
    let fold = |text: &str| -> String {
        text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    if brought.len() <= held.len() {
        return false;
    }
    let (held, brought) = (fold(held), fold(brought));
    brought.len() > held.len() && brought.contains(&held)
}

/// Whether two records that share title and year are of different works all the same: another identifier of one
/// kind, another first author, or another first page.
#[must_use]
pub fn says_otherwise(one: &Item, other: &Item) -> bool {
    let differ = |one: Option<String>, other: Option<String>| one.is_some() && other.is_some() && one != other;
    let author = |item: &Item| {
        let first = item.author.first()?;
        let name = if first.family.is_empty() { &first.literal } else { &first.family };
        let folded: String = deunicode::deunicode(name).chars().filter(char::is_ascii_alphanumeric).collect();
        Some(folded.to_lowercase()).filter(|folded| !folded.is_empty())
    };
    let page = |item: &Item| item.page.split(['-', ',']).next().map(str::to_owned).filter(|page| !page.is_empty());
    differ(one.doi(), other.doi())
        || differ(one.pmid(), other.pmid())
        || differ(one.isbn(), other.isbn())
        || differ(author(one), author(other))
        || differ(page(one), page(other))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(record: &Value, brought: &Value, edited: &[&str]) -> Value {
        Value::Object(merge(record.as_object().unwrap(), brought.as_object().unwrap(), |name| edited.contains(&name)))
    }

    #[test]
    fn the_richer_field_wins_and_nothing_is_lost() {
        let record = json!({
            "type": "document", "title": "Phase shifting", "author": [{"family": "Okafor", "given": "R"}],
            "issued": {"date-parts": [[2021]]}, "page": "101-112", "DOI": "not one", "container-title": "J Sample Sleep Med"
        });
        let brought = json!({
            "type": "article-journal", "title": "Phase shifting: a pooled analysis", "PMID": "12", "page": "101",
            "author": [{"family": "Okafor", "given": "Rose M."}], "issued": {"date-parts": [[2021, 5]]},
            "DOI": "10.1000/x", "container-title": "Journal of Sample Sleep Medicine"
        });
        let expected = json!({
            "type": "article-journal", "title": "Phase shifting: a pooled analysis", "PMID": "12", "page": "101-112",
            "author": [{"family": "Okafor", "given": "Rose M."}], "issued": {"date-parts": [[2021, 5]]},
            "DOI": "10.1000/x", "container-title": "J Sample Sleep Med"
        });
        assert_eq!(merged(&record, &brought, &[]), expected);
        assert_eq!(merged(&expected, &brought, &[]), expected, "a second time changes nothing");
        assert_eq!(merged(&expected, &record, &[]), expected, "the poorer one changes nothing");
    }

    #[test]
    fn what_a_person_wrote_or_emptied_stays() {
        let record = json!({ "title": "Phase shifting" });
        let brought = json!({ "title": "Phase shifting at night", "volume": "14", "issue": "2" });
        assert_eq!(merged(&record, &brought, &["title", "volume"]), json!({ "title": "Phase shifting", "issue": "2" }));
    }

    #[test]
    fn the_same_title_is_another_work_where_something_says_so() {
        let item = |value: Value| -> Item { serde_json::from_value(value).unwrap() };
        let one = item(json!({ "title": "T", "author": [{"family": "Müller"}], "page": "1-9", "DOI": "10.1000/x" }));
        for same in [json!({}), json!({ "author": [{"family": "MULLER"}], "page": "1" }), json!({ "PMID": "5" })] {
            assert!(!says_otherwise(&one, &item(same.clone())), "{same}");
        }
        for other in [json!({ "author": [{"family": "Ito"}] }), json!({ "page": "11" }), json!({ "DOI": "10.1000/y" })]
        {
            assert!(says_otherwise(&one, &item(other.clone())), "{other}");
        }
    }
}
