//! Terms: the tags of an article, and the series it is a part of.
//!
//! A term is known by its name. One that a reader would take for another (same words in small letters, without accents
//! and signs) is that other one and keeps its spelling. Terms are made with the first version that carries them: what is
//! typed into a working copy makes nothing. A term is public while a published article carries it.

use data_encoding::HEXLOWER;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use sha2::{Digest, Sha256};

use crate::articles::model::{Fields, Part};
use crate::core::fold::Folded;
use crate::core::ids::{ArticleId, RevisionId, TermId};
use crate::core::limits;
use crate::core::status::{ArticleKind, ArticleState, TermKind};
use crate::core::text;
use crate::db::schema::{articles, revision_terms, revisions, terms};
use crate::db::{DbError, Tx};

/// A tag or a series.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
pub struct Term {
    /// Its id.
    pub id: TermId,
    /// Its address: `/tags/{slug}`, `/series/{slug}`.
    pub slug: String,
    /// Its name.
    pub name: String,
}

/// A name as it is compared; empty when it holds no letter and no digit.
#[must_use]
pub fn fold(name: &str) -> String {
    Folded::of(name).as_str().trim().to_owned()
}

/// The fields with the names of known terms spelled as they are known.
pub async fn settle(conn: &mut AsyncPgConnection, mut fields: Fields) -> Result<Fields, DbError> {
    if fields.tags.is_empty() && fields.part.is_none() {
        return Ok(fields);
    }
    let names = fields.tags.iter().chain(fields.part.iter().map(|part| &part.series));
    let folds: Vec<String> = names.map(|name| fold(name)).collect();
    let known: Vec<(TermKind, String, String)> = terms::table
        .filter(terms::folded.eq_any(folds))
        .select((terms::kind, terms::folded, terms::name))
        .load(conn)
        .await?;
    let settle = |kind, name: &mut String| {
        let folded = fold(name);
        if let Some((.., spelled)) = known.iter().find(|(one, other, _)| *one == kind && *other == folded) {
            name.clone_from(spelled);
        }
    };
    fields.tags.iter_mut().for_each(|tag| settle(TermKind::Tag, tag));
    fields.part.iter_mut().for_each(|part| settle(TermKind::Series, &mut part.series));
    Ok(fields)
}

/// Puts the terms of a new version on it; those not known yet are made.
pub(crate) async fn attach(tx: &mut Tx, revision: RevisionId, fields: &Fields) -> Result<(), DbError> {
    let tags = fields.tags.iter().zip(1_i32..).map(|(tag, place)| (TermKind::Tag, tag.as_str(), place));
    let series = fields.part.iter().map(|part| (TermKind::Series, part.series.as_str(), part.number));
    let mut wanted: Vec<(TermKind, &str, i32)> = tags.chain(series).collect();
    // In the same order always: of two who make the same terms at once, one waits for the other.
    wanted.sort_by_cached_key(|(kind, name, _)| (*kind, fold(name)));
    let mut rows = Vec::new();
    for (kind, name, position) in wanted {
        let term = find_or_make(tx, kind, name).await?;
        rows.push((
            revision_terms::revision_id.eq(revision),
            revision_terms::term_id.eq(term),
            revision_terms::kind.eq(kind),
            revision_terms::position.eq(position),
        ));
    }
    diesel::insert_into(revision_terms::table).values(rows).execute(tx.conn()).await?;
    Ok(())
}

async fn find_or_make(tx: &mut Tx, kind: TermKind, name: &str) -> Result<TermId, DbError> {
    let folded = fold(name);
    if let Some(known) = find_folded(tx.conn(), kind, &folded).await? {
        return Ok(known);
    }
    for slug in slugs(name, &folded) {
        let made: Option<TermId> = diesel::insert_into(terms::table)
            .values((
                terms::kind.eq(kind),
                terms::slug.eq(slug),
                terms::name.eq(name),
                terms::folded.eq(&folded),
                terms::created_at.eq(tx.now),
            ))
            .on_conflict_do_nothing()
            .returning(terms::id)
            .get_result(tx.conn())
            .await
            .optional()?;
        // Somebody made it at this moment, or another name has the address.
        let made = match made {
            Some(made) => Some(made),
            None => find_folded(tx.conn(), kind, &folded).await?,
        };
        if let Some(made) = made {
            return Ok(made);
        }
    }
    Err(diesel::result::Error::NotFound.into())
}

async fn find_folded(conn: &mut AsyncPgConnection, kind: TermKind, folded: &str) -> Result<Option<TermId>, DbError> {
    let known = terms::table.filter(terms::kind.eq(kind)).filter(terms::folded.eq(folded));
    Ok(known.select(terms::id).first(conn).await.optional()?)
}

/// Addresses a term may have, best first. Names of other scripts may be written alike in Latin letters, or not at all:
/// a few digits of the name's digest tell them apart.
fn slugs(name: &str, folded: &str) -> impl Iterator<Item = String> {
    let plain = text::slugify(name);
    let digest = Sha256::digest(folded.as_bytes());
    let digits = HEXLOWER.encode(digest.get(..4).unwrap_or(&digest));
    let short: String = plain.chars().take(limits::SLUG_CHARS_MAX - digits.len() - 1).collect();
    let told_apart = if plain.is_empty() { digits } else { format!("{}-{digits}", short.trim_end_matches('-')) };
    [plain, told_apart].into_iter().filter(|slug| !slug.is_empty())
}

/// Tags and place in a series of a version.
pub(crate) async fn of_revision(
    conn: &mut AsyncPgConnection,
    revision: RevisionId,
) -> Result<(Vec<String>, Option<Part>), DbError> {
    let rows: Vec<(TermKind, String, i32)> = revision_terms::table
        .inner_join(terms::table.on(terms::id.eq(revision_terms::term_id)))
        .filter(revision_terms::revision_id.eq(revision))
        .order((revision_terms::kind, revision_terms::position))
        .select((revision_terms::kind, terms::name, revision_terms::position))
        .load(conn)
        .await?;
    let (mut tags, mut part) = (Vec::new(), None);
    for (kind, name, position) in rows {
        match kind {
            TermKind::Tag => tags.push(name),
            TermKind::Series => part = Some(Part { series: name, number: position }),
        }
    }
    Ok((tags, part))
}

/// The series these versions are parts of.
pub(crate) async fn series_of(conn: &mut AsyncPgConnection, versions: &[RevisionId]) -> Result<Vec<TermId>, DbError> {
    let series = revision_terms::table
        .filter(revision_terms::revision_id.eq_any(versions))
        .filter(revision_terms::kind.eq(TermKind::Series))
        .select(revision_terms::term_id)
        .distinct()
        .load(conn)
        .await?;
    Ok(series)
}

/// Title of another published article that is the same part of the same series.
pub(crate) async fn part_taken(
    conn: &mut AsyncPgConnection,
    article: ArticleId,
    fields: &Fields,
) -> Result<Option<String>, DbError> {
    let Some(part) = &fields.part else { return Ok(None) };
    let title = articles::table
        .inner_join(revisions::table.on(articles::published_revision_id.eq(revisions::id.nullable())))
        .inner_join(revision_terms::table.on(revision_terms::revision_id.eq(revisions::id)))
        .inner_join(terms::table.on(terms::id.eq(revision_terms::term_id)))
        .filter(terms::kind.eq(TermKind::Series))
        .filter(terms::folded.eq(fold(&part.series)))
        .filter(revision_terms::position.eq(part.number))
        .filter(articles::state.eq(ArticleState::Published))
        .filter(articles::id.ne(article))
        .order(articles::id)
        .select(revisions::title)
        .first(conn)
        .await
        .optional()?;
    Ok(title)
}

/// The public term at an address.
pub async fn find(conn: &mut AsyncPgConnection, kind: TermKind, slug: &str) -> Result<Option<Term>, DbError> {
    let found: Option<Term> = terms::table
        .filter(terms::kind.eq(kind))
        .filter(terms::slug.eq(slug))
        .select(Term::as_select())
        .first(conn)
        .await
        .optional()?;
    let Some(term) = found else { return Ok(None) };
    let public: Option<ArticleId> = revision_terms::table
        .inner_join(articles::table.on(articles::published_revision_id.eq(revision_terms::revision_id.nullable())))
        .filter(revision_terms::term_id.eq(term.id))
        .filter(articles::state.eq(ArticleState::Published))
        .filter(articles::kind.eq(ArticleKind::Article))
        .select(articles::id)
        .first(conn)
        .await
        .optional()?;
    Ok(public.map(|_| term))
}

/// Every public term with its kind, by address.
pub async fn list_public(conn: &mut AsyncPgConnection) -> Result<Vec<(TermKind, String)>, DbError> {
    let listed = terms::table
        .inner_join(revision_terms::table.on(revision_terms::term_id.eq(terms::id)))
        .inner_join(articles::table.on(articles::published_revision_id.eq(revision_terms::revision_id.nullable())))
        .filter(articles::state.eq(ArticleState::Published))
        .filter(articles::kind.eq(ArticleKind::Article))
        .select((terms::kind, terms::slug))
        .distinct()
        .order((terms::kind, terms::slug))
        .load(conn)
        .await?;
    Ok(listed)
}

/// Names of the series last begun, newest first, at most a hundred: what a writer may want to go on with.
pub async fn list_series(conn: &mut AsyncPgConnection) -> Result<Vec<String>, DbError> {
    let names = terms::table
        .filter(terms::kind.eq(TermKind::Series))
        .order(terms::id.desc())
        .limit(100)
        .select(terms::name)
        .load(conn)
        .await?;
    Ok(names)
}

/// What an article's page says of its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The series.
    pub series: Term,
    /// The number of this part.
    pub number: i32,
    /// How many parts there are: as many as are published, or as the last one says it is.
    pub parts: i32,
    /// The part before.
    pub previous: Option<Neighbour>,
    /// The part after.
    pub next: Option<Neighbour>,
}

/// A part of a series beside another.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Neighbour {
    /// Its id.
    pub id: ArticleId,
    /// Its address.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// The number of the part.
    pub number: i32,
}

/// Where a published article stands in its series.
pub(crate) async fn place(
    conn: &mut AsyncPgConnection,
    article: ArticleId,
    series: Term,
    number: i32,
) -> Result<Place, DbError> {
    let all: Vec<Neighbour> = revision_terms::table
        .inner_join(articles::table.on(articles::published_revision_id.eq(revision_terms::revision_id.nullable())))
        .inner_join(revisions::table.on(revisions::id.eq(revision_terms::revision_id)))
        .filter(revision_terms::term_id.eq(series.id))
        .filter(articles::state.eq(ArticleState::Published))
        .filter(articles::kind.eq(ArticleKind::Article))
        .order((revision_terms::position, articles::id))
        .limit(i64::from(limits::SERIES_PARTS_MAX))
        .select((articles::id, articles::slug, revisions::title, revision_terms::position))
        .load(conn)
        .await?;
    let count = i32::try_from(all.len()).unwrap_or(limits::SERIES_PARTS_MAX);
    let parts = all.iter().map(|part| part.number).max().unwrap_or(0).max(count);
    let at = all.iter().position(|part| part.id == article);
    let previous = at.and_then(|at| at.checked_sub(1)).and_then(|at| all.get(at)).cloned();
    let next = at.and_then(|at| all.get(at + 1)).cloned();
    Ok(Place { series, number, parts, previous, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_one_and_every_name_has_an_address() {
        assert_eq!(fold("Shift-work "), fold("SHIFT  wörk"));
        assert_eq!(fold("?!"), "");
        let all = |name: &str| slugs(name, &fold(name)).collect::<Vec<_>>();
        assert_eq!(all("Shift work")[0], "shift-work");
        for name in ["Shift work", "漢字", "\u{a015}\u{1e900}", &"word ".repeat(40)] {
            let slugs = all(name);
            assert!(!slugs.is_empty() && slugs.iter().all(|slug| text::is_slug(slug)), "{name}: {slugs:?}");
        }
        assert_ne!(all("Привет").last(), all("Privet").last(), "two names, two addresses");
    }
}
