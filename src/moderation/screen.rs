//! Screening: the ordered list of rules, and what they are given to judge by.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::try_join;

use crate::core::fold::Folded;
use crate::core::ids::{AddressId, ArticleId, ReaderId};
use crate::core::limits;
use crate::core::status::{ModerationMode, Trust};
use crate::db::DbError;
use crate::db::schema::comments;
use crate::moderation::model::{Outcome, RuleId, Screening, Verdict};
use crate::moderation::rules;
use crate::moderation::word_lists::Lists;
use crate::readers::trust::{self, Standing};

/// A comment as the rules see it.
#[derive(Debug)]
pub struct Case<'a> {
    /// The text as written.
    pub text: &'a str,
    /// The same, folded.
    pub folded: &'a Folded,
    /// Every address in it, as people would read it.
    pub links: &'a [String],
    /// Whether the hidden field was filled in.
    pub is_trapped: bool,
    /// Seconds between opening the page and posting, where that is known.
    pub dwell_seconds: Option<i64>,
    /// What is known of the writer and of what others post.
    pub facts: Facts,
    /// What the site wants.
    pub policy: Policy,
}

/// What the site wants of the rules.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Who waits.
    pub mode: ModerationMode,
    /// Whether this article says so itself.
    pub mode_is_of_article: bool,
    /// Links a newcomer may post without waiting.
    pub newcomer_links: usize,
    /// Approved comments after which a confirmed person is no newcomer to the link rule.
    pub newcomer_until: i64,
    /// Seconds a person needs at least.
    pub dwell_seconds_min: i64,
}

/// What is known beside the text.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Of the writer.
    pub standing: Standing,
    /// Articles the same text stands under since yesterday, this one counted.
    pub same_text_articles: usize,
    /// Comments this article got in [`limits::FLOOD_WINDOW`]: the limit once it is reached, else 0.
    pub recent_on_article: i64,
    /// The word lists.
    pub words: Arc<Lists>,
}

/// Who wrote what where: what [`facts`] looks up.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The article.
    pub article: ArticleId,
    /// The address typed, and the reader where this browser has proved it; `None` for an address nobody has typed
    /// before.
    pub writer: Option<(AddressId, Option<ReaderId>)>,
    /// Digest of the folded text, for a text of some length.
    pub text_digest: Option<&'a [u8]>,
    /// How far approved comments are counted.
    pub newcomer_until: i64,
    /// Now.
    pub now: DateTime<Utc>,
}

/// Looks up what the rules need to know, in one round trip.
pub async fn facts(conn: &AsyncPgConnection, subject: Subject<'_>, words: Arc<Lists>) -> Result<Facts, DbError> {
    let standing = async {
        let Some((address, reader)) = subject.writer else { return Ok(Standing::NOBODY) };
        trust::standing(conn, address, reader, subject.newcomer_until, subject.now).await
    };
    let (standing, (elsewhere, sixtieth)) = try_join!(standing, around(conn, subject))?;
    let same_text_articles = match elsewhere {
        None => 1,
        Some(_) => 1 + articles_with_text(conn, subject).await?,
    };
    let is_flood = sixtieth.is_some_and(|at| at > subject.now - limits::FLOOD_WINDOW);
    let recent_on_article = if is_flood { limits::FLOOD_COMMENTS } else { 0 };
    Ok(Facts { standing, same_text_articles, recent_on_article, words })
}

/// Another article with the same text since yesterday, and the time of the comment that would make the newest a
/// flood.
async fn around(
    mut conn: &AsyncPgConnection,
    subject: Subject<'_>,
) -> Result<(Option<ArticleId>, Option<DateTime<Utc>>), DbError> {
    let elsewhere = comments::table
        .filter(comments::text_digest.eq(subject.text_digest))
        .filter(comments::created_at.gt(subject.now - limits::REPLAY_WINDOW))
        .filter(comments::article_id.ne(subject.article))
        .filter(comments::staff_id.is_null())
        .select(comments::article_id)
        .single_value();
    let sixtieth = comments::table
        .filter(comments::article_id.eq(subject.article))
        .order(comments::id.desc())
        .select(comments::created_at)
        .offset(limits::FLOOD_COMMENTS - 1)
        .single_value();
    Ok(diesel::select((elsewhere, sixtieth)).get_result(&mut conn).await?)
}

async fn articles_with_text(mut conn: &AsyncPgConnection, subject: Subject<'_>) -> Result<usize, DbError> {
    let mut articles: Vec<ArticleId> = comments::table
        .filter(comments::text_digest.eq(subject.text_digest))
        .filter(comments::created_at.gt(subject.now - limits::REPLAY_WINDOW))
        .filter(comments::article_id.ne(subject.article))
        .filter(comments::staff_id.is_null())
        .select(comments::article_id)
        .limit(200)
        .load(&mut conn)
        .await?;
    articles.sort_unstable();
    articles.dedup();
    Ok(articles.len())
}

/// A rule: nothing, or what it does and why.
pub type Rule = fn(&Case<'_>) -> Option<Outcome>;

/// THE list of rules, in the order they speak. Rules that look at the writer alone come last, so that what is
/// said first is about the text.
const RULES: &[Rule] = &[
    rules::trap::check,
    rules::speed::check,
    rules::words::check,
    rules::links::check,
    rules::same_text::check,
    rules::flood::check,
    rules::after_removal::check,
    rules::first_time::check,
    rules::everything::check,
];

/// The rules a trusted reader is still held to (moderation.md 9).
const RULES_FOR_TRUSTED: &[Rule] = &[rules::words::check];

/// The rules an edit is held to: what looks at the text.
const RULES_FOR_EDITS: &[Rule] = &[rules::words::check, rules::links::check, rules::same_text::check];

/// Judges a new comment of a reader. Staff are never screened.
#[must_use]
pub fn screen(case: &Case<'_>) -> Screening {
    let rules = if case.facts.standing.trust == Trust::Trusted { RULES_FOR_TRUSTED } else { RULES };
    Screening(rules.iter().filter_map(|rule| rule(case)).collect())
}

/// Judges a changed text.
#[must_use]
pub fn screen_edit(case: &Case<'_>) -> Screening {
    let rules = if case.facts.standing.trust == Trust::Trusted { RULES_FOR_TRUSTED } else { RULES_FOR_EDITS };
    Screening(rules.iter().filter_map(|rule| rule(case)).collect())
}

/// An outcome that holds.
pub(super) fn hold(
    rule: RuleId,
    version: u32,
    badge: String,
    sentence: String,
    evidence: serde_json::Value,
) -> Outcome {
    Outcome { rule, version, verdict: Verdict::Hold, badge, sentence, evidence }
}

/// An outcome that files as spam.
pub(super) fn spam(
    rule: RuleId,
    version: u32,
    badge: String,
    sentence: String,
    evidence: serde_json::Value,
) -> Outcome {
    Outcome { rule, version, verdict: Verdict::Spam, badge, sentence, evidence }
}

#[cfg(test)]
mod tests;
