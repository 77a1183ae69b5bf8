//! What a reader types, read once at the edge; and the words for what is wrong with it (reader.md 5).

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::fold::Folded;
use crate::core::ids::{ArticleId, CommentId, RevisionId};
use crate::core::limits;
use crate::core::status::{ArticleKind, ArticleState, CommentsMode, ModerationMode};
use crate::core::text::{self, Email};
use crate::db::DbError;
use crate::db::schema::{articles, corrections, revision_citations, revisions};
use crate::moderation::rules::links;
use crate::render::comment_markup::{self, CommentText};
use crate::staff::names;
use crate::text_enum;

/// A field of the form, for the message beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The text.
    Body,
    /// The name.
    Name,
    /// The address.
    Email,
}

/// What is wrong with a field, in words for the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where.
    pub field: Field,
    /// What.
    pub message: String,
    /// A comment the message points to ("See it").
    pub see: Option<CommentId>,
}

impl FieldError {
    /// A message beside a field.
    pub fn new(field: Field, message: impl Into<String>) -> Self {
        Self { field, message: message.into(), see: None }
    }
}

#[allow(missing_docs, reason = "made by the macro")]
mod aliases {
    use crate::db::schema::revisions;
    diesel::alias!(revisions as changed: Changed);
}
use aliases::changed;

text_enum! {
    /// What mail the writer asks for.
    pub enum Notify { None = "none", Replies = "replies", Thread = "thread", Article = "article" }
}

/// The article a comment is written under, as readers see it now.
#[derive(Debug, Clone)]
pub struct Place {
    /// The article.
    pub article: ArticleId,
    /// Its address.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// The revision readers see.
    pub revision: RevisionId,
    /// Whether it takes comments.
    pub mode: CommentsMode,
    /// Since when it takes none.
    pub closed_at: Option<DateTime<Utc>>,
    /// Who waits, where the article says so itself.
    pub moderation: Option<ModerationMode>,
    /// The last change of what it says, if there was one: not its first publication, not a mended comma.
    pub updated_at: Option<DateTime<Utc>>,
    /// The version that change made, where readers can look at what it was.
    pub update_number: Option<i32>,
}

/// When an article's last change was, if it has one that was more than cosmetic.
#[must_use]
pub fn last_update(
    first_published_at: Option<DateTime<Utc>>,
    updated_at: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    updated_at.filter(|updated| first_published_at.is_some_and(|first| first < *updated))
}

/// The published article at an address. House pages take no comments and are not found.
pub async fn place(conn: &mut AsyncPgConnection, slug: &str) -> Result<Option<Place>, DbError> {
    type Day = Option<DateTime<Utc>>;
    type Row =
        (ArticleId, String, RevisionId, CommentsMode, Day, Option<ModerationMode>, String, (Day, Day, Option<i32>));
    let told = corrections::table
        .inner_join(changed.on(changed.field(revisions::id).eq(corrections::revision_id)))
        .filter(corrections::article_id.eq(articles::id))
        .filter(corrections::published_at.nullable().eq(articles::updated_at))
        .order(corrections::id.desc())
        .limit(1)
        .select(changed.field(revisions::number))
        .single_value();
    let row: Option<Row> = articles::table
        .inner_join(revisions::table.on(articles::published_revision_id.eq(revisions::id.nullable())))
        .filter(articles::slug.eq(slug))
        .filter(articles::state.eq(ArticleState::Published))
        .filter(articles::kind.eq(ArticleKind::Article))
        .select((
            articles::id,
            revisions::title,
            revisions::id,
            articles::comments_mode,
            articles::comments_closed_at,
            articles::moderation_mode,
            articles::slug,
            (articles::first_published_at, articles::updated_at, told),
        ))
        .get_result(conn)
        .await
        .optional()?;
    let Some((article, title, revision, mode, closed_at, moderation, slug, days)) = row else { return Ok(None) };
    let updated_at = last_update(days.0, days.1);
    let update_number = days.2.filter(|_| updated_at.is_some());
    Ok(Some(Place { article, slug, title, revision, mode, closed_at, moderation, updated_at, update_number }))
}

/// The numbers of a revision's reference list, if `text` may point to one: `[12]` in a comment links to reference 12.
pub async fn references(
    conn: &mut AsyncPgConnection,
    revision: RevisionId,
    text: &str,
) -> Result<BTreeSet<u32>, DbError> {
    let may_point = text.as_bytes().windows(2).any(|pair| matches!(pair, [b'[', b'0'..=b'9']));
    if !may_point {
        return Ok(BTreeSet::new());
    }
    let numbers: Vec<i32> = revision_citations::table
        .filter(revision_citations::revision_id.eq(revision))
        .select(revision_citations::number)
        .load(conn)
        .await?;
    Ok(numbers.into_iter().filter_map(|number| u32::try_from(number).ok()).collect())
}

/// A text that can be a comment, laid out.
#[derive(Debug, Clone)]
pub struct Words {
    // Invariant: between COMMENT_CHARS_MIN and COMMENT_CHARS_MAX characters, without controls.
    body: String,
    /// As readers will see it.
    pub text: CommentText,
    /// For comparison.
    pub folded: Folded,
    /// Every address in it.
    pub links: Vec<String>,
}

impl Words {
    /// Reads a text; renders it, so not inside a transaction.
    ///
    /// **Errors** the message beside the field.
    pub fn parse(typed: &str, references: &BTreeSet<u32>) -> Result<Self, FieldError> {
        let wrong = |message: String| Err(FieldError::new(Field::Body, message));
        let body = text::tidy_multiline(typed);
        let chars = body.chars().count();
        if text::has_control(&body) {
            return wrong(
                "Comment has characters that can’t be used. Delete what you can’t see and type it again".into(),
            );
        }
        if body.chars().all(|c| c.is_whitespace() || text::is_invisible(c)) {
            return wrong("Write your comment".into());
        }
        if chars < limits::COMMENT_CHARS_MIN {
            return wrong(format!("Comment must be at least {} characters", limits::COMMENT_CHARS_MIN));
        }
        if chars > limits::COMMENT_CHARS_MAX {
            let max = text::grouped(limits::COMMENT_CHARS_MAX);
            return wrong(format!("Comment must be {max} characters or fewer. You have used {}", text::grouped(chars)));
        }
        let Ok(text) = comment_markup::comment(&body, references) else {
            return wrong("Comment is nested too deeply. Use fewer quotes or lists inside one another".into());
        };
        let folded = Folded::of(&body);
        let links = links::addresses(&text);
        Ok(Self { body, text, folded, links })
    }

    /// The text as it will be stored.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Refuses a reader's text with more links than any comment may have (decisions 17).
    pub fn check_links(&self) -> Result<(), FieldError> {
        let (count, max) = (self.links.len(), limits::COMMENT_LINKS_MAX);
        if count > max {
            return Err(FieldError::new(
                Field::Body,
                format!("Your comment has {count} links. Post it with {max} or fewer"),
            ));
        }
        Ok(())
    }
}

/// A guest's name: tidied, no web address, not a staff member's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestName {
    // Invariant: 1 to NAME_CHARS_MAX visible characters; its skeleton was no staff member's when it was read.
    name: String,
    skeleton: String,
}

impl GuestName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// By which look-alike names are equal.
    #[must_use]
    pub fn skeleton(&self) -> &str {
        &self.skeleton
    }
}

/// Reads a guest's name. Staff names, and what looks like them, are refused (requirements D7): titles in
/// front make no difference.
///
/// **Errors** the message beside the field, inside; the database, outside.
pub async fn guest_name(
    conn: &mut AsyncPgConnection,
    team: &names::Cached,
    site_name: &str,
    typed: &str,
) -> Result<Result<GuestName, FieldError>, DbError> {
    let name = match tidy_guest_name(typed) {
        Ok(name) => name,
        Err(error) => return Ok(Err(error)),
    };
    let team = team.skeletons(conn).await?;
    let site = text::skeleton(site_name);
    let is_ours = |skeleton: &String| {
        team.contains(skeleton) || (site.len() >= SITE_SKELETON_MIN && skeleton.contains(site.as_str()))
    };
    if skeletons(&name.name).iter().any(is_ours) {
        return Ok(Err(FieldError::new(Field::Name, "Choose another name. That one belongs to someone on our team")));
    }
    Ok(Ok(name))
}

fn tidy_guest_name(typed: &str) -> Result<GuestName, FieldError> {
    let wrong = |message: String| Err(FieldError::new(Field::Name, message));
    let name = text::tidy_name(typed);
    if name.is_empty() || name.chars().all(|c| c.is_whitespace() || unicode_normalization::char::is_combining_mark(c)) {
        return wrong("Enter your name".into());
    }
    if name.chars().count() > limits::NAME_CHARS_MAX {
        return wrong(format!("Name must be {} characters or fewer", limits::NAME_CHARS_MAX));
    }
    if name.contains("://") || name.split_whitespace().any(|word| links::bare_address(word).is_some()) {
        return wrong("Name can’t be a web address".into());
    }
    if name.contains(BADGE_SIGNS) || name.split_whitespace().any(is_badge_word) {
        return wrong("Name can’t look like one of our badges".into());
    }
    let skeleton = text::skeleton(&name);
    Ok(GuestName { name, skeleton })
}

/// Titles people put before their names; "Tomas Hale" and "Dr Tomas Hale" are one person to a reader.
const TITLES: &[&str] = &["dr", "prof", "professor", "mr", "mrs", "ms", "sir", "dame"];

/// Signs that pass for the tick of a badge.
const BADGE_SIGNS: &[char] = &['✓', '✔', '✅', '☑', '🗸', '√', '⍻', '🛡', '🔰'];

/// Words that stand in badges, and those of people who run sites.
const BADGE_WORDS: &[&str] =
    &["admin", "administrator", "author", "editor", "moderator", "reviewer", "staff", "webmaster"];

fn is_badge_word(word: &str) -> bool {
    let skeleton = text::skeleton(word);
    BADGE_WORDS.iter().any(|badge| text::skeleton(badge) == skeleton)
}

/// Letters from which on a site's name may be part of nobody's.
const SITE_SKELETON_MIN: usize = 6;

/// What a name may be taken for: itself, with and without a title, two words the other way round, and each run of two
/// words or more in it ("Miriam Achebe from Harbour").
fn skeletons(name: &str) -> Vec<String> {
    let is_title = |word: &&str| TITLES.contains(&word.trim_end_matches('.').to_lowercase().as_str());
    let words: Vec<&str> = name.split_whitespace().skip_while(is_title).collect();
    let mut runs = vec![name.to_owned(), words.join(" ")];
    for length in 2..words.len() {
        runs.extend(words.windows(length).map(|run| run.join(" ")));
    }
    if let [given, family] = words.as_slice() {
        runs.push(format!("{family} {given}"));
    }
    let titles: Vec<String> = TITLES.iter().map(|title| text::skeleton(title)).collect();
    let mut all = Vec::new();
    for run in runs.iter().filter(|run| !run.is_empty()) {
        // A capital I is like an l as it stands, and an i in small letters.
        for skeleton in [text::skeleton(run), text::skeleton_as_written(run)] {
            all.extend(titles.iter().map(|title| format!("{title}{skeleton}")));
            all.push(skeleton);
        }
    }
    all.retain(|skeleton| !skeleton.is_empty());
    all
}

/// Reads an address.
///
/// **Errors** the message beside the field.
pub fn email(typed: &str) -> Result<Email, FieldError> {
    if typed.trim().is_empty() {
        return Err(FieldError::new(Field::Email, "Enter your email address"));
    }
    let wrong = || FieldError::new(Field::Email, "Enter an email address with an @, like name@example.org");
    Email::parse(typed).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_error(typed: &str) -> String {
        Words::parse(typed, &BTreeSet::new()).map_or_else(|error| error.message, |_| String::new())
    }

    #[test]
    fn texts_are_refused_in_the_words_of_the_form() {
        assert_eq!(body_error(" \r\n "), "Write your comment");
        assert_eq!(body_error("\u{200b}\u{2060}"), "Write your comment");
        assert_eq!(body_error("a"), "Comment must be at least 2 characters");
        assert_eq!(body_error("no"), "");
        assert_eq!(body_error(&"x".repeat(5_000)), "");
        assert_eq!(body_error(&"é".repeat(5_212)), "Comment must be 5,000 characters or fewer. You have used 5,212");
        assert!(body_error("a\0b").starts_with("Comment has characters"));
    }

    #[test]
    fn a_sixth_link_is_refused() {
        let text =
            |count: usize| (0..count).map(|n| format!("https://trials.example/{n}")).collect::<Vec<_>>().join(" ");
        let checked = |count| Words::parse(&text(count), &BTreeSet::new()).unwrap().check_links();
        assert_eq!(checked(5), Ok(()));
        assert_eq!(checked(9).unwrap_err().message, "Your comment has 9 links. Post it with 5 or fewer");
    }

    #[test]
    fn names_are_refused_in_the_words_of_the_form() {
        let error = |typed: &str| tidy_guest_name(typed).map_or_else(|error| error.message, |name| name.name);
        assert_eq!(error("  "), "Enter your name");
        assert_eq!(error("\u{202e}\u{200b}"), "Enter your name");
        assert_eq!(error(&"n".repeat(61)), "Name must be 60 characters or fewer");
        assert_eq!(error("https://drops.example"), "Name can’t be a web address");
        assert_eq!(error("bestdrops.com"), "Name can’t be a web address");
        for fine in ["Dele A.", "J. R. Smith", "محمد", "👩‍👧", "Ruth K."] {
            assert_eq!(error(fine), fine);
        }
    }

    #[test]
    fn titles_do_not_hide_a_staff_name() {
        let staff = text::skeleton("Dr Tomas Hale");
        for alike in ["Tomas Hale", "Prof. Tomas Hale", "dr. tomаs  hale", "Dr Dr Tomas Hale"] {
            assert!(skeletons(alike).contains(&staff), "{alike}");
        }
        assert!(!skeletons("Thomas Hale").contains(&staff));
    }

    #[test]
    fn addresses_are_refused_in_the_words_of_the_form() {
        assert_eq!(email("").unwrap_err().message, "Enter your email address");
        assert_eq!(
            email("dele.mail.example").unwrap_err().message,
            "Enter an email address with an @, like name@example.org"
        );
        assert!(email("dele@mail.example").is_ok());
    }
}
