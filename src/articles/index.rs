//! Lists of articles: the front page, topics, tags, series, people, feeds, the site map, and the desk's table.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::articles::layout::ShownPicture;
use crate::articles::model::Person;
use crate::articles::page::{ListedSource, TopicLink};
use crate::core::ids::{ArticleId, MediaId, RevisionId, StaffId, TermId, TopicId};
use crate::core::limits;
use crate::core::status::{ArticleKind, ArticleState, CreditRole, TermKind};
use crate::db::DbError;
use crate::db::schema::{
    article_drafts, articles, media, reference_records, revision_citations, revision_credits, revision_media,
    revision_renderings, revision_terms, revisions, staff, topics,
};
use crate::render::outline;
use crate::render::sanitize::SanitizedHtml;
use crate::urls;

#[allow(missing_docs, reason = "made by the macro")]
mod aliases {
    use crate::db::schema::{revision_terms, topics};
    diesel::alias!(topics as parts: Parts, revision_terms as marked: Marked);
}
use aliases::{marked, parts};

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
    /// The part of a series it is.
    pub part: Option<i32>,
    /// Its picture, and what it shows (empty when decorative).
    pub picture: Option<(ShownPicture, String)>,
}

/// Which articles a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// All.
    Everything,
    /// Those of a topic and its parts.
    Topic(TopicId),
    /// Those with a tag.
    Tag(TermId),
    /// The parts of a series, the first one first.
    Series(TermId),
    /// Those a person is credited on with a role.
    Person(StaffId, CreditRole),
    /// Those published from an instant on and before another.
    Between(DateTime<Utc>, DateTime<Utc>),
}

/// Where the next page of a list begins: after this article.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// Its place in lists.
    pub published_at: DateTime<Utc>,
    /// The part of a series it is; 0 where it is none.
    pub part: i32,
    /// Its id.
    pub id: ArticleId,
}

type StoryRow = (
    (ArticleId, String, Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<DateTime<Utc>>, i32),
    (RevisionId, String, String),
    (i32, Option<i32>),
    (Option<String>, Option<String>),
    Option<(MediaId, String, String, Option<i32>, Option<i32>, Option<String>)>,
);

/// Published articles, newest first, at most `limit`; a series in its own order. House pages are in no list.
pub async fn list(
    conn: &mut AsyncPgConnection,
    of: Of,
    after: Option<After>,
    limit: i64,
) -> Result<Vec<Story>, DbError> {
    use {articles as a, media as m, revision_renderings as h, revision_terms as p, revisions as r, topics as t};
    let mut query = a::table
        .inner_join(r::table.on(a::published_revision_id.eq(r::id.nullable())))
        .inner_join(h::table.on(h::revision_id.eq(r::id)))
        .left_join(t::table.on(r::topic_id.eq(t::id.nullable())))
        .left_join(m::table.on(r::lead_media_id.eq(m::id.nullable())))
        .left_join(p::table.on(p::revision_id.eq(r::id).and(p::kind.eq(TermKind::Series))))
        .filter(a::state.eq(ArticleState::Published))
        .filter(a::kind.eq(ArticleKind::Article))
        .order((a::published_at.desc(), a::id.desc()))
        .limit(limit)
        .select((
            (a::id, a::slug, a::published_at, a::first_published_at, a::updated_at, a::comment_count),
            (r::id, r::title, r::dek),
            (h::word_count, p::position.nullable()),
            (t::slug.nullable(), t::name.nullable()),
            (m::id, m::hash, m::name, m::width, m::height, m::alt).nullable(),
        ))
        .into_boxed();
    match of {
        Of::Everything => {}
        Of::Topic(topic) => {
            let whole = parts
                .filter(parts.field(t::id).eq(topic).or(parts.field(t::parent_id).eq(topic)))
                .select(parts.field(t::id).nullable());
            query = query.filter(r::topic_id.eq_any(whole));
        }
        Of::Between(from, to) => {
            query = query.filter(a::published_at.ge(from)).filter(a::published_at.lt(to));
        }
        Of::Tag(tag) => {
            let tagged = marked.filter(marked.field(p::term_id).eq(tag)).select(marked.field(p::revision_id));
            query = query.filter(r::id.eq_any(tagged));
        }
        Of::Series(series) => {
            query = query.filter(p::term_id.eq(series)).order((p::position.asc(), a::id.asc()));
        }
        Of::Person(person, role) => {
            let credited = revision_credits::table
                .filter(revision_credits::staff_id.eq(person))
                .filter(revision_credits::role.eq(role))
                .select(revision_credits::revision_id);
            query = query.filter(r::id.eq_any(credited));
        }
    }
    if let (Some(after), Of::Series(_)) = (after, of) {
        query = query.filter(p::position.gt(after.part).or(p::position.eq(after.part).and(a::id.gt(after.id))));
    } else if let Some(after) = after {
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
        (words, part),
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
        part,
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
    let at: Option<(Option<DateTime<Utc>>, Option<i32>)> = articles::table
        .left_join(
            revision_terms::table.on(articles::published_revision_id
                .eq(revision_terms::revision_id.nullable())
                .and(revision_terms::kind.eq(TermKind::Series))),
        )
        .filter(articles::id.eq(id))
        .select((articles::published_at, revision_terms::position.nullable()))
        .first(conn)
        .await
        .optional()?;
    Ok(at.and_then(|(at, part)| at.map(|published_at| After { published_at, part: part.unwrap_or(0), id })))
}

/// Months in which articles were published, as year and month in a time zone, newest first.
pub async fn months(conn: &mut AsyncPgConnection, zone: &str) -> Result<Vec<(i32, u32)>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Integer)]
        year: i32,
        #[diesel(sql_type = Integer)]
        month: i32,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select distinct extract(year from local)::int4 as year, extract(month from local)::int4 as month
           from (select published_at at time zone $1 as local from articles where state = 'published' and kind = 'article') a
          order by 1 desc, 2 desc",
    )
    .bind::<Text, _>(zone)
    .load(conn)
    .await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.year, u32::try_from(row.month).ok()?))).collect())
}

/// What a feed carries of an article besides its story.
#[derive(Debug, Clone, Default)]
pub struct FullText {
    /// Key takeaways.
    pub takeaways: Vec<String>,
    /// The text.
    pub html: SanitizedHtml,
    /// The reference list, in order of numbers.
    pub sources: Vec<ListedSource>,
}

/// The whole texts of published versions, two statements for all.
pub async fn full_texts(
    conn: &mut AsyncPgConnection,
    stories: &[Story],
) -> Result<HashMap<RevisionId, FullText>, DbError> {
    use {reference_records as s, revision_citations as c, revision_renderings as h, revisions as r};
    let ids: Vec<RevisionId> = stories.iter().map(|story| story.revision_id).collect();
    let rows: Vec<(RevisionId, String, Vec<Option<String>>)> = h::table
        .inner_join(r::table)
        .filter(h::revision_id.eq_any(&ids))
        .select((h::revision_id, h::html, r::takeaways))
        .load(conn)
        .await?;
    let sources: Vec<(RevisionId, ListedSource)> = c::table
        .inner_join(s::table)
        .filter(c::revision_id.eq_any(&ids))
        .order((c::revision_id, c::number))
        .select((
            c::revision_id,
            (s::id, s::key, c::number, c::marks, c::csl, s::trusted, s::retraction, s::retraction_year, s::evidence),
        ))
        .load(conn)
        .await?;
    let mut texts: HashMap<RevisionId, FullText> = rows
        .into_iter()
        .map(|(id, html, takeaways)| {
            let takeaways = takeaways.into_iter().flatten().collect();
            (id, FullText { takeaways, html: SanitizedHtml::from_revision_column(html), sources: Vec::new() })
        })
        .collect();
    for (id, source) in sources {
        if let Some(text) = texts.get_mut(&id) {
            text.sources.push(source);
        }
    }
    Ok(texts)
}

/// A published article or house page on the map of the site.
#[derive(Debug, Clone)]
pub struct Mapped {
    /// Its address.
    pub slug: String,
    /// Its last change that was more than cosmetic.
    pub updated_at: DateTime<Utc>,
    /// Addresses of its pictures.
    pub pictures: Vec<String>,
}

/// Articles and house pages of one part of the map: those with ids in its span of [`limits::MAP_PART_IDS`].
pub async fn addresses(conn: &mut AsyncPgConnection, part: i64) -> Result<Vec<Mapped>, DbError> {
    use {articles as a, media as m, revision_media as p, revisions as r};
    type Row = (RevisionId, String, Option<DateTime<Utc>>, Option<MediaId>);
    let from = part.saturating_mul(limits::MAP_PART_IDS);
    let rows: Vec<Row> = a::table
        .inner_join(r::table.on(a::published_revision_id.eq(r::id.nullable())))
        .filter(a::state.eq(ArticleState::Published))
        .filter(a::id.ge(from))
        .filter(a::id.lt(from.saturating_add(limits::MAP_PART_IDS)))
        .order(a::id)
        .select((r::id, a::slug, a::updated_at, r::lead_media_id))
        .load(conn)
        .await?;
    let ids: Vec<RevisionId> = rows.iter().map(|(id, ..)| *id).collect();
    let leads: Vec<MediaId> = rows.iter().filter_map(|(.., lead)| *lead).collect();
    let named: Vec<(RevisionId, String, String)> = p::table
        .inner_join(m::table)
        .filter(p::revision_id.eq_any(&ids))
        .order((p::revision_id, m::id))
        .select((p::revision_id, m::hash, m::name))
        .load(conn)
        .await?;
    let leads: HashMap<MediaId, String> = m::table
        .filter(m::id.eq_any(leads))
        .select((m::id, m::hash, m::name))
        .load::<(MediaId, String, String)>(conn)
        .await?
        .into_iter()
        .map(|(id, hash, name)| (id, urls::media(&hash, &name)))
        .collect();
    let mut pictures: HashMap<RevisionId, Vec<String>> = HashMap::new();
    for (id, hash, name) in named {
        pictures.entry(id).or_default().push(urls::media(&hash, &name));
    }
    let mapped = rows.into_iter().map(|(id, slug, at, lead)| {
        let mut shown = pictures.remove(&id).unwrap_or_default();
        shown.extend(lead.and_then(|lead| leads.get(&lead).cloned()));
        shown.dedup();
        Mapped { slug, updated_at: at.unwrap_or_default(), pictures: shown }
    });
    Ok(mapped.collect())
}

/// Parts of the map that hold something: their numbers, and when something in each last changed.
pub async fn map_parts(conn: &mut AsyncPgConnection) -> Result<Vec<(i64, DateTime<Utc>)>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        part: i64,
        #[diesel(sql_type = Timestamptz)]
        changed_at: DateTime<Utc>,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select id / $1 as part, max(updated_at) as changed_at from articles where state = 'published' group by 1 order by 1",
    )
    .bind::<BigInt, _>(limits::MAP_PART_IDS)
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.part, row.changed_at)).collect())
}

/// Addresses of everybody who has a public page.
pub async fn credited(conn: &mut AsyncPgConnection) -> Result<Vec<String>, DbError> {
    let slugs = staff::table
        .inner_join(revision_credits::table)
        .inner_join(articles::table.on(articles::published_revision_id.eq(revision_credits::revision_id.nullable())))
        .filter(articles::state.eq(ArticleState::Published))
        .select(staff::slug)
        .distinct()
        .order(staff::slug)
        .load(conn)
        .await?;
    Ok(slugs)
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
