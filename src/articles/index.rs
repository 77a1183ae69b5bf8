//! Lists of articles: the front page, topics, people, feeds, the site map, and the desk's table.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::articles::layout::ShownPicture;
use crate::articles::model::Person;
use crate::articles::page::TopicLink;
use crate::core::ids::{ArticleId, MediaId, RevisionId, StaffId, TopicId};
use crate::core::status::{ArticleKind, ArticleState, CreditRole};
use crate::db::DbError;
use crate::db::schema::{
    article_drafts, articles, media, revision_citations, revision_credits, revision_renderings, revisions, staff,
    topics,
};
use crate::render::outline;
use crate::render::sanitize::SanitizedHtml;
use crate::urls;

/// An article as a list shows it.
#[derive(Debug, Clone)]
pub struct Story {
    /// Its id.
    pub id: ArticleId,
    /// Its address.
    pub slug: String,
    /// The version that is public.
    pub revision_id: RevisionId,
    /// Title.
    pub title: String,
    /// Dek; may be empty.
    pub dek: String,
    /// Topic.
    pub topic: Option<TopicLink>,
    /// Authors' names, in order.
    pub authors: Vec<String>,
    /// Reviewers' names, in order.
    pub reviewers: Vec<String>,
    /// Its place in lists.
    pub published_at: DateTime<Utc>,
    /// First publication.
    pub first_published_at: DateTime<Utc>,
    /// Last change that was more than cosmetic.
    pub updated_at: DateTime<Utc>,
    /// Minutes to read it.
    pub minutes: u32,
    /// Comments everyone can see.
    pub comment_count: i32,
    /// Sources cited.
    pub source_count: i64,
    /// Its picture, and what it shows (empty when decorative).
    pub picture: Option<(ShownPicture, String)>,
}

/// Which articles a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// All.
    Everything,
    /// Those of these topics' records: a topic, not its parts.
    Topic(TopicId),
    /// Those a person is credited on with a role.
    Person(StaffId, CreditRole),
}

/// Where the next page of a list begins: after this article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// Its place in lists.
    pub published_at: DateTime<Utc>,
    /// Its id.
    pub id: ArticleId,
}

type StoryRow = (
    (ArticleId, String, Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<DateTime<Utc>>, i32),
    (RevisionId, String, String),
    i32,
    (Option<String>, Option<String>),
    Option<(MediaId, String, String, Option<i32>, Option<i32>, Option<String>)>,
);

/// Published articles, newest first, at most `limit`. House pages are in no list.
pub async fn list(
    conn: &mut AsyncPgConnection,
    of: Of,
    after: Option<After>,
    limit: i64,
) -> Result<Vec<Story>, DbError> {
    use {articles as a, media as m, revision_renderings as h, revisions as r, topics as t};
    let mut query = a::table
        .inner_join(r::table.on(a::published_revision_id.eq(r::id.nullable())))
        .inner_join(h::table.on(h::revision_id.eq(r::id)))
        .left_join(t::table.on(r::topic_id.eq(t::id.nullable())))
        .left_join(m::table.on(r::lead_media_id.eq(m::id.nullable())))
        .filter(a::state.eq(ArticleState::Published))
        .filter(a::kind.eq(ArticleKind::Article))
        .order((a::published_at.desc(), a::id.desc()))
        .limit(limit)
        .select((
            (a::id, a::slug, a::published_at, a::first_published_at, a::updated_at, a::comment_count),
            (r::id, r::title, r::dek),
            h::word_count,
            (t::slug.nullable(), t::name.nullable()),
            (m::id, m::hash, m::name, m::width, m::height, m::alt).nullable(),
        ))
        .into_boxed();
    match of {
        Of::Everything => {}
        Of::Topic(topic) => query = query.filter(r::topic_id.eq(topic)),
        Of::Person(person, role) => {
            let credited = revision_credits::table
                .filter(revision_credits::staff_id.eq(person))
                .filter(revision_credits::role.eq(role))
                .select(revision_credits::revision_id);
            query = query.filter(r::id.eq_any(credited));
        }
    }
    if let Some(after) = after {
        query = query.filter(
            a::published_at.lt(after.published_at).or(a::published_at.eq(after.published_at).and(a::id.lt(after.id))),
        );
    }
    let rows: Vec<StoryRow> = query.load(conn).await?;
    let mut stories: Vec<Story> = rows.into_iter().map(story).collect();
    complete(conn, &mut stories).await?;
    Ok(stories)
}

fn story(row: StoryRow) -> Story {
    let (
        (id, slug, published_at, first_published_at, updated_at, comment_count),
        (revision_id, title, dek),
        words,
        topic,
        picture,
    ) = row;
    let published_at = published_at.unwrap_or_default();
    let pixels = |size: Option<i32>| size.and_then(|size| u32::try_from(size).ok()).unwrap_or(0);
    Story {
        id,
        slug,
        revision_id,
        title,
        dek,
        published_at,
        comment_count,
        first_published_at: first_published_at.unwrap_or(published_at),
        updated_at: updated_at.unwrap_or(published_at),
        topic: topic.0.zip(topic.1).map(|(slug, name)| TopicLink { slug, name }),
        minutes: outline::reading_minutes(u32::try_from(words).unwrap_or(0)),
        authors: Vec::new(),
        reviewers: Vec::new(),
        source_count: 0,
        picture: picture.map(|(_, hash, name, width, height, alt)| {
            (
                ShownPicture { path: urls::media(&hash, &name), width: pixels(width), height: pixels(height) },
                alt.unwrap_or_default(),
            )
        }),
    }
}

/// Adds the names and the numbers of sources, two statements for the whole list.
async fn complete(conn: &mut AsyncPgConnection, stories: &mut [Story]) -> Result<(), DbError> {
    let ids: Vec<RevisionId> = stories.iter().map(|story| story.revision_id).collect();
    let (names, counts) = {
        let conn = &*conn;
        let (mut one, mut two) = (conn, conn);
        let names = revision_credits::table
            .inner_join(staff::table)
            .filter(revision_credits::revision_id.eq_any(&ids))
            .order((revision_credits::revision_id, revision_credits::position))
            .select((revision_credits::revision_id, revision_credits::role, staff::name));
        let counts = revision_citations::table
            .filter(revision_citations::revision_id.eq_any(&ids))
            .group_by(revision_citations::revision_id)
            .select((revision_citations::revision_id, count_star()));
        tokio::try_join!(
            names.load::<(RevisionId, CreditRole, String)>(&mut one),
            counts.load::<(RevisionId, i64)>(&mut two)
        )?
    };
    let counts: HashMap<RevisionId, i64> = counts.into_iter().collect();
    for story in stories.iter_mut() {
        story.source_count = counts.get(&story.revision_id).copied().unwrap_or(0);
    }
    for (revision, role, name) in names {
        let Some(story) = stories.iter_mut().find(|story| story.revision_id == revision) else { continue };
        match role {
            CreditRole::Author => story.authors.push(name),
            CreditRole::Reviewer => story.reviewers.push(name),
            CreditRole::Editor | CreditRole::Contributor => {}
        }
    }
    Ok(())
}

/// Where a list goes on after an article, for the `after` of its address; from the start when there is none such.
pub async fn place(conn: &mut AsyncPgConnection, after: Option<ArticleId>) -> Result<Option<After>, DbError> {
    let Some(id) = after else { return Ok(None) };
    let at: Option<Option<DateTime<Utc>>> =
        articles::table.find(id).select(articles::published_at).first(conn).await.optional()?;
    Ok(at.flatten().map(|published_at| After { published_at, id }))
}

/// The text of published versions, for feeds.
pub async fn texts(
    conn: &mut AsyncPgConnection,
    stories: &[Story],
) -> Result<HashMap<RevisionId, SanitizedHtml>, DbError> {
    let ids: Vec<RevisionId> = stories.iter().map(|story| story.revision_id).collect();
    let rows: Vec<(RevisionId, String)> = revision_renderings::table
        .filter(revision_renderings::revision_id.eq_any(ids))
        .select((revision_renderings::revision_id, revision_renderings::html))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(id, html)| (id, SanitizedHtml::from_revision_column(html))).collect())
}

/// Every public address with the day it last changed, house pages included, at most 50,000 (the protocol's limit).
pub async fn addresses(conn: &mut AsyncPgConnection) -> Result<Vec<(String, DateTime<Utc>)>, DbError> {
    let rows: Vec<(String, Option<DateTime<Utc>>)> = articles::table
        .filter(articles::state.eq(ArticleState::Published))
        .order(articles::id.desc())
        .limit(50_000)
        .select((articles::slug, articles::updated_at))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(slug, at)| (slug, at.unwrap_or_default())).collect())
}

/// A person with a public page: credited on something published.
pub async fn find_person(conn: &mut AsyncPgConnection, slug: &str) -> Result<Option<(Person, String)>, DbError> {
    let row: Option<(Person, String)> = staff::table
        .filter(staff::slug.eq(slug))
        .select((Person::as_select(), staff::bio))
        .first(conn)
        .await
        .optional()?;
    let Some((person, bio)) = row else { return Ok(None) };
    let credited: i64 = revision_credits::table
        .inner_join(articles::table.on(articles::published_revision_id.eq(revision_credits::revision_id.nullable())))
        .filter(revision_credits::staff_id.eq(person.id))
        .filter(articles::state.eq(ArticleState::Published))
        .count()
        .get_result(conn)
        .await?;
    Ok((credited > 0).then_some((person, bio)))
}

/// A line of the desk's table.
#[derive(Debug, Clone)]
pub struct DeskLine {
    /// The article.
    pub id: ArticleId,
    /// Article or house page.
    pub kind: ArticleKind,
    /// Where it is.
    pub state: ArticleState,
    /// Its public address.
    pub slug: String,
    /// Title of the working copy; may be empty.
    pub title: String,
    /// Authors' names.
    pub authors: Vec<String>,
    /// When the working copy was last saved.
    pub saved_at: DateTime<Utc>,
    /// Comments everyone can see.
    pub comment_count: i32,
    /// Blocking findings and warnings of the last version.
    pub finding_count: usize,
}

/// Articles for the desk, last begun first, at most `limit`, those with an id below `before`; only those of `own`
/// (who began it or is its author) where that is given.
pub async fn list_for_desk(
    conn: &mut AsyncPgConnection,
    state: Option<ArticleState>,
    own: Option<StaffId>,
    before: Option<ArticleId>,
    limit: i64,
) -> Result<Vec<DeskLine>, DbError> {
    use {article_drafts as d, articles as a, revisions as r};
    let mut query = a::table
        .inner_join(d::table)
        .left_join(r::table.on(d::base_revision_id.eq(r::id.nullable())))
        .filter(a::id.lt(before.map_or(i64::MAX, |id| id.0)))
        .order(a::id.desc())
        .limit(limit)
        .select((
            (a::id, a::kind, a::state, a::slug, a::comment_count),
            (d::title, d::credits, d::saved_at),
            r::findings.nullable(),
        ))
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(a::state.eq(state));
    }
    if let Some(own) = own {
        let credit = serde_json::json!([{ "staff_id": own, "role": CreditRole::Author }]);
        query = query.filter(a::created_by.eq(own).assume_not_null().or(d::credits.contains(credit)));
    }
    let rows: Vec<DeskRow> = query.load(conn).await?;
    let credited: Vec<Vec<StaffId>> = rows.iter().map(|(_, (_, credits, _), _)| authors(credits)).collect();
    let names: HashMap<StaffId, String> = staff::table
        .filter(staff::id.eq_any(credited.iter().flatten()))
        .select((staff::id, staff::name))
        .load::<(StaffId, String)>(conn)
        .await?
        .into_iter()
        .collect();
    let lines = rows.into_iter().zip(credited).map(|((about, (title, _, saved_at), findings), credited)| {
        let (id, kind, state, slug, comment_count) = about;
        let authors = credited.iter().filter_map(|id| names.get(id).cloned()).collect();
        DeskLine { id, kind, state, slug, title, authors, saved_at, comment_count, finding_count: weighty(findings) }
    });
    Ok(lines.collect())
}

fn authors(credits: &serde_json::Value) -> Vec<StaffId> {
    let credits: Vec<crate::articles::model::Credit> = serde_json::from_value(credits.clone()).unwrap_or_default();
    credits.into_iter().filter(|credit| credit.role == CreditRole::Author).map(|credit| credit.staff_id).collect()
}

/// Findings that are more than notes.
fn weighty(findings: Option<serde_json::Value>) -> usize {
    use crate::render::finding::{Finding, FindingLevel};
    let findings: Vec<Finding> =
        findings.and_then(|findings| serde_json::from_value(findings).ok()).unwrap_or_default();
    findings.iter().filter(|finding| finding.level != FindingLevel::Note).count()
}

/// A row of the desk's list: the article, its working copy, the findings of its last version.
type DeskRow = (
    (ArticleId, ArticleKind, ArticleState, String, i32),
    (String, serde_json::Value, DateTime<Utc>),
    Option<serde_json::Value>,
);
