//! Feeds: the newest articles of the site, of a topic, of a tag, of a person, with their whole text; and corrections.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use crate::app::App;
use crate::articles::index::{self, FullText, Of, Story};
use crate::articles::{corrections, terms, topics};
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::core::status::{CitationStyle, CreditRole, TermKind};
use crate::db::Conn;
use crate::render::plain;
use crate::settings::Settings;
use crate::urls;
use crate::web::cached_pages::{self, Page};
use crate::web::error::AppError;
use crate::web::extract::path;
use crate::web::lists::class_label;
use crate::web::page::FeedLink;
use crate::web::shell;
use crate::web::views::SourceView;

/// Atom.
pub const ATOM: &str = "application/atom+xml; charset=utf-8";
const JSON_FEED: &str = "application/feed+json; charset=utf-8";

/// Entries of a feed.
const ENTRIES: i64 = 20;

/// A feed as Atom prints it (RFC 4287).
#[derive(Debug, Template)]
#[template(path = "feeds/articles.xml", escape = "xml")]
pub struct Feed {
    /// BCP 47 tag.
    pub language: String,
    /// Its title.
    pub title: String,
    /// The page it belongs to, absolute: also its id.
    pub home: String,
    /// Its own address.
    pub own: String,
    /// When its youngest entry changed.
    pub updated: String,
    /// Newest first.
    pub entries: Vec<Entry>,
}

/// An entry of a feed.
#[derive(Debug)]
pub struct Entry {
    /// Stable over edits and changes of address (RFC 4151).
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its page, absolute.
    pub href: String,
    /// RFC 3339.
    pub published: String,
    /// RFC 3339.
    pub updated: String,
    /// Names.
    pub authors: Vec<String>,
    /// One sentence; may be empty.
    pub summary: String,
    /// The text as HTML, escaped by the template as text.
    pub html: String,
}

/// An article's text as a feed carries it: takeaways, text, references; without products and calls to action.
#[derive(Debug, Template)]
#[template(path = "feeds/entry.html")]
struct EntryText<'a> {
    takeaways: &'a [String],
    html: &'a crate::render::sanitize::SanitizedHtml,
    sources: Vec<SourceView>,
}

/// An id that stays with a thing for good: `tag:host,2026:article/42`.
#[must_use]
pub fn tag_uri(base: &url::Url, kind: &str, id: i64) -> String {
    format!("tag:{},2026:{kind}/{id}", base.host_str().unwrap_or("localhost"))
}

/// A feed to be announced in a page's head.
#[must_use]
pub fn link(title: &str, href: String) -> FeedLink {
    FeedLink { title: title.to_owned(), href, media_type: "application/atom+xml" }
}

/// The same as JSON Feed.
#[must_use]
pub fn json_link(title: &str, href: String) -> FeedLink {
    FeedLink { title: title.to_owned(), href, media_type: "application/feed+json" }
}

struct Loaded {
    entries: Vec<Entry>,
    updated: String,
    tags: Vec<Tag>,
}

async fn load(conn: &mut Conn, base: &url::Url, of: Of, style: CitationStyle) -> Result<Loaded, AppError> {
    let stories = index::list(conn, of, None, ENTRIES).await?;
    let mut texts = index::full_texts(conn, &stories).await?;
    let updated = stories.iter().map(|story| story.updated_at).max().unwrap_or_default();
    let tags = stories.iter().map(|story| Tag::Article(story.id)).chain([Tag::Listing]).collect();
    let entries = stories
        .iter()
        .map(|story| entry(base, story, &texts.remove(&story.revision_id).unwrap_or_default(), style))
        .collect::<Result<_, AppError>>()?;
    Ok(Loaded { entries, updated: shell::machine_time(updated), tags })
}

fn entry(base: &url::Url, story: &Story, text: &FullText, style: CitationStyle) -> Result<Entry, AppError> {
    let href = absolute(base, &urls::article(&story.slug));
    let sources = text.sources.iter().map(|source| SourceView::of(source, style)).collect();
    let html = EntryText { takeaways: &text.takeaways, html: &text.html, sources }.render()?;
    Ok(Entry {
        id: tag_uri(base, "article", story.id.0),
        title: story.title.clone(),
        published: shell::machine_time(story.first_published_at),
        updated: shell::machine_time(story.updated_at),
        authors: story.authors.clone(),
        summary: story.dek.clone(),
        html: plain::absolute(&html, base.as_str(), &href),
        href,
    })
}

/// A path of ours with the site's address.
#[must_use]
pub fn absolute(base: &url::Url, path: &str) -> String {
    base.join(path).map(String::from).unwrap_or_default()
}

/// A feed as it is named and where it belongs.
struct Named {
    of: Of,
    title: String,
    home: String,
}

/// How a feed is written.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// RFC 4287.
    Atom,
    /// JSON Feed 1.1.
    Json,
}

async fn feed_of(
    app: &App,
    request: &HttpRequest,
    own: String,
    form: Form,
    named: impl AsyncFnOnce(&mut Conn, &Settings) -> Result<Named, AppError>,
) -> Result<HttpResponse, AppError> {
    let mut response = cached_pages::public(app, request, own.clone(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let named = named(&mut conn, &settings).await?;
        let base = app.base_url(&settings);
        let loaded = load(&mut conn, &base, named.of, settings.sources.style).await?;
        let feed = Feed {
            language: settings.site.language.clone(),
            title: named.title,
            home: absolute(&base, &named.home),
            own: absolute(&base, &own),
            updated: loaded.updated,
            entries: loaded.entries,
        };
        let (body, content_type) = match form {
            Form::Atom => (feed.render()?, ATOM),
            Form::Json => (as_json(&feed).to_string(), JSON_FEED),
        };
        Ok(Page { body, content_type, tags: loaded.tags, life: limits::PAGE_LIFE })
    })
    .await?;
    open_to_others(&mut response);
    Ok(response)
}

fn as_json(feed: &Feed) -> serde_json::Value {
    json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": feed.own,
        "language": feed.language,
        "items": feed.entries.iter().map(item).collect::<Vec<_>>(),
    })
}

/// `/feed.xml`: the newest articles with their whole text.
pub async fn atom(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    feed_of(&app, &request, urls::feed(), Form::Atom, async |_, settings| Ok(everything(settings))).await
}

/// `/feed.json`: the same as JSON Feed 1.1.
pub async fn json(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    feed_of(&app, &request, urls::json_feed(), Form::Json, async |_, settings| Ok(everything(settings))).await
}

fn everything(settings: &Settings) -> Named {
    Named { of: Of::Everything, title: settings.site.name.clone(), home: urls::home() }
}

/// `/topics/{slug}/feed.xml`
pub async fn topic(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    topic_as(&app, &request, Form::Atom, urls::topic_feed).await
}

/// `/topics/{slug}/feed.json`
pub async fn topic_json(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    topic_as(&app, &request, Form::Json, urls::topic_json_feed).await
}

async fn topic_as(
    app: &App,
    request: &HttpRequest,
    form: Form,
    own: fn(&str) -> String,
) -> Result<HttpResponse, AppError> {
    let slug = path::slug(request, "slug")?.to_owned();
    feed_of(app, request, own(&slug), form, async |conn, settings| {
        let topic = topics::find(conn, &slug).await?.ok_or(AppError::NotFound)?;
        let title = format!("{}, {}", topic.name, settings.site.name);
        Ok(Named { of: Of::Topic(topic.id), title, home: urls::topic(&slug) })
    })
    .await
}

/// `/tags/{slug}/feed.xml`
pub async fn tag(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    tag_as(&app, &request, Form::Atom, urls::tag_feed).await
}

/// `/tags/{slug}/feed.json`
pub async fn tag_json(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    tag_as(&app, &request, Form::Json, urls::tag_json_feed).await
}

async fn tag_as(
    app: &App,
    request: &HttpRequest,
    form: Form,
    own: fn(&str) -> String,
) -> Result<HttpResponse, AppError> {
    let slug = path::slug(request, "slug")?.to_owned();
    feed_of(app, request, own(&slug), form, async |conn, settings| {
        let tag = terms::find(conn, TermKind::Tag, &slug).await?.ok_or(AppError::NotFound)?;
        let title = format!("{}, {}", tag.name, settings.site.name);
        Ok(Named { of: Of::Tag(tag.id), title, home: urls::tag(&slug) })
    })
    .await
}

/// `/authors/{slug}/feed.xml`: what a person wrote.
pub async fn author(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let slug = path::slug(&request, "slug")?.to_owned();
    feed_of(&app, &request, urls::author_feed(&slug), Form::Atom, async |conn, settings| {
        let (person, _) = index::find_person(conn, &slug).await?.ok_or(AppError::NotFound)?;
        let title = format!("Articles by {}, {}", person.name, settings.site.name);
        Ok(Named { of: Of::Person(person.id, CreditRole::Author), title, home: urls::author(&slug) })
    })
    .await
}

/// `/corrections/feed.xml`: what readers are told of changes.
pub async fn corrections(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let own = urls::corrections_feed();
    let mut response = cached_pages::public(&app, &request, own.clone(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let base = app.base_url(&settings);
        let notes = corrections::list(&mut conn, None, ENTRIES).await?;
        let updated = notes.iter().map(|note| note.published_at).max().unwrap_or_default();
        let entries = notes.into_iter().map(|note| {
            let at = shell::machine_time(note.published_at);
            Entry {
                id: tag_uri(&base, "correction", note.id.0),
                title: format!("{}: {}", class_label(note.class), note.title),
                href: absolute(&base, &urls::changes(&note.slug, note.revision_number)),
                published: at.clone(),
                updated: at,
                authors: Vec::new(),
                html: format!("<p>{}</p>", crate::render::html::escaped(&note.text)),
                summary: note.text,
            }
        });
        let feed = Feed {
            language: settings.site.language.clone(),
            title: format!("Corrections, {}", settings.site.name),
            home: absolute(&base, &urls::corrections()),
            own: absolute(&base, &own),
            updated: shell::machine_time(updated),
            entries: entries.collect(),
        };
        Ok(Page { body: feed.render()?, content_type: ATOM, tags: vec![Tag::Listing], life: limits::PAGE_LIFE })
    })
    .await?;
    open_to_others(&mut response);
    Ok(response)
}

fn item(entry: &Entry) -> serde_json::Value {
    json!({
        "id": entry.id,
        "url": entry.href,
        "title": entry.title,
        "summary": entry.summary,
        "content_html": entry.html,
        "date_published": entry.published,
        "date_modified": entry.updated,
        "authors": entry.authors.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
    })
}

/// Readers of other origins may load a feed (decisions 8).
pub fn open_to_others(response: &mut HttpResponse) {
    let name = header::HeaderName::from_static("cross-origin-resource-policy");
    response.headers_mut().insert(name, header::HeaderValue::from_static("cross-origin"));
}

/// `/feed`: where other systems have it.
pub async fn elsewhere() -> HttpResponse {
    HttpResponse::MovedPermanently().insert_header((header::LOCATION, urls::feed())).finish()
}

/// `/{slug}/feed`: where other systems have the comments' feed.
pub async fn comments_elsewhere(request: HttpRequest) -> Result<HttpResponse, AppError> {
    let slug = path::slug(&request, "slug")?;
    Ok(HttpResponse::MovedPermanently().insert_header((header::LOCATION, urls::comment_feed(slug))).finish())
}
