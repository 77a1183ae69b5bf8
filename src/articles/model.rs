//! An article's record, its working copy and the fields of both.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};

use crate::articles::terms;
use crate::core::ids::{ArticleId, MediaId, RevisionId, StaffId, TopicId};
use crate::core::limits;
use crate::core::status::{ArticleKind, ArticleState, CommentsMode, CreditRole, ModerationMode};
use crate::core::text;
use crate::db::DbError;
use crate::db::schema::{article_drafts, articles, staff};

/// An article's own record: what holds for all its versions.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = articles)]
pub struct Article {
    /// Its id.
    pub id: ArticleId,
    /// Article or house page.
    pub kind: ArticleKind,
    /// Where it is.
    pub state: ArticleState,
    /// Its address on the site; a placeholder before the first publication.
    pub slug: String,
    /// The version readers see.
    pub published_revision_id: Option<RevisionId>,
    /// When it was first public.
    pub first_published_at: Option<DateTime<Utc>>,
    /// Its place in lists.
    pub published_at: Option<DateTime<Utc>>,
    /// When readers last saw a change that was more than cosmetic.
    pub updated_at: Option<DateTime<Utc>>,
    /// When it was withdrawn.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// Why, for readers; may be empty.
    pub withdrawn_reason: String,
    /// Whether it takes comments.
    pub comments_mode: CommentsMode,
    /// When comments were closed.
    pub comments_closed_at: Option<DateTime<Utc>>,
    /// Who waits for a moderator here; `None`: as the site says.
    pub moderation_mode: Option<ModerationMode>,
    /// Comments everyone can see.
    pub comment_count: i32,
    /// Who began it.
    pub created_by: Option<StaffId>,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
}

/// One person credited, in the order readers see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// Who.
    pub staff_id: StaffId,
    /// As what.
    pub role: CreditRole,
}

/// An article's place in a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The series by name.
    pub series: String,
    /// The number of the part, from 1; parts of the same number stand in the order they were begun.
    pub number: i32,
}

/// What a version holds and a form can change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    /// Title, one line.
    pub title: String,
    /// Address, as typed; made from the title when empty.
    pub slug: String,
    /// One sentence under the title.
    pub dek: String,
    /// Key takeaways, at most [`limits::TAKEAWAYS_MAX`].
    pub takeaways: Vec<String>,
    /// The text in Markdown.
    pub body: String,
    /// Topic.
    pub topic_id: Option<TopicId>,
    /// Tags by name, in order, at most [`limits::TAGS_MAX`].
    pub tags: Vec<String>,
    /// The series it is a part of.
    pub part: Option<Part>,
    /// Picture under the title.
    pub lead_media_id: Option<MediaId>,
    /// Who is credited, in order.
    pub credits: Vec<Credit>,
    /// BCP 47 tag of the text.
    pub language: String,
    /// Description for search engines; the dek stands in when empty.
    pub description: String,
}

/// A field that cannot be kept as it is; the text is never cut (requirements S2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The form field's name.
    pub field: &'static str,
    /// What to do about it.
    pub message: String,
}

impl Fields {
    /// Line ends, white space and an address made from the title where none was typed.
    #[must_use]
    pub fn tidied(mut self) -> Self {
        self.title = text::tidy_line(&self.title);
        self.dek = text::tidy_line(&self.dek);
        self.description = text::tidy_line(&self.description);
        self.takeaways = self.takeaways.iter().map(|one| text::tidy_line(one)).filter(|one| !one.is_empty()).collect();
        self.body = self.body.replace("\r\n", "\n").replace('\r', "\n");
        let plain = self.slug.trim().trim_matches('/').to_owned();
        self.slug = plain;
        if self.slug.is_empty() {
            self.slug = text::slugify(&self.title);
        }
        let mut folds = Vec::new();
        self.tags = self.tags.iter().map(|tag| text::tidy_name(tag)).filter(|tag| !tag.is_empty()).collect();
        self.tags.retain(|tag| {
            let fold = terms::fold(tag);
            let is_new = fold.is_empty() || !folds.contains(&fold);
            folds.push(fold);
            is_new
        });
        if let Some(part) = &mut self.part {
            part.series = text::tidy_name(&part.series);
        }
        self.part = self.part.filter(|part| !part.series.is_empty());
        let mut seen = Vec::new();
        self.credits.retain(|credit| {
            let is_new = !seen.contains(credit);
            seen.push(*credit);
            is_new
        });
        if self.language.is_empty() {
            "en".clone_into(&mut self.language);
        }
        self
    }

    /// What keeps the fields from being saved at all: limits of the columns and characters no field may hold.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut line = |field, name: &str, value: &str, max| {
            let used = value.chars().count();
            if used > max {
                faults.push(Fault {
                    field,
                    message: format!("{name} must be {max} characters or fewer. You have used {used}"),
                });
            } else if text::has_control(value) {
                faults.push(Fault {
                    field,
                    message: format!("{name} holds a character that can’t be kept. Type it again"),
                });
            }
        };
        line("title", "Title", &self.title, limits::TITLE_CHARS_MAX);
        line("slug", "Address", &self.slug, limits::SLUG_CHARS_MAX);
        line("dek", "Dek", &self.dek, limits::DEK_CHARS_MAX);
        for takeaway in &self.takeaways {
            line("takeaways", "Each takeaway", takeaway, limits::TAKEAWAY_CHARS_MAX);
        }
        line("body", "Article", &self.body, limits::ARTICLE_CHARS_MAX);
        for tag in &self.tags {
            line("tags", "Each tag", tag, limits::TAG_CHARS_MAX);
        }
        if let Some(part) = &self.part {
            line("series", "Series", &part.series, limits::SERIES_CHARS_MAX);
        }
        line("description", "Search description", &self.description, limits::DEK_CHARS_MAX);
        if self.takeaways.len() > limits::TAKEAWAYS_MAX {
            let message =
                format!("Key takeaways must be {} or fewer. You have {}", limits::TAKEAWAYS_MAX, self.takeaways.len());
            faults.push(Fault { field: "takeaways", message });
        }
        faults.extend(self.term_faults());
        let is_tag = !self.language.is_empty()
            && self.language.len() <= 35
            && self.language.split('-').all(|part| {
                !part.is_empty() && part.len() <= 8 && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
        if !is_tag {
            faults.push(Fault { field: "language", message: "Language must be a tag such as en or en-GB".into() });
        }
        faults
    }

    fn term_faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.tags.len() > limits::TAGS_MAX {
            let message = format!("Tags must be {} or fewer. You have {}", limits::TAGS_MAX, self.tags.len());
            faults.push(Fault { field: "tags", message });
        }
        if self.tags.iter().any(|tag| terms::fold(tag).is_empty()) {
            faults.push(Fault { field: "tags", message: "Each tag needs a letter or a digit".into() });
        }
        if let Some(part) = &self.part {
            if terms::fold(&part.series).is_empty() {
                faults
                    .push(Fault { field: "series", message: "The name of a series needs a letter or a digit".into() });
            }
            if !(1..=limits::SERIES_PARTS_MAX).contains(&part.number) {
                let message = format!("Part must be a number from 1 to {}", limits::SERIES_PARTS_MAX);
                faults.push(Fault { field: "series_part", message });
            }
        }
        faults
    }

    /// People credited as authors, in order.
    pub fn authors(&self) -> impl Iterator<Item = StaffId> {
        self.credits.iter().filter(|credit| credit.role == CreditRole::Author).map(|credit| credit.staff_id)
    }
}

/// The working copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Whose it is.
    pub article_id: ArticleId,
    /// Save counter: what a form carries as `revision`.
    pub revision: i32,
    /// The version it began as.
    pub base_revision_id: Option<RevisionId>,
    /// What it holds.
    pub fields: Fields,
    /// Who saved it last.
    pub saved_by: Option<StaffId>,
    /// When.
    pub saved_at: DateTime<Utc>,
}

type DraftRow = (
    (ArticleId, i32, Option<RevisionId>, Option<StaffId>, DateTime<Utc>),
    (String, String, String, Vec<Option<String>>, String),
    (Option<TopicId>, Option<MediaId>, serde_json::Value, String, String),
    (Vec<Option<String>>, String, Option<i32>),
);

/// The working copy of an article.
pub async fn find_draft(conn: &mut AsyncPgConnection, article: ArticleId) -> Result<Option<Draft>, DbError> {
    use article_drafts as d;
    let row: Option<DraftRow> = d::table
        .select((
            (d::article_id, d::revision, d::base_revision_id, d::saved_by, d::saved_at),
            (d::title, d::slug, d::dek, d::takeaways, d::body),
            (d::topic_id, d::lead_media_id, d::credits, d::language, d::description),
            (d::tags, d::series, d::series_part),
        ))
        .filter(d::article_id.eq(article))
        .first(conn)
        .await
        .optional()?;
    let Some((about, text, rest, terms)) = row else { return Ok(None) };
    let (article_id, revision, base_revision_id, saved_by, saved_at) = about;
    let (title, slug, dek, takeaways, body) = text;
    let (topic_id, lead_media_id, credits, language, description) = rest;
    let credits = serde_json::from_value(credits)
        .map_err(|error| diesel::result::Error::DeserializationError(Box::new(error)))?;
    let (tags, series, number) = terms;
    let fields = Fields {
        title,
        slug,
        dek,
        takeaways: takeaways.into_iter().flatten().collect(),
        body,
        topic_id,
        tags: tags.into_iter().flatten().collect(),
        part: number.map(|number| Part { series, number }),
        lead_media_id,
        credits,
        language,
        description,
    };
    Ok(Some(Draft { article_id, revision, base_revision_id, fields, saved_by, saved_at }))
}

/// An article's record.
pub async fn find(conn: &mut AsyncPgConnection, article: ArticleId) -> Result<Option<Article>, DbError> {
    Ok(articles::table.find(article).select(Article::as_select()).first(conn).await.optional()?)
}

/// The people an article belongs to: who began it and who is credited as its author in the working copy.
/// What [`crate::staff::authority::MayEdit::covers`] is asked with.
pub async fn people(conn: &mut AsyncPgConnection, article: ArticleId) -> Result<Vec<StaffId>, DbError> {
    let row: Option<(Option<StaffId>, Option<serde_json::Value>)> = articles::table
        .left_join(article_drafts::table.on(article_drafts::article_id.eq(articles::id)))
        .filter(articles::id.eq(article))
        .select((articles::created_by, article_drafts::credits.nullable()))
        .first(conn)
        .await
        .optional()?;
    let Some((created_by, credits)) = row else { return Ok(Vec::new()) };
    let credits: Vec<Credit> = credits.and_then(|credits| serde_json::from_value(credits).ok()).unwrap_or_default();
    let authors = credits.into_iter().filter(|credit| credit.role == CreditRole::Author).map(|credit| credit.staff_id);
    Ok(created_by.into_iter().chain(authors).collect())
}

/// A person who can be credited.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = staff)]
pub struct Person {
    /// Who.
    pub id: StaffId,
    /// Name readers see.
    pub name: String,
    /// Their page: `/authors/{slug}`.
    pub slug: String,
    /// Such as "Sleep physician".
    pub title: String,
    /// Such as "Registered nurse".
    pub credentials: String,
}

/// Everybody who can be credited, by name.
pub async fn list_people(conn: &mut AsyncPgConnection) -> Result<Vec<Person>, DbError> {
    Ok(staff::table.select(Person::as_select()).order(staff::name).load(conn).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_from_the_title_unless_one_is_typed() {
        let fields = Fields { title: "  Sleeping\twell ".into(), ..Fields::default() }.tidied();
        assert_eq!((fields.title.as_str(), fields.slug.as_str()), ("Sleeping well", "sleeping-well"));
        let typed = Fields { title: "A".into(), slug: " /naps/ ".into(), ..Fields::default() }.tidied();
        assert_eq!(typed.slug, "naps");
    }

    #[test]
    fn a_tag_is_there_once_however_it_is_written() {
        let tags = ["  Shift  work", "", "Café", "shift-work", "cafe\u{301}", "\u{200b}"].map(String::from);
        let fields = Fields { tags: tags.into(), ..Fields::default() }.tidied();
        assert_eq!(fields.tags, ["Shift work", "Café"]);
        let part = |series: &str, number| Some(Part { series: series.into(), number });
        let faults = |fields: Fields| fields.tidied().faults().iter().map(|fault| fault.field).collect::<Vec<_>>();
        assert_eq!(faults(Fields { part: part(" \u{200b}", 1), ..Fields::default() }), [""; 0], "no series");
        assert_eq!(faults(Fields { part: part("Nights", 0), ..Fields::default() }), ["series_part"]);
        let many = (0..13).map(|tag| format!("Tag {tag}")).chain(["!?".into(), "x".repeat(61)]).collect();
        assert_eq!(
            faults(Fields { tags: many, part: part("…", 1), ..Fields::default() }),
            ["tags", "tags", "tags", "series"]
        );
    }

    #[test]
    fn nothing_is_cut_and_every_fault_names_its_field() {
        let fields = Fields {
            title: "é".repeat(201),
            takeaways: vec!["a".into(); 8],
            body: "a\0b".into(),
            language: "english please".into(),
            ..Fields::default()
        }
        .tidied();
        assert_eq!(fields.title.chars().count(), 201);
        let fields: Vec<&str> = fields.faults().iter().map(|fault| fault.field).collect();
        assert_eq!(fields, ["title", "body", "takeaways", "language"]);
        assert!(Fields::default().tidied().faults().is_empty(), "an empty draft can be saved");
    }
}
