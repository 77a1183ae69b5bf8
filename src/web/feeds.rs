//! Feeds, the site map and `robots.txt`.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde_json::json;

use crate::app::App;
use crate::articles::index::{self, Of, Story};
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::settings::Settings;
use crate::urls;
use crate::web::cached_pages::{self, Page};
use crate::web::error::AppError;
use crate::web::extract::path;
use crate::web::shell;

/// Atom.
pub const ATOM: &str = "application/atom+xml; charset=utf-8";
const JSON_FEED: &str = "application/feed+json; charset=utf-8";
const XML: &str = "application/xml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Articles in a feed.
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

/// An id that stays with a thing for good: `tag:host,2026:article/42`.
#[must_use]
pub fn tag_uri(base: &url::Url, kind: &str, id: i64) -> String {
    format!("tag:{},2026:{kind}/{id}", base.host_str().unwrap_or("localhost"))
}

struct Loaded {
    entries: Vec<Entry>,
    updated: String,
    tags: Vec<Tag>,
    settings: std::sync::Arc<Settings>,
    base: url::Url,
}

async fn load(app: &App) -> Result<Loaded, AppError> {
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let stories = index::list(&mut conn, Of::Everything, None, ENTRIES).await?;
    let mut texts = index::texts(&mut conn, &stories).await?;
    let base = app.base_url(&settings);
    let updated = stories.iter().map(|story| story.updated_at).max().unwrap_or_default();
    let tags = stories.iter().map(|story| Tag::Article(story.id)).chain([Tag::Listing]).collect();
    let entries = stories
        .iter()
        .map(|story| entry(&base, story, texts.remove(&story.revision_id).map(|text| text.as_str().to_owned())))
        .collect();
    Ok(Loaded { entries, updated: shell::machine_time(updated), tags, settings, base })
}

fn entry(base: &url::Url, story: &Story, html: Option<String>) -> Entry {
    Entry {
        id: tag_uri(base, "article", story.id.0),
        title: story.title.clone(),
        href: absolute(base, &urls::article(&story.slug)),
        published: shell::machine_time(story.first_published_at),
        updated: shell::machine_time(story.updated_at),
        authors: story.authors.clone(),
        summary: story.dek.clone(),
        html: html.unwrap_or_default(),
    }
}

/// A path of ours with the site's address.
#[must_use]
pub fn absolute(base: &url::Url, path: &str) -> String {
    base.join(path).map(String::from).unwrap_or_default()
}

/// `/feed.xml`: the newest articles with their whole text.
pub async fn atom(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let mut response = cached_pages::public(&app, &request, urls::feed(), async || {
        let loaded = load(&app).await?;
        let feed = Feed {
            language: loaded.settings.site.language.clone(),
            title: loaded.settings.site.name.clone(),
            home: absolute(&loaded.base, "/"),
            own: absolute(&loaded.base, &urls::feed()),
            updated: loaded.updated,
            entries: loaded.entries,
        };
        Ok(Page { body: feed.render()?, content_type: ATOM, tags: loaded.tags, life: limits::PAGE_LIFE })
    })
    .await?;
    open_to_others(&mut response);
    Ok(response)
}

/// `/feed.json`: the same as JSON Feed 1.1.
pub async fn json(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let mut response = cached_pages::public(&app, &request, "/feed.json".into(), async || {
        let loaded = load(&app).await?;
        let items: Vec<serde_json::Value> = loaded.entries.iter().map(item).collect();
        let feed = json!({
            "version": "https://jsonfeed.org/version/1.1",
            "title": loaded.settings.site.name,
            "home_page_url": absolute(&loaded.base, "/"),
            "feed_url": absolute(&loaded.base, "/feed.json"),
            "language": loaded.settings.site.language,
            "items": items,
        });
        Ok(Page { body: feed.to_string(), content_type: JSON_FEED, tags: loaded.tags, life: limits::PAGE_LIFE })
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

#[derive(Debug, Template)]
#[template(path = "feeds/sitemap.xml", escape = "xml")]
struct SiteMap {
    pages: Vec<(String, String)>,
}

/// `/sitemap.xml`: every public article and page.
pub async fn site_map(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    cached_pages::public(&app, &request, "/sitemap.xml".into(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let base = app.base_url(&settings);
        let listed = index::addresses(&mut conn).await?;
        let home = (absolute(&base, "/"), String::new());
        let pages =
            listed.into_iter().map(|(slug, at)| (absolute(&base, &urls::article(&slug)), shell::machine_time(at)));
        let body = SiteMap { pages: std::iter::once(home).chain(pages).collect() }.render()?;
        Ok(Page { body, content_type: XML, tags: vec![Tag::Listing], life: limits::PAGE_LIFE })
    })
    .await
}

/// `/robots.txt`
pub async fn robots(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    cached_pages::public(&app, &request, "/robots.txt".into(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let map = absolute(&app.base_url(&settings), "/sitemap.xml");
        let body = format!(
            "User-agent: *\nDisallow: /desk\nDisallow: /mail/\nDisallow: /my/\nDisallow: /preview/\n\nSitemap: {map}\n"
        );
        Ok(Page { body, content_type: TEXT, tags: Vec::new(), life: limits::PAGE_LIFE })
    })
    .await
}
