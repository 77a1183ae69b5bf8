//! Addresses of articles: which are free, where an old one leads, and whether a link in a text leads anywhere.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::ids::ArticleId;
use crate::core::status::{ArticleKind, ArticleState};
use crate::core::text;
use crate::db::schema::{articles, redirects};
use crate::db::{DbError, Tx};
use crate::urls;

/// Why an article may not have this address, as a sentence for its form; `None` when it may.
pub async fn address_fault(
    conn: &mut AsyncPgConnection,
    article: ArticleId,
    slug: &str,
) -> Result<Option<String>, DbError> {
    if slug.is_empty() {
        return Ok(Some("Enter an address, or a title to make one from".into()));
    }
    if !text::is_slug(slug) {
        return Ok(Some("Address may hold small letters, digits and single hyphens, such as sleeping-well".into()));
    }
    if urls::is_reserved(slug) && !(slug == urls::PRIVACY_SLUG && is_page(conn, article).await?) {
        return Ok(Some(format!("The site itself uses “{slug}”. Choose another address")));
    }
    let taken: i64 = articles::table
        .filter(articles::slug.eq(slug))
        .filter(articles::id.ne(article))
        .count()
        .get_result(conn)
        .await?;
    if taken > 0 {
        return Ok(Some("Another article has this address. Choose another".into()));
    }
    let old: i64 = redirects::table
        .filter(redirects::path.eq(urls::article(slug)))
        .filter(redirects::article_id.is_distinct_from(Some(article)))
        .count()
        .get_result(conn)
        .await?;
    Ok((old > 0).then(|| {
        "This address leads somewhere else already, because a page that had it was moved. Choose another".into()
    }))
}

/// Whether this is a house page: one may have the address of the privacy page, which shows its text.
async fn is_page(conn: &mut AsyncPgConnection, article: ArticleId) -> Result<bool, DbError> {
    let pages: i64 = articles::table
        .filter(articles::id.eq(article))
        .filter(articles::kind.eq(ArticleKind::Page))
        .count()
        .get_result(conn)
        .await?;
    Ok(pages > 0)
}

/// Whether an address is an article's, or was one's.
pub(crate) async fn is_taken(conn: &mut AsyncPgConnection, slug: &str) -> Result<bool, DbError> {
    let taken: i64 = articles::table.filter(articles::slug.eq(slug)).count().get_result(conn).await?;
    let old: i64 = redirects::table.filter(redirects::path.eq(urls::article(slug))).count().get_result(conn).await?;
    Ok(taken > 0 || old > 0)
}

/// Gives an article its address; the one it had leads to it from now on. An address it once had is its own again.
pub(crate) async fn change_address(tx: &mut Tx, article: ArticleId, old: &str, new: &str) -> Result<(), DbError> {
    diesel::delete(
        redirects::table.filter(redirects::path.eq(urls::article(new))).filter(redirects::article_id.eq(article)),
    )
    .execute(tx.conn())
    .await?;
    diesel::insert_into(redirects::table)
        .values((
            redirects::path.eq(urls::article(old)),
            redirects::article_id.eq(article),
            redirects::created_at.eq(tx.now),
        ))
        .on_conflict(redirects::path)
        .do_nothing()
        .execute(tx.conn())
        .await?;
    diesel::update(articles::table.find(article)).set(articles::slug.eq(new)).execute(tx.conn()).await?;
    Ok(())
}

/// Where an old whole path leads now: a path of ours. `None` when the path was never moved, or what it led to is
/// neither published nor withdrawn.
pub async fn find_moved(conn: &mut AsyncPgConnection, path: &str) -> Result<Option<String>, DbError> {
    let row: Option<(Option<String>, Option<String>, Option<ArticleState>)> = redirects::table
        .left_join(articles::table)
        .filter(redirects::path.eq(path))
        .select((redirects::target, articles::slug.nullable(), articles::state.nullable()))
        .first(conn)
        .await
        .optional()?;
    let Some((target, slug, state)) = row else { return Ok(None) };
    let is_public = matches!(state, Some(ArticleState::Published | ArticleState::Withdrawn));
    Ok(target.or_else(|| slug.filter(|_| is_public).map(|slug| urls::article(&slug))))
}

/// Those of the paths a text links to (without the leading slash) that lead nowhere. Pages of the site itself
/// (`topics/sleep`) are taken as there.
pub async fn unknown(conn: &mut AsyncPgConnection, paths: &[String]) -> Result<Vec<String>, DbError> {
    let candidates: Vec<&String> =
        paths.iter().filter(|path| !urls::is_reserved(path.split(['/', '.']).next().unwrap_or_default())).collect();
    if candidates.is_empty() {
        return Ok(Vec::new());
    }
    let known: Vec<String> = articles::table
        .filter(articles::slug.eq_any(&candidates))
        .filter(articles::state.eq(ArticleState::Published))
        .select(articles::slug)
        .load(conn)
        .await?;
    let paths: Vec<String> = candidates.iter().map(|path| format!("/{path}")).collect();
    let moved: Vec<String> =
        redirects::table.filter(redirects::path.eq_any(&paths)).select(redirects::path).load(conn).await?;
    let is_known = |path: &str| {
        known.iter().any(|slug| slug == path) || moved.iter().any(|old| old.trim_start_matches('/') == path)
    };
    Ok(candidates.into_iter().filter(|path| !is_known(path)).cloned().collect())
}
