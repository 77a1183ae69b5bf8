//! The feed of an article's comments.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::comments::model;
use crate::comments::thread::{self, Comment};
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::core::status::CommentsMode;
use crate::urls;
use crate::web::cached_pages::{self, Page};
use crate::web::error::AppError;
use crate::web::extract::path;
use crate::web::feeds::{self, ATOM, Entry, Feed};
use crate::web::shell;

/// Comments in a feed.
const ENTRIES: i64 = 50;

/// `GET /{slug}/comments.xml`: the newest public comments, as Atom.
pub async fn atom(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let slug = path::slug(&request, "slug")?.to_owned();
    let own = urls::comment_feed(&slug);
    let mut response = cached_pages::public(&app, &request, own.clone(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let place = model::place(&mut conn, &slug)
            .await?
            .filter(|place| place.mode != CommentsMode::Off)
            .ok_or(AppError::NotFound)?;
        let comments = thread::newest(&mut conn, place.article, ENTRIES).await?;
        let base = app.base_url(&settings);
        let updated =
            comments.iter().map(|comment| comment.edited_at.unwrap_or(comment.created_at)).max().unwrap_or_default();
        let feed = Feed {
            language: settings.site.language.clone(),
            title: format!("Comments on {}", place.title),
            home: feeds::absolute(&base, &urls::article(&slug)),
            own: feeds::absolute(&base, &own),
            updated: shell::machine_time(updated),
            entries: comments.iter().map(|comment| entry(&base, &place.title, comment)).collect(),
        };
        Ok(Page {
            body: feed.render()?,
            content_type: ATOM,
            tags: vec![Tag::Article(place.article)],
            life: limits::PAGE_LIFE,
        })
    })
    .await?;
    feeds::open_to_others(&mut response);
    Ok(response)
}

fn entry(base: &url::Url, title: &str, comment: &Comment) -> Entry {
    Entry {
        id: feeds::tag_uri(base, "comment", comment.id.0),
        title: format!("{} on {title}", comment.name),
        href: feeds::absolute(base, &urls::comment(comment.id)),
        published: shell::machine_time(comment.created_at),
        updated: shell::machine_time(comment.edited_at.unwrap_or(comment.created_at)),
        authors: vec![comment.name.clone()],
        summary: String::new(),
        html: comment.html.as_str().to_owned(),
    }
}
