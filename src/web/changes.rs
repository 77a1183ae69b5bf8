//! `/{slug}/changes/{n}`: what readers were told of, shown: two published versions compared, without drafts or names.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::articles::changes;
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::render::diff::{self, Mark, Row};
use crate::render::plain::Kind;
use crate::urls;
use crate::web::cached_pages::{self, HTML, Page};
use crate::web::error::AppError;
use crate::web::extract::path;
use crate::web::lists::class_label;
use crate::web::page::PublicShell;
use crate::web::shell;
use crate::web::views::{self, When};

#[derive(Debug, Template)]
#[template(path = "articles/changes.html")]
struct Changes {
    page: PublicShell,
    article_href: String,
    title: String,
    language: Option<(String, &'static str)>,
    label: &'static str,
    note: String,
    told: When,
    before: When,
    /// `None`: the versions are too long.
    rows: Option<Vec<RowView>>,
}

/// A line of the comparison with its class.
#[derive(Debug)]
enum RowView {
    Skipped(String),
    Kept(&'static str, String),
    Changed(&'static str, Vec<(Mark, String)>),
}

impl RowView {
    fn of(row: Row) -> Self {
        let class = |kind| match kind {
            Kind::Heading => "diff__heading",
            Kind::Item => "diff__item",
            Kind::Row => "diff__cells",
            Kind::Text => "diff__text",
        };
        match row {
            Row::Skipped(count) => Self::Skipped(views::count(
                i64::try_from(count).unwrap_or(i64::MAX),
                "paragraph is the same",
                "paragraphs are the same",
            )),
            Row::Kept(kind, text) => Self::Kept(class(kind), text),
            Row::Changed(kind, pieces) => Self::Changed(class(kind), pieces),
        }
    }
}

/// `/{slug}/changes/{n}`
pub async fn show(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let slug = path::slug(&request, "slug")?.to_owned();
    let number: i32 = path::segment(&request, "number")?;
    let address = urls::changes(&slug, number);
    cached_pages::public(&app, &request, address.clone(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let change = changes::find(&mut conn, &slug, number).await?.ok_or(AppError::NotFound)?;
        drop(conn);
        let (before, after) = (change.before, change.after);
        // A long comparison takes tens of milliseconds: off the threads that answer.
        let rows = web::block(move || diff::compare(&before, &after)).await.map_err(|_| AppError::Unavailable)?;
        let heading = format!("What changed: {}", change.title);
        let mut page = shell::public_at(&app, &settings, shell::theme_of(&request), &address, Some(&heading));
        page.noindex = true;
        let is_foreign = change.language != settings.site.language;
        let view = Changes {
            page,
            article_href: urls::article(&slug),
            title: change.title,
            language: is_foreign.then(|| (change.language.clone(), shell::direction(&change.language))),
            label: class_label(change.class),
            note: change.note,
            told: When::day(change.told_at, &settings),
            before: When::day(change.before_at, &settings),
            rows: rows.map(|rows| rows.into_iter().map(RowView::of).collect()),
        };
        Ok(Page {
            body: view.render()?,
            content_type: HTML,
            tags: vec![Tag::Article(change.article)],
            life: limits::PAGE_LIFE,
        })
    })
    .await
}
