//! oEmbed (oembed.com): what other sites ask for to show a card of one of our articles.
//!
//! A link and not a frame: the policy of our pages lets nobody frame them.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Map, Value, json};
use url::Url;

use crate::app::App;
use crate::articles::page::{self, Found, PublicArticle};
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::core::status::{ArticleKind, CreditRole};
use crate::core::text;
use crate::settings::Settings;
use crate::urls;
use crate::web::cached_pages::{self, Page};
use crate::web::error::AppError;
use crate::web::feeds::{self, absolute};
use crate::web::page::FeedLink;

const JSON: &str = "application/json; charset=utf-8";

/// The link by which a page says where its card is.
#[must_use]
pub fn link(base: &Url, slug: &str, title: &str) -> FeedLink {
    let own = urls::oembed_of(&absolute(base, &urls::article(slug)));
    FeedLink { title: title.to_owned(), href: absolute(base, &own), media_type: "application/json+oembed" }
}

/// What was asked for.
#[derive(Default)]
struct Asked {
    url: Option<String>,
    format: Option<String>,
    /// A size the picture has to fit in: none is sent then.
    is_bounded: bool,
}

impl Asked {
    fn of(request: &HttpRequest) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "url" => asked.url = Some(value.into_owned()),
                "format" => asked.format = Some(value.into_owned()),
                "maxwidth" | "maxheight" => asked.is_bounded = true,
                _ => {}
            }
        }
        asked
    }
}

/// `GET /oembed?url=…&format=json`
pub async fn show(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let asked = Asked::of(&request);
    if asked.format.as_deref().is_some_and(|format| format != "json") {
        let sentence = "This site answers oEmbed as JSON only. Ask with format=json.\n";
        return Ok(HttpResponse::NotImplemented().content_type("text/plain; charset=utf-8").body(sentence));
    }
    let address = asked.url.ok_or(AppError::BadRequest("Say which page is meant: url= and its whole address."))?;
    let settings = app.settings(&mut app.db.read().await?).await?;
    let slug = slug_of(&app.base_url(&settings), &address).ok_or(AppError::NotFound)?;
    let size = if asked.is_bounded { "&bounded" } else { "" };
    let key = format!("{}?of={slug}{size}", urls::oembed());
    let mut response = cached_pages::public(&app, &request, key, async || {
        let article = load(&app, slug).await?;
        let card = card(&app.base_url(&settings), &settings, &article, asked.is_bounded);
        let tags = vec![Tag::Article(article.id)];
        Ok(Page { body: card.to_string(), content_type: JSON, tags, life: limits::PAGE_LIFE })
    })
    .await?;
    feeds::open_to_others(&mut response);
    Ok(response)
}

/// The slug in the address of an article of ours, with or without a fragment or parameters.
fn slug_of(base: &Url, address: &str) -> Option<String> {
    let url = Url::parse(address).ok().filter(|url| url.origin() == base.origin())?;
    let path = url.path().strip_prefix('/')?;
    let slug = path.strip_suffix('/').unwrap_or(path);
    (text::is_slug(slug) && !urls::is_reserved(slug)).then(|| slug.to_owned())
}

/// The article at an address, or where it was moved to.
async fn load(app: &App, mut slug: String) -> Result<PublicArticle, AppError> {
    let mut conn = app.db.read().await?;
    let mut found = page::find(&mut conn, &slug).await?;
    if let Found::Moved(path) = &found {
        path.trim_start_matches('/').clone_into(&mut slug);
        found = page::find(&mut conn, &slug).await?;
    }
    match found {
        Found::Public(article) if article.kind == ArticleKind::Article => Ok(*article),
        Found::Public(_) | Found::Withdrawn { .. } | Found::Moved(_) | Found::Nothing => Err(AppError::NotFound),
    }
}

fn card(base: &Url, settings: &Settings, article: &PublicArticle, is_bounded: bool) -> Value {
    let mut card = Map::new();
    let mut put = |name: &str, value: Value| card.insert(name.to_owned(), value);
    put("version", "1.0".into());
    put("type", "link".into());
    put("title", article.title.as_str().into());
    put("provider_name", settings.site.name.as_str().into());
    put("provider_url", absolute(base, &urls::home()).into());
    put("cache_age", limits::PAGE_LIFE.as_secs().into());
    let mut authors = article.credited(CreditRole::Author);
    if let Some(first) = authors.next() {
        let names: Vec<String> = std::iter::once(first).chain(authors).map(|credit| credit.name.clone()).collect();
        put("author_name", crate::web::views::and(&names).into());
        put("author_url", absolute(base, &urls::author(&first.slug)).into());
    }
    if let Some(lead) = article.lead.as_ref().filter(|_| !is_bounded) {
        put("thumbnail_url", absolute(base, &lead.picture.path).into());
        put("thumbnail_width", json!(lead.picture.width));
        put("thumbnail_height", json!(lead.picture.height));
    }
    Value::Object(card)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_our_articles_are_read() {
        let base: Url = "https://site.example/".parse().unwrap();
        for own in ["https://site.example/naps", "https://SITE.example:443/naps/?sort=newest#comment-3"] {
            assert_eq!(slug_of(&base, own).as_deref(), Some("naps"), "{own}");
        }
        for other in [
            "https://other.example/naps",
            "http://site.example/naps",
            "https://site.example:8443/naps",
            "https://site.example/",
            "https://site.example/topics/sleep",
            "https://site.example/search",
            "/naps",
            "naps",
            "javascript:alert(1)",
            "https://site.example/na%70s",
        ] {
            assert_eq!(slug_of(&base, other), None, "{other}");
        }
    }
}
