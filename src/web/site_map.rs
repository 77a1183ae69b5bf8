//! The map of the site for search engines, and `robots.txt`.
//!
//! `/sitemap.xml` is an index: one part for the site's own pages, then one for each ten thousand ids of articles, so that
//! a part never outgrows the protocol's limits (50,000 addresses, 50 MB) and an article never moves to another one.
//! `lastmod` is the day readers see on the page: a comment or a cosmetic change does not move it.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::articles::{index, terms, topics};
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::core::status::TermKind;
use crate::urls;
use crate::web::cached_pages::{self, Page};
use crate::web::error::AppError;
use crate::web::extract::path;
use crate::web::feeds::absolute;
use crate::web::shell;

const XML: &str = "application/xml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

#[derive(Debug, Template)]
#[template(path = "feeds/sitemaps.xml", escape = "xml")]
struct Index {
    /// Address of a part, and when something in it last changed; may be empty.
    parts: Vec<(String, String)>,
}

#[derive(Debug, Template)]
#[template(path = "feeds/sitemap.xml", escape = "xml")]
struct Part {
    pages: Vec<MapLine>,
}

/// A page of the site.
#[derive(Debug)]
struct MapLine {
    href: String,
    /// May be empty.
    changed: String,
    pictures: Vec<String>,
}

/// `/sitemap.xml`
pub async fn index(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    cached_pages::public(&app, &request, urls::site_map(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let base = app.base_url(&settings);
        let own = (absolute(&base, &urls::site_map_part("site.xml")), String::new());
        let listed = index::map_parts(&mut conn).await?;
        let listed = listed.into_iter().map(|(number, at)| {
            (absolute(&base, &urls::site_map_part(&format!("articles-{number}.xml"))), shell::machine_time(at))
        });
        let body = Index { parts: std::iter::once(own).chain(listed).collect() }.render()?;
        Ok(Page { body, content_type: XML, tags: vec![Tag::Listing], life: limits::PAGE_LIFE })
    })
    .await
}

/// `/sitemap/{file}`: one part.
pub async fn part(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let file: String = path::segment(&request, "file")?;
    let number = file.strip_prefix("articles-").and_then(|rest| rest.strip_suffix(".xml"));
    let plain = |text: &str| {
        text.len() < 15 && (text == "0" || !text.starts_with('0')) && text.bytes().all(|b| b.is_ascii_digit())
    };
    let number: Option<i64> = match number {
        Some(number) => Some(number.parse().ok().filter(|_| plain(number)).ok_or(AppError::NotFound)?),
        None if file == "site.xml" => None,
        None => return Err(AppError::NotFound),
    };
    cached_pages::public(&app, &request, urls::site_map_part(&file), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let base = app.base_url(&settings);
        let line =
            |path: String| MapLine { href: absolute(&base, &path), changed: String::new(), pictures: Vec::new() };
        let pages: Vec<MapLine> = if let Some(number) = number {
            let listed = index::addresses(&mut conn, number).await?;
            let lines = listed.into_iter().map(|found| MapLine {
                href: absolute(&base, &urls::article(&found.slug)),
                changed: shell::machine_time(found.updated_at),
                pictures: found.pictures.iter().map(|path| absolute(&base, path)).collect(),
            });
            lines.collect()
        } else {
            let topics = topics::list(&mut conn).await?;
            let terms = terms::list_public(&mut conn).await?;
            let people = index::credited(&mut conn).await?;
            let own = [urls::home(), urls::latest(), urls::corrections()].into_iter();
            let topics = topics.iter().map(|topic| urls::topic(&topic.slug));
            let terms = terms.iter().map(|(kind, slug)| match kind {
                TermKind::Tag => urls::tag(slug),
                TermKind::Series => urls::series(slug),
            });
            own.chain(topics).chain(terms).chain(people.iter().map(|slug| urls::author(slug))).map(line).collect()
        };
        if pages.is_empty() {
            return Err(AppError::NotFound);
        }
        let body = Part { pages }.render()?;
        Ok(Page { body, content_type: XML, tags: vec![Tag::Listing], life: limits::PAGE_LIFE })
    })
    .await
}

/// `/robots.txt`
pub async fn robots(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    cached_pages::public(&app, &request, "/robots.txt".into(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let map = absolute(&app.base_url(&settings), &urls::site_map());
        let body = format!(
            "User-agent: *\nDisallow: /desk\nDisallow: /mail/\nDisallow: /my/\nDisallow: /preview/\n\nSitemap: {map}\n"
        );
        Ok(Page { body, content_type: TEXT, tags: Vec::new(), life: limits::PAGE_LIFE })
    })
    .await
}
