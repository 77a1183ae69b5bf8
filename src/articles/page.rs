//! What the public page of an article shows: its published version with the live state of its sources.

use chrono::{DateTime, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use tokio::try_join;

use crate::articles::layout::{ShownPicture, ShownProduct};
use crate::articles::links;
use crate::articles::model::Person;
use crate::articles::terms::{self, Place, Term};
use crate::core::ids::{ArticleId, CorrectionId, MediaId, ReferenceId, RevisionId, StaffId};
use crate::core::status::{
    ArticleKind, ArticleState, CommentsMode, CorrectionClass, CreditRole, Evidence, ModerationMode, Retraction,
    TermKind,
};
use crate::db::DbError;
use crate::db::schema::{
    articles, corrections, media, reference_records, revision_citations, revision_credits, revision_media,
    revision_renderings, revision_terms, revisions, staff, terms as named_terms, topics,
};
use crate::render::containers::Action;
use crate::render::outline::{self, Heading};
use crate::render::sanitize::SanitizedHtml;
use crate::urls;

/// What stands at an address.
#[derive(Debug, Clone)]
pub enum Found {
    /// An article or page everyone can read.
    Public(Box<PublicArticle>),
    /// One that was taken back.
    Withdrawn {
        /// Its id.
        id: ArticleId,
        /// When.
        at: DateTime<Utc>,
        /// Why, for readers; may be empty.
        reason: String,
    },
    /// Nothing any more: it is at this path of ours now.
    Moved(String),
    /// Nothing.
    Nothing,
}

/// An article as its page shows it.
#[derive(Debug, Clone)]
pub struct PublicArticle {
    /// Its id.
    pub id: ArticleId,
    /// Article or house page.
    pub kind: ArticleKind,
    /// Its address.
    pub slug: String,
    /// The version that is public.
    pub revision_id: RevisionId,
    /// Its number.
    pub revision_number: i32,
    /// Title.
    pub title: String,
    /// Dek; may be empty.
    pub dek: String,
    /// Key takeaways.
    pub takeaways: Vec<String>,
    /// BCP 47 tag of the text.
    pub language: String,
    /// For search engines; may be empty.
    pub description: String,
    /// First publication.
    pub first_published_at: DateTime<Utc>,
    /// Last change that was more than cosmetic.
    pub updated_at: DateTime<Utc>,
    /// Whether it takes comments.
    pub comments_mode: CommentsMode,
    /// When comments were closed.
    pub comments_closed_at: Option<DateTime<Utc>>,
    /// Who waits for a moderator here; `None`: as the site says.
    pub moderation_mode: Option<ModerationMode>,
    /// Comments everyone can see.
    pub comment_count: i32,
    /// Whether the site has a page on what "Trusted source" means.
    pub explains_trust: bool,
    /// Topics from the top down; empty without one.
    pub topics: Vec<TopicLink>,
    /// Tags, in order.
    pub tags: Vec<Term>,
    /// Where it stands in its series.
    pub series: Option<Place>,
    /// Picture under the title.
    pub lead: Option<LeadPicture>,
    /// The text.
    pub html: SanitizedHtml,
    /// Its headings.
    pub outline: Vec<Heading>,
    /// Products.
    pub products: Vec<ShownProduct>,
    /// Call to action.
    pub action: Option<Action>,
    /// Words of the text.
    pub word_count: u32,
    /// Who is credited, in order.
    pub credits: Vec<Credited>,
    /// The reference list, in order of numbers.
    pub sources: Vec<ListedSource>,
    /// Correction notes, newest first, at most three.
    pub corrections: Vec<CorrectionNote>,
    /// Whether there are more notes than these.
    pub has_more_corrections: bool,
    /// Articles of the same topic, newest first, at most four.
    pub related: Vec<Related>,
}

impl PublicArticle {
    /// Minutes to read it, references excluded (225 words a minute, rounded up).
    #[must_use]
    pub fn minutes(&self) -> u32 {
        outline::reading_minutes(self.word_count)
    }

    /// Those credited with a role, in order.
    pub fn credited(&self, role: CreditRole) -> impl Iterator<Item = &Credited> {
        self.credits.iter().filter(move |credit| credit.role == role)
    }
}

/// A topic's name and address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicLink {
    /// Address: `/topics/{slug}`.
    pub slug: String,
    /// Name.
    pub name: String,
}

/// The picture under the title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadPicture {
    /// Its address and size.
    pub picture: ShownPicture,
    /// Its description; empty when it is decorative.
    pub alt: String,
    /// Its caption; may be empty.
    pub caption: String,
    /// Its credit; may be empty.
    pub credit: String,
}

/// A person credited.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Credited {
    /// Who.
    pub staff_id: StaffId,
    /// As what.
    pub role: CreditRole,
    /// Name.
    pub name: String,
    /// Address: `/authors/{slug}`.
    pub slug: String,
    /// Title; may be empty.
    pub title: String,
    /// Credentials; may be empty.
    pub credentials: String,
}

impl Credited {
    /// Of a person's profile.
    #[must_use]
    pub fn of(person: &Person, role: CreditRole) -> Self {
        Self {
            staff_id: person.id,
            role,
            name: person.name.clone(),
            slug: person.slug.clone(),
            title: person.title.clone(),
            credentials: person.credentials.clone(),
        }
    }

    /// The line under the name: credentials, else the title.
    #[must_use]
    pub fn line(&self) -> &str {
        if self.credentials.is_empty() { &self.title } else { &self.credentials }
    }
}

/// A numbered source: the record as it was cited, and what is known of the work now.
#[derive(Debug, Clone, Queryable)]
pub struct ListedSource {
    /// The record.
    pub id: ReferenceId,
    /// Its key in the library.
    pub key: String,
    /// Its number on the page.
    pub number: i32,
    marks: Vec<Option<String>>,
    /// The CSL-JSON item as it was cited.
    pub csl: Value,
    /// Whether it counts as trusted now.
    pub trusted: bool,
    /// What is known after its publication.
    pub retraction: Retraction,
    /// Since when.
    pub retraction_year: Option<i32>,
    /// What kind of study it is.
    pub evidence: Evidence,
}

impl ListedSource {
    /// Ids of its marks in the text, in order: where the back links lead.
    pub fn marks(&self) -> impl Iterator<Item = &str> {
        self.marks.iter().flatten().map(String::as_str)
    }
}

/// A correction note.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct CorrectionNote {
    /// Its id.
    pub id: CorrectionId,
    /// Its kind.
    pub class: CorrectionClass,
    /// What it says.
    pub text: String,
    /// When readers were told.
    pub published_at: DateTime<Utc>,
    /// Number of the version it belongs to.
    pub revision_number: i32,
}

/// An article to go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Its id.
    pub id: ArticleId,
    /// Its address.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Its topic's name.
    pub topic: String,
    /// Minutes to read it.
    pub minutes: u32,
}

/// What stands at `/{slug}`. Six statements in one round trip; a second one only when there is nothing, or a series.
pub async fn find(conn: &mut AsyncPgConnection, slug: &str) -> Result<Found, DbError> {
    let (core, credits, sources, corrections, related, terms) = {
        let conn = &*conn;
        try_join!(
            find_core(conn, slug),
            list_credits(conn, slug),
            list_sources(conn, slug),
            list_corrections(conn, slug),
            list_related(conn, slug),
            list_terms(conn, slug)
        )?
    };
    let Some(core) = core else {
        let moved = links::find_moved(conn, &urls::article(slug)).await?;
        return Ok(moved.map_or(Found::Nothing, Found::Moved));
    };
    if core.state == ArticleState::Withdrawn {
        let (id, withdrawn_at, reason) = core.withdrawn;
        return Ok(withdrawn_at.map_or(Found::Nothing, |at| Found::Withdrawn { id, at, reason }));
    }
    let mut article = core.article;
    article.credits = credits;
    article.sources = sources;
    article.has_more_corrections = corrections.len() > CORRECTIONS_SHOWN;
    article.corrections = corrections.into_iter().take(CORRECTIONS_SHOWN).collect();
    article.related = related;
    for (kind, term, position) in terms {
        match kind {
            TermKind::Tag => article.tags.push(term),
            TermKind::Series => article.series = Some(terms::place(conn, article.id, term, position).await?),
        }
    }
    Ok(Found::Public(Box::new(article)))
}

/// Correction notes shown on the page itself (reader.md 1).
const CORRECTIONS_SHOWN: usize = 3;
/// Articles to go on with (reader.md 3).
const RELATED_SHOWN: i64 = 4;

struct Core {
    state: ArticleState,
    withdrawn: (ArticleId, Option<DateTime<Utc>>, String),
    article: PublicArticle,
}

#[allow(missing_docs, reason = "made by the macro")]
mod aliases {
    use crate::db::schema::{articles, revisions, topics};
    diesel::alias!(topics as parents: Parents, articles as this: This, revisions as this_revision: ThisRevision);
}
use aliases::{parents, this, this_revision};

type CoreRow = (
    (
        ArticleId,
        ArticleKind,
        ArticleState,
        String,
        Option<DateTime<Utc>>,
        Option<DateTime<Utc>>,
        Option<DateTime<Utc>>,
        String,
    ),
    (CommentsMode, Option<DateTime<Utc>>, Option<ModerationMode>, i32, bool),
    (RevisionId, i32, String, String, Vec<Option<String>>, String, String),
    (String, Value, Value, Option<Value>, i32),
    (Option<String>, Option<String>, Option<String>, Option<String>),
    Option<(MediaId, String, String, Option<i32>, Option<i32>, Option<String>, String, String)>,
);

async fn find_core(mut conn: &AsyncPgConnection, slug: &str) -> Result<Option<Core>, DbError> {
    use {articles as a, media as m, revision_renderings as h, revisions as r, topics as t};
    let explained = this
        .filter(this.field(a::slug).eq(urls::TRUSTED_SLUG))
        .filter(this.field(a::state).eq(ArticleState::Published))
        .select(this.field(a::id));
    let row: Option<CoreRow> = a::table
        .inner_join(r::table.on(a::published_revision_id.eq(r::id.nullable())))
        .inner_join(h::table.on(h::revision_id.eq(r::id)))
        .left_join(t::table.on(r::topic_id.eq(t::id.nullable())))
        .left_join(parents.on(t::parent_id.eq(parents.field(t::id).nullable())))
        .left_join(m::table.on(r::lead_media_id.eq(m::id.nullable())))
        .filter(a::slug.eq(slug))
        .filter(a::state.eq_any([ArticleState::Published, ArticleState::Withdrawn]))
        .select((
            (
                a::id,
                a::kind,
                a::state,
                a::slug,
                a::first_published_at,
                a::updated_at,
                a::withdrawn_at,
                a::withdrawn_reason,
            ),
            (a::comments_mode, a::comments_closed_at, a::moderation_mode, a::comment_count, exists(explained)),
            (r::id, r::number, r::title, r::dek, r::takeaways, r::language, r::description),
            (h::html, h::outline, h::products, h::action, h::word_count),
            (
                t::slug.nullable(),
                t::name.nullable(),
                parents.field(t::slug).nullable(),
                parents.field(t::name).nullable(),
            ),
            (m::id, m::hash, m::name, m::width, m::height, m::alt, m::caption, m::credit).nullable(),
        ))
        .first(&mut conn)
        .await
        .optional()?;
    Ok(row.map(core))
}

fn core(row: CoreRow) -> Core {
    let (about, comments, version, rendering, topic, lead) = row;
    let (id, kind, state, slug, first_published_at, updated_at, withdrawn_at, reason) = about;
    let (comments_mode, comments_closed_at, moderation_mode, comment_count, explains_trust) = comments;
    let (revision_id, revision_number, title, dek, takeaways, language, description) = version;
    let (html, outline, products, action, word_count) = rendering;
    let (topic_slug, topic_name, parent_slug, parent_name) = topic;
    let topics = [parent_slug.zip(parent_name), topic_slug.zip(topic_name)];
    let first_published_at = first_published_at.unwrap_or_default();
    let article = PublicArticle {
        id,
        kind,
        slug,
        revision_id,
        revision_number,
        title,
        dek,
        language,
        description,
        first_published_at,
        takeaways: takeaways.into_iter().flatten().collect(),
        updated_at: updated_at.unwrap_or(first_published_at),
        comments_mode,
        comments_closed_at,
        moderation_mode,
        comment_count,
        explains_trust,
        topics: topics.into_iter().flatten().map(|(slug, name)| TopicLink { slug, name }).collect(),
        tags: Vec::new(),
        series: None,
        lead: lead.map(|(_, hash, name, width, height, alt, caption, credit)| LeadPicture {
            picture: ShownPicture { path: urls::media(&hash, &name), width: pixels(width), height: pixels(height) },
            alt: alt.unwrap_or_default(),
            caption,
            credit,
        }),
        html: SanitizedHtml::from_revision_column(html),
        outline: serde_json::from_value(outline).unwrap_or_default(),
        products: serde_json::from_value(products).unwrap_or_default(),
        action: action.and_then(|action| serde_json::from_value(action).ok()),
        word_count: u32::try_from(word_count).unwrap_or(0),
        credits: Vec::new(),
        sources: Vec::new(),
        corrections: Vec::new(),
        has_more_corrections: false,
        related: Vec::new(),
    };
    Core { state, withdrawn: (id, withdrawn_at, reason), article }
}

fn pixels(size: Option<i32>) -> u32 {
    size.and_then(|size| u32::try_from(size).ok()).unwrap_or(0)
}

async fn list_credits(mut conn: &AsyncPgConnection, slug: &str) -> Result<Vec<Credited>, DbError> {
    let credits = articles::table
        .inner_join(
            revision_credits::table.on(articles::published_revision_id.eq(revision_credits::revision_id.nullable())),
        )
        .inner_join(staff::table.on(staff::id.eq(revision_credits::staff_id)))
        .filter(articles::slug.eq(slug))
        .order(revision_credits::position)
        .select((staff::id, revision_credits::role, staff::name, staff::slug, staff::title, staff::credentials))
        .load(&mut conn)
        .await?;
    Ok(credits)
}

async fn list_sources(mut conn: &AsyncPgConnection, slug: &str) -> Result<Vec<ListedSource>, DbError> {
    use {reference_records as s, revision_citations as c};
    let sources = articles::table
        .inner_join(c::table.on(articles::published_revision_id.eq(c::revision_id.nullable())))
        .inner_join(s::table.on(s::id.eq(c::reference_id)))
        .filter(articles::slug.eq(slug))
        .order(c::number)
        .select((
            s::id,
            s::key,
            c::number,
            c::marks,
            c::csl,
            s::trusted,
            s::retraction,
            s::retraction_year,
            s::evidence,
        ))
        .load(&mut conn)
        .await?;
    Ok(sources)
}

async fn list_corrections(mut conn: &AsyncPgConnection, slug: &str) -> Result<Vec<CorrectionNote>, DbError> {
    let notes = articles::table
        .inner_join(corrections::table)
        .inner_join(revisions::table.on(revisions::id.eq(corrections::revision_id)))
        .filter(articles::slug.eq(slug))
        .order(corrections::published_at.desc())
        .limit(i64::try_from(CORRECTIONS_SHOWN).unwrap_or(3) + 1)
        .select((corrections::id, corrections::class, corrections::text, corrections::published_at, revisions::number))
        .load(&mut conn)
        .await?;
    Ok(notes)
}

async fn list_terms(mut conn: &AsyncPgConnection, slug: &str) -> Result<Vec<(TermKind, Term, i32)>, DbError> {
    let listed = articles::table
        .inner_join(
            revision_terms::table.on(articles::published_revision_id.eq(revision_terms::revision_id.nullable())),
        )
        .inner_join(named_terms::table.on(named_terms::id.eq(revision_terms::term_id)))
        .filter(articles::slug.eq(slug))
        .filter(articles::kind.eq(ArticleKind::Article))
        .order((revision_terms::kind, revision_terms::position))
        .select((revision_terms::kind, Term::as_select(), revision_terms::position))
        .load(&mut conn)
        .await?;
    Ok(listed)
}

async fn list_related(mut conn: &AsyncPgConnection, slug: &str) -> Result<Vec<Related>, DbError> {
    use {articles as a, revision_renderings as h, revisions as r, topics as t};
    // By itself, not as two more tables of the join: planning the six took 18 ms.
    let topic = this
        .inner_join(this_revision.on(this.field(a::published_revision_id).eq(this_revision.field(r::id).nullable())))
        .filter(this.field(a::slug).eq(slug))
        .select(this_revision.field(r::topic_id))
        .single_value();
    let rows: Vec<(ArticleId, String, String, String, i32)> = a::table
        .inner_join(r::table.on(a::published_revision_id.eq(r::id.nullable())))
        .inner_join(h::table.on(h::revision_id.eq(r::id)))
        .inner_join(t::table.on(r::topic_id.eq(t::id.nullable())))
        .filter(r::topic_id.eq(topic))
        .filter(a::slug.ne(slug))
        .filter(a::state.eq(ArticleState::Published))
        .filter(a::kind.eq(ArticleKind::Article))
        .order((a::published_at.desc(), a::id.desc()))
        .limit(RELATED_SHOWN)
        .select((a::id, a::slug, r::title, t::name, h::word_count))
        .load(&mut conn)
        .await?;
    let related = rows.into_iter().map(|(id, slug, title, topic, words)| Related {
        id,
        slug,
        title,
        topic,
        minutes: outline::reading_minutes(u32::try_from(words).unwrap_or(0)),
    });
    Ok(related.collect())
}

/// Whether everyone may see a picture: a version that is public holds it, as a figure, a product or under the title.
pub async fn shows_media(conn: &mut AsyncPgConnection, id: MediaId) -> Result<bool, DbError> {
    let in_text: i64 = articles::table
        .inner_join(
            revision_media::table.on(articles::published_revision_id.eq(revision_media::revision_id.nullable())),
        )
        .filter(revision_media::media_id.eq(id))
        .filter(articles::state.eq(ArticleState::Published))
        .count()
        .get_result(conn)
        .await?;
    if in_text > 0 {
        return Ok(true);
    }
    let as_lead: i64 = articles::table
        .inner_join(revisions::table.on(articles::published_revision_id.eq(revisions::id.nullable())))
        .filter(revisions::lead_media_id.eq(id))
        .filter(articles::state.eq(ArticleState::Published))
        .count()
        .get_result(conn)
        .await?;
    Ok(as_lead > 0)
}
