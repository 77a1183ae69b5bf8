//! The library: finding, adding, editing and importing records.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};

use crate::audit::{self, Actor, Entry};
use crate::core::ids::ReferenceId;
use crate::core::status::Retraction;
use crate::db::schema::reference_records;
use crate::db::{DbError, Tx};
use crate::references::csl::Item;
use crate::references::model::{self, Drawn, ItemError, Source};
use crate::references::{identifiers, trust};
use crate::settings::Sources;
use crate::staff::authority::MayEdit;

/// The records behind citation keys: keys of the library, `doi:…` (lower case) and `pmid:…`.
pub async fn find_cited(conn: &mut AsyncPgConnection, keys: &[String]) -> Result<Vec<Source>, DbError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let dois: Vec<&str> = keys.iter().filter_map(|key| key.strip_prefix("doi:")).collect();
    let pmids: Vec<&str> = keys.iter().filter_map(|key| key.strip_prefix("pmid:")).collect();
    let found = reference_records::table
        .filter(
            reference_records::key
                .eq_any(keys)
                .or(reference_records::doi.eq_any(dois).assume_not_null())
                .or(reference_records::pmid.eq_any(pmids).assume_not_null()),
        )
        .select(Source::as_select())
        .load(conn)
        .await?;
    Ok(found)
}

/// A record.
pub async fn find(conn: &mut AsyncPgConnection, id: ReferenceId) -> Result<Option<Source>, DbError> {
    Ok(reference_records::table.find(id).select(Source::as_select()).first(conn).await.optional()?)
}

/// Records newest first, at most `limit`, those with an id below `before`; with a query, those whose key, title, DOI
/// or PubMed id holds it.
pub async fn list(
    conn: &mut AsyncPgConnection,
    query: &str,
    before: Option<ReferenceId>,
    limit: i64,
) -> Result<Vec<Source>, DbError> {
    let mut select = reference_records::table
        .filter(reference_records::id.lt(before.map_or(i64::MAX, |id| id.0)))
        .order(reference_records::id.desc())
        .limit(limit)
        .select(Source::as_select())
        .into_boxed();
    let query = query.trim();
    if !query.is_empty() {
        let doi = identifiers::doi(query).unwrap_or_default();
        let pattern = format!("%{}%", query.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        select = select.filter(
            reference_records::key
                .ilike(pattern.clone())
                .or(reference_records::title.ilike(pattern))
                .or(reference_records::doi.eq(doi).assume_not_null())
                .or(reference_records::pmid.eq(query.to_owned()).assume_not_null()),
        );
    }
    Ok(select.load(conn).await?)
}

/// Why a record was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The item cannot be kept.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// The key is no key.
    #[error("a key is made of letters, digits and _ : . / + -, and starts with a letter or digit")]
    Key,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(AddError);

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// A new record.
    Added {
        /// Its id.
        id: ReferenceId,
        /// Its key, which differs from the one asked for when another work has that.
        key: String,
    },
    /// The work was there already; what the record lacked was taken from the item.
    Merged {
        /// Its id.
        id: ReferenceId,
        /// Its key.
        key: String,
    },
}

impl Placed {
    /// The record's id and key.
    #[must_use]
    pub fn record(&self) -> (ReferenceId, &str) {
        match self {
            Self::Added { id, key } | Self::Merged { id, key } => (*id, key),
        }
    }
}

/// Adds an item, or merges it into the record of the same work: same DOI, same PubMed id, or the same key without
/// an identifier that says otherwise. `key` wins over the item's own `id`.
pub async fn add(
    tx: &mut Tx,
    actor: Actor,
    item: Item,
    key: Option<&str>,
    sources: &Sources,
) -> Result<Placed, AddError> {
    let drawn = Drawn::of(&item);
    let is_trusted = trust::is_trusted(&item, sources);
    let made = make_key(&item, drawn.year);
    let (id, csl) = model::prepare(item)?;
    if key.is_some_and(|key| !model::is_key(key)) {
        return Err(AddError::Key);
    }
    let wanted = key.map(str::to_owned).or(id);
    if let Some(known) = find_same(tx.conn(), &drawn, wanted.as_deref()).await? {
        fill(tx, actor, &known, &csl, sources).await?;
        return Ok(Placed::Merged { id: known.id, key: known.key });
    }
    let key = free_key(tx.conn(), &wanted.unwrap_or(made)).await?;
    let id: ReferenceId = diesel::insert_into(reference_records::table)
        .values((
            reference_records::key.eq(&key),
            reference_records::csl.eq(&csl),
            reference_records::title.eq(&drawn.title),
            reference_records::year.eq(drawn.year),
            reference_records::doi.eq(&drawn.doi),
            reference_records::pmid.eq(&drawn.pmid),
            reference_records::pmcid.eq(&drawn.pmcid),
            reference_records::isbn.eq(&drawn.isbn),
            reference_records::trusted.eq(is_trusted),
            reference_records::created_at.eq(tx.now),
            reference_records::updated_at.eq(tx.now),
        ))
        .returning(reference_records::id)
        .get_result(tx.conn())
        .await?;
    audit::append(
        tx,
        Entry {
            actor,
            action: "reference.add",
            subject: "reference",
            subject_id: Some(id.0),
            detail: json!({}),
            evidence: None,
        },
    )
    .await?;
    Ok(Placed::Added { id, key })
}

async fn find_same(conn: &mut AsyncPgConnection, drawn: &Drawn, key: Option<&str>) -> Result<Option<Source>, DbError> {
    let found: Vec<Source> = reference_records::table
        .filter(
            reference_records::doi
                .eq(drawn.doi.clone().unwrap_or_default())
                .assume_not_null()
                .or(reference_records::pmid.eq(drawn.pmid.clone().unwrap_or_default()).assume_not_null())
                .or(reference_records::key.eq(key.unwrap_or_default())),
        )
        .select(Source::as_select())
        .load(conn)
        .await?;
    let agrees = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
    let differs = |one: &Option<String>, other: &Option<String>| one.is_some() && other.is_some() && one != other;
    let by_identifier = found.iter().find(|known| agrees(&known.doi, &drawn.doi) || agrees(&known.pmid, &drawn.pmid));
    let by_key = || {
        found.iter().find(|known| {
            Some(known.key.as_str()) == key && !differs(&known.doi, &drawn.doi) && !differs(&known.pmid, &drawn.pmid)
        })
    };
    Ok(by_identifier.or_else(by_key).cloned())
}

/// Takes from the item what the record lacks.
async fn fill(tx: &mut Tx, actor: Actor, known: &Source, item: &Value, sources: &Sources) -> Result<(), DbError> {
    let mut csl = known.csl.clone();
    if let (Some(has), Some(brings)) = (csl.as_object_mut(), item.as_object()) {
        for (name, value) in brings {
            if !has.contains_key(name) {
                has.insert(name.clone(), value.clone());
            }
        }
    }
    if csl == known.csl {
        return Ok(());
    }
    write(tx, known.id, &csl, sources).await?;
    audit::append(
        tx,
        Entry {
            actor,
            action: "reference.merge",
            subject: "reference",
            subject_id: Some(known.id.0),
            detail: json!({}),
            evidence: None,
        },
    )
    .await?;
    Ok(())
}

async fn write(tx: &mut Tx, id: ReferenceId, csl: &Value, sources: &Sources) -> Result<(), DbError> {
    let item = model::read(csl);
    let drawn = Drawn::of(&item);
    diesel::update(reference_records::table.find(id))
        .set((
            reference_records::csl.eq(csl),
            reference_records::title.eq(&drawn.title),
            reference_records::year.eq(drawn.year),
            reference_records::doi.eq(&drawn.doi),
            reference_records::pmid.eq(&drawn.pmid),
            reference_records::pmcid.eq(&drawn.pmcid),
            reference_records::isbn.eq(&drawn.isbn),
            reference_records::trusted.eq(trust::is_trusted(&item, sources)),
            reference_records::version.eq(reference_records::version + 1),
            reference_records::updated_at.eq(tx.now),
        ))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A key from the first author's name and the year: `okafor2021`.
fn make_key(item: &Item, year: Option<i32>) -> String {
    let first = item.author.iter().chain(&item.editor).next();
    let name = first.map(|name| if name.family.is_empty() { name.literal.as_str() } else { name.family.as_str() });
    let name = name.filter(|name| !name.is_empty()).unwrap_or(&item.title);
    let name: String = crate::core::text::slugify(name).chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    let name = if name.is_empty() { "source" } else { &name };
    year.map_or_else(|| name.to_owned(), |year| format!("{name}{year}"))
}

/// The key, or the key with the first free ending: `okafor2021b`, `okafor2021-27`.
async fn free_key(conn: &mut AsyncPgConnection, wanted: &str) -> Result<String, DbError> {
    let stem: String = wanted.chars().take(72).collect();
    let pattern = format!("{}%", stem.replace('_', "\\_"));
    let taken: Vec<String> = reference_records::table
        .filter(reference_records::key.like(pattern))
        .select(reference_records::key)
        .load(conn)
        .await?;
    if !taken.iter().any(|key| key == wanted) {
        return Ok(wanted.to_owned());
    }
    let letters = ('b'..='z').map(|letter| format!("{stem}{letter}"));
    let numbers = (27..).map(|number: u32| format!("{stem}-{number}"));
    Ok(letters.chain(numbers).find(|key| !taken.contains(key)).unwrap_or(stem))
}

/// A changed record.
#[derive(Debug)]
pub struct Edited<'a> {
    /// The version the form was opened with.
    pub version: i32,
    /// The whole item.
    pub item: Item,
    /// What is known after its publication.
    pub retraction: Retraction,
    /// Since when.
    pub retraction_year: Option<i32>,
    /// The owner's list.
    pub sources: &'a Sources,
}

/// Why a record was not changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// There is no such record.
    #[error("there is no such source")]
    NotFound,
    /// Somebody changed it after the form was opened; the record as it is now.
    #[error("somebody changed this source after it was opened here")]
    Conflict(Box<Source>),
    /// Another record has its DOI or PubMed id.
    #[error("another source has this identifier")]
    Taken,
    /// The item cannot be kept.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(EditError);

/// Changes a record; false when nothing in it changed. Articles follow through [`crate::articles`]' own verb, which
/// calls this one and is what forms use.
pub async fn edit(tx: &mut Tx, who: &MayEdit, id: ReferenceId, edited: Edited<'_>) -> Result<bool, EditError> {
    let drawn = Drawn::of(&edited.item);
    let (_, csl) = model::prepare(edited.item)?;
    let known: Option<Source> =
        reference_records::table.find(id).select(Source::as_select()).for_update().first(tx.conn()).await.optional()?;
    let known = known.ok_or(EditError::NotFound)?;
    if known.csl == csl && known.retraction == edited.retraction && known.retraction_year == edited.retraction_year {
        return Ok(false);
    }
    if known.version != edited.version {
        return Err(EditError::Conflict(Box::new(known)));
    }
    let others: i64 = reference_records::table
        .filter(reference_records::id.ne(id))
        .filter(
            reference_records::doi
                .eq(drawn.doi.unwrap_or_default())
                .assume_not_null()
                .or(reference_records::pmid.eq(drawn.pmid.unwrap_or_default()).assume_not_null()),
        )
        .count()
        .get_result(tx.conn())
        .await?;
    if others > 0 {
        return Err(EditError::Taken);
    }
    write(tx, id, &csl, edited.sources).await?;
    diesel::update(reference_records::table.find(id))
        .set((
            reference_records::retraction.eq(edited.retraction),
            reference_records::retraction_year.eq(edited.retraction_year),
        ))
        .execute(tx.conn())
        .await?;
    let detail = json!({ "version": known.version + 1, "retraction": edited.retraction });
    audit::append(
        tx,
        Entry {
            actor: who.actor(),
            action: "reference.edit",
            subject: "reference",
            subject_id: Some(id.0),
            detail,
            evidence: None,
        },
    )
    .await?;
    Ok(true)
}
