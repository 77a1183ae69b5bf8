//! An article's references as files: BibTeX, RIS, CSL-JSON.

use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::App;
use crate::articles::page::ListedSource;
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::references::csl::Item;
use crate::references::formats::read::Format;
use crate::references::formats::{bibtex, csl_json, ris};
use crate::references::model;
use crate::urls;
use crate::web::cached_pages::{self, Page};
use crate::web::error::AppError;
use crate::web::extract::path;
use crate::web::{articles, feeds};

/// What is offered at the end of a reference list: the format's name and its address.
#[must_use]
pub fn downloads(slug: &str) -> Vec<(&'static str, String)> {
    [Format::BibTex, Format::Ris, Format::CslJson]
        .map(|format| (format.name(), urls::article_references(slug, ending(format))))
        .to_vec()
}

const fn ending(format: Format) -> &'static str {
    match format {
        Format::BibTex => "bib",
        Format::Ris => "ris",
        Format::CslJson | Format::Nbib => "json",
    }
}

/// `GET /{slug}/references.bib`
pub async fn bib(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    file(&app, &request, Format::BibTex).await
}

/// `GET /{slug}/references.ris`
pub async fn ris(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    file(&app, &request, Format::Ris).await
}

/// `GET /{slug}/references.json`
pub async fn json(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    file(&app, &request, Format::CslJson).await
}

async fn file(app: &App, request: &HttpRequest, format: Format) -> Result<HttpResponse, AppError> {
    let slug = path::slug(request, "slug")?.to_owned();
    let own = urls::article_references(&slug, ending(format));
    let mut response = cached_pages::public(app, request, own, async || {
        let (article, _) = articles::load(app, &slug).await?;
        if article.sources.is_empty() {
            return Err(AppError::NotFound);
        }
        let items: Vec<Item> = article.sources.iter().map(item).collect();
        let (body, content_type) = match format {
            Format::BibTex => (bibtex::write(&items), "application/x-bibtex; charset=utf-8"),
            Format::Ris => (ris::write(&items), "application/x-research-info-systems; charset=utf-8"),
            Format::CslJson | Format::Nbib => {
                (csl_json::write(&items), "application/vnd.citationstyles.csl+json; charset=utf-8")
            }
        };
        Ok(Page { body, content_type, tags: vec![Tag::Article(article.id)], life: limits::PAGE_LIFE })
    })
    .await?;
    feeds::open_to_others(&mut response);
    Ok(response)
}

/// A source as it was cited, with its key in the library.
fn item(source: &ListedSource) -> Item {
    let mut item = model::read(&source.csl);
    item.id.clone_from(&source.key);
    item
}
