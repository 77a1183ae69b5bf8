//! The library: finding, adding, editing and importing records.

use data_encoding::HEXLOWER;
use diesel::dsl::Eq;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::audit::{self, Actor, Entry};
use crate::core::ids::ReferenceId;
use crate::core::limits::{REFERENCE_BYTES_MAX, REFERENCE_KEYS_TRIED};
use crate::core::status::{Evidence, Retraction};
use crate::db::schema::reference_records;
use crate::db::{DbError, Tx};
use crate::references::csl::Item;
use crate::references::formats::read::Hints;
use crate::references::model::{self, Drawn, ItemError, Source};
use crate::references::{identifiers, merge, trust};
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

/// A record to be.
#[derive(Debug)]
pub struct NewRecord<'a> {
    /// The work.
    pub item: Item,
    /// The key it should have; it wins over the item's own `id`.
    pub key: Option<&'a str>,
    /// What is said of the work besides.
    pub hints: Hints,
    /// Where it comes from.
    pub origin: Origin,
    /// The owner's list.
    pub sources: &'a Sources,
}

/// Where a record comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A person typed it: imports leave its fields alone.
    Typed,
    /// A file.
    File,
}

/// Adds a work, or merges it into its record ([`merge`] says how).
///
/// One record per work. It is the same work with the same DOI or PubMed number; else with the same key, or the same
/// title and year, unless something says otherwise ([`merge::says_otherwise`]).
pub async fn add(tx: &mut Tx, actor: Actor, new: NewRecord<'_>) -> Result<Placed, AddError> {
    let NewRecord { item, key, hints, origin, sources } = new;
    let drawn = Drawn::of(&item);
    let made = make_key(&item, drawn.year);
    let (id, csl) = model::prepare(item.clone())?;
    if key.is_some_and(|key| !model::is_key(key)) {
        return Err(AddError::Key);
    }
    let wanted = key.map(str::to_owned).or(id);
    let candidates = find_candidates(tx.conn(), &drawn, wanted.as_deref()).await?;
    if let Some(known) = same_work(&candidates, &item, &drawn, wanted.as_deref()) {
        let brought = without_identifiers_of_others(csl, &drawn, known, &candidates);
        fill(tx, actor, known, &brought, hints, sources).await?;
        return Ok(Placed::Merged { id: known.id, key: known.key.clone() });
    }
    let key = free_key(tx.conn(), &wanted.unwrap_or(made), &drawn).await?;
    let edited: Vec<&String> = match origin {
        Origin::Typed => csl.as_object().map(|fields| fields.keys().collect()).unwrap_or_default(),
        Origin::File => Vec::new(),
    };
    let id: ReferenceId = diesel::insert_into(reference_records::table)
        .values((
            reference_records::key.eq(&key),
            reference_records::csl.eq(&csl),
            reference_records::edited_fields.eq(edited),
            columns(&drawn, &item, sources),
            (
                reference_records::evidence.eq(hints.evidence),
                reference_records::retraction.eq(hints.retraction),
                reference_records::retraction_year.eq(hints.retraction_year),
            ),
            reference_records::created_at.eq(tx.now),
            reference_records::updated_at.eq(tx.now),
        ))
        .returning(reference_records::id)
        .get_result(tx.conn())
        .await?;
    log(tx, actor, "reference.add", id, json!({})).await?;
    Ok(Placed::Added { id, key })
}

async fn log(tx: &mut Tx, actor: Actor, action: &str, id: ReferenceId, detail: Value) -> Result<(), DbError> {
    let entry = Entry { actor, action, subject: "reference", subject_id: Some(id.0), detail, evidence: None };
    audit::append(tx, entry).await?;
    Ok(())
}

/// The advisory lock of the library: "refs" in ASCII.
const LIBRARY_LOCK: i64 = 0x7265_6673;

/// Keeps others from adding to the library until the transaction ends: two imports at once could both find that a work
/// is not there.
pub async fn lock_library(tx: &mut Tx) -> Result<(), DbError> {
    diesel::sql_query(format!("select pg_advisory_xact_lock({LIBRARY_LOCK})")).execute(tx.conn()).await?;
    Ok(())
}

/// Records that may be of the same work: with one of its identifiers, its key, or its title and year.
async fn find_candidates(
    conn: &mut AsyncPgConnection,
    drawn: &Drawn,
    key: Option<&str>,
) -> Result<Vec<Source>, DbError> {
    let found = reference_records::table
        .filter(
            reference_records::doi
                .eq(drawn.doi.clone().unwrap_or_default())
                .assume_not_null()
                .or(reference_records::pmid.eq(drawn.pmid.clone().unwrap_or_default()).assume_not_null())
                .or(reference_records::key.eq(key.unwrap_or_default()))
                .or(reference_records::title_digest
                    .eq(drawn.title_digest.clone().unwrap_or_default())
                    .assume_not_null()),
        )
        .order(reference_records::id)
        .limit(CANDIDATES_MAX)
        .select(Source::as_select())
        .load(conn)
        .await?;
    Ok(found)
}

/// Records compared with a new one: works that share title and year are few, a file made to hurt has thousands.
const CANDIDATES_MAX: i64 = 50;

fn same_work<'c>(candidates: &'c [Source], item: &Item, drawn: &Drawn, key: Option<&str>) -> Option<&'c Source> {
    let agrees = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
    let by_identifier =
        candidates.iter().find(|known| agrees(&known.doi, &drawn.doi) || agrees(&known.pmid, &drawn.pmid));
    let otherwise = |known: &Source| merge::says_otherwise(&known.item(), item);
    let by_key = || {
        candidates
            .iter()
            .find(|known| Some(known.key.as_str()) == key && !is_another(known, drawn) && !otherwise(known))
    };
    let by_title = || {
        candidates.iter().find(|known| {
            drawn.title_digest.is_some()
                && Drawn::of(&known.item()).title_digest == drawn.title_digest
                && !otherwise(known)
        })
    };
    by_identifier.or_else(by_key).or_else(by_title)
}

/// Whether a record with the same key has a title of its own: `smith2020` is many works.
fn is_another(known: &Source, drawn: &Drawn) -> bool {
    let fold = |title: &str| -> String {
        title.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let (one, other) = (fold(&known.title), fold(&drawn.title));
    !one.contains(&other) && !other.contains(&one)
}

/// What a work brings, without an identifier that another record holds: a DOI can be one record's only.
fn without_identifiers_of_others(mut csl: Value, drawn: &Drawn, known: &Source, candidates: &[Source]) -> Value {
    let others = || candidates.iter().filter(|other| other.id != known.id);
    if let Some(fields) = csl.as_object_mut() {
        if others().any(|other| other.doi.is_some() && other.doi == drawn.doi) {
            fields.remove("DOI");
        }
        if others().any(|other| other.pmid.is_some() && other.pmid == drawn.pmid) {
            fields.remove("PMID");
        }
    }
    csl
}

/// Makes the record richer by what an item brings.
async fn fill(
    tx: &mut Tx,
    actor: Actor,
    known: &Source,
    brought: &Value,
    hints: Hints,
    sources: &Sources,
) -> Result<(), DbError> {
    let merged = match (known.csl.as_object(), brought.as_object()) {
        (Some(record), Some(brought)) => Value::Object(merge::merge(record, brought, |field| known.is_edited(field))),
        _ => known.csl.clone(),
    };
    // Together they may be more than a record holds: then it stays as it is.
    let fits = merged.to_string().len() <= REFERENCE_BYTES_MAX;
    let merged = if fits { merged } else { known.csl.clone() };
    let takes_evidence =
        known.evidence == Evidence::None && hints.evidence != Evidence::None && !known.is_edited(EVIDENCE);
    let takes_retraction =
        known.retraction == Retraction::None && hints.retraction != Retraction::None && !known.is_edited(RETRACTION);
    if merged == known.csl && !takes_evidence && !takes_retraction {
        return Ok(());
    }
    write(tx, known.id, &merged, sources).await?;
    if takes_evidence || takes_retraction {
        let evidence = if takes_evidence { hints.evidence } else { known.evidence };
        let (retraction, since) = if takes_retraction {
            (hints.retraction, hints.retraction_year)
        } else {
            (known.retraction, known.retraction_year)
        };
        diesel::update(reference_records::table.find(known.id))
            .set((
                reference_records::evidence.eq(evidence),
                reference_records::retraction.eq(retraction),
                reference_records::retraction_year.eq(since),
            ))
            .execute(tx.conn())
            .await?;
    }
    log(tx, actor, "reference.merge", known.id, json!({})).await
}

/// The name under which `edited_fields` holds the kind of study.
const EVIDENCE: &str = "evidence";
/// The name under which `edited_fields` holds what happened after publication.
const RETRACTION: &str = "retraction";

type Columns = (
    Eq<reference_records::title, String>,
    Eq<reference_records::year, Option<i32>>,
    Eq<reference_records::doi, Option<String>>,
    Eq<reference_records::pmid, Option<String>>,
    Eq<reference_records::pmcid, Option<String>>,
    Eq<reference_records::isbn, Option<String>>,
    Eq<reference_records::title_digest, Option<Vec<u8>>>,
    Eq<reference_records::trusted, bool>,
);

fn columns(drawn: &Drawn, item: &Item, sources: &Sources) -> Columns {
    let drawn = drawn.clone();
    (
        reference_records::title.eq(drawn.title),
        reference_records::year.eq(drawn.year),
        reference_records::doi.eq(drawn.doi),
        reference_records::pmid.eq(drawn.pmid),
        reference_records::pmcid.eq(drawn.pmcid),
        reference_records::isbn.eq(drawn.isbn),
        reference_records::title_digest.eq(drawn.title_digest),
        reference_records::trusted.eq(trust::is_trusted(item, sources)),
    )
}

async fn write(tx: &mut Tx, id: ReferenceId, csl: &Value, sources: &Sources) -> Result<(), DbError> {
    let item = model::read(csl);
    let now = tx.now;
    diesel::update(reference_records::table.find(id))
        .set((
            reference_records::csl.eq(csl),
            columns(&Drawn::of(&item), &item, sources),
            reference_records::version.eq(reference_records::version + 1),
            reference_records::updated_at.eq(now),
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

/// The key, or the key with a letter (`okafor2021b`), or with a digest of the work (`okafor2021-3fa20b`): a file of
/// thousands of works by one author in one year costs no more for each.
async fn free_key(conn: &mut AsyncPgConnection, wanted: &str, drawn: &Drawn) -> Result<String, DbError> {
    let stem: String = wanted.chars().take(60).collect(); // with the longest digest a key still fits its column
    let letters = ('b'..='z').map(|letter| format!("{stem}{letter}"));
    let digests = (0..REFERENCE_KEYS_TRIED).map(|nth| {
        let digest = Sha256::digest(format!("{nth}:{}:{:?}:{:?}", drawn.title, drawn.doi, drawn.pmid).as_bytes());
        format!("{stem}-{}", HEXLOWER.encode(digest.get(..3 + nth / 4).unwrap_or(&digest)))
    });
    let tried: Vec<String> = std::iter::once(wanted.to_owned()).chain(letters).chain(digests).collect();
    let taken: Vec<String> = reference_records::table
        .filter(reference_records::key.eq_any(&tried))
        .select(reference_records::key)
        .load(conn)
        .await?;
    let last = tried.last().cloned().unwrap_or(stem);
    Ok(tried.into_iter().find(|key| !taken.contains(key)).unwrap_or(last))
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
    /// What kind of study it is.
    pub evidence: Evidence,
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
    let same_standing = known.retraction == edited.retraction && known.retraction_year == edited.retraction_year;
    if known.csl == csl && same_standing && known.evidence == edited.evidence {
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
    let mut fields = known.edited_with(&csl);
    fields.extend((!same_standing).then(|| RETRACTION.to_owned()));
    fields.extend((known.evidence != edited.evidence).then(|| EVIDENCE.to_owned()));
    write(tx, id, &csl, edited.sources).await?;
    diesel::update(reference_records::table.find(id))
        .set((
            reference_records::retraction.eq(edited.retraction),
            reference_records::retraction_year.eq(edited.retraction_year),
            reference_records::evidence.eq(edited.evidence),
            reference_records::edited_fields.eq(fields),
        ))
        .execute(tx.conn())
        .await?;
    let detail = json!({ "version": known.version + 1, "retraction": edited.retraction, "evidence": edited.evidence });
    log(tx, who.actor(), "reference.edit", id, detail).await?;
    Ok(true)
}
