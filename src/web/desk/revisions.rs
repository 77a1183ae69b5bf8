//! An article's history: its versions, and each as it was kept.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::articles::layout;
use crate::articles::model::{self, Article};
use crate::articles::revisions;
use crate::core::ids::{ArticleId, RevisionId};
use crate::core::limits;
use crate::core::status::RevisionCause;
use crate::db::Conn;
use crate::staff::authority::MaySeeDrafts;
use crate::urls;
use crate::web::articles::ArticleView;
use crate::web::cached_pages;
use crate::web::desk::frame::frame;
use crate::web::error::AppError;
use crate::web::extract::path;
use crate::web::page::DeskShell;
use crate::web::views::{self, When};

#[derive(Debug, Template)]
#[template(path = "desk/articles/revisions.html")]
struct History {
    page: DeskShell,
    title: String,
    back_href: String,
    lines: Vec<LineView>,
    older_href: Option<String>,
}

#[derive(Debug)]
struct LineView {
    href: String,
    number: i32,
    note: String,
    cause: &'static str,
    by: String,
    when: When,
    words: String,
    is_live: bool,
}

fn cause_label(cause: RevisionCause) -> &'static str {
    match cause {
        RevisionCause::Save => "Saved",
        RevisionCause::Publish => "Published",
        RevisionCause::Schedule => "Scheduled",
        RevisionCause::Restore => "Restored",
        RevisionCause::Merge => "Merged",
        RevisionCause::Import => "Imported",
        RevisionCause::Source => "Source changed",
    }
}

async fn article(conn: &mut Conn, id: ArticleId, who: &MaySeeDrafts) -> Result<Article, AppError> {
    let article = model::find(conn, id).await?.ok_or(AppError::NotFound)?;
    if who.covers(&model::people(conn, id).await?) { Ok(article) } else { Err(AppError::Forbidden) }
}

/// `/desk/articles/{id}/revisions`
pub async fn list(app: web::Data<App>, request: HttpRequest, who: MaySeeDrafts) -> Result<HttpResponse, AppError> {
    let id: ArticleId = path::segment(&request, "id")?;
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let before = url::form_urlencoded::parse(query)
        .find(|(name, _)| name == "before")
        .and_then(|(_, value)| value.parse::<i32>().ok());
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let article = article(&mut conn, id, &who).await?;
    let title = model::find_draft(&mut conn, id).await?.map(|draft| draft.fields.title).unwrap_or_default();
    let mut lines = revisions::list(&mut conn, id, before, limits::DESK_ROWS + 1).await?;
    drop(conn);
    let rows = usize::try_from(limits::DESK_ROWS).unwrap_or(50);
    let has_more = lines.len() > rows;
    lines.truncate(rows);
    let older_href = lines
        .iter()
        .next_back()
        .filter(|_| has_more)
        .map(|last| format!("{}?before={}", urls::desk_revisions(id), last.number));
    let lines = lines.into_iter().map(|line| LineView {
        href: urls::desk_revision(id, line.id),
        is_live: article.published_revision_id == Some(line.id),
        number: line.number,
        note: line.note,
        cause: cause_label(line.cause),
        by: line.made_by.unwrap_or_else(|| "Stet".into()),
        when: When::minute(line.made_at, &settings),
        words: views::count(i64::from(line.word_count), "word", "words"),
    });
    let title = if title.is_empty() { "Untitled".to_owned() } else { title };
    let page = frame(&app, &settings, &request, who.session(), &format!("History of {title}"));
    let history = History { page, title, back_href: urls::desk_article(id), lines: lines.collect(), older_href };
    Ok(cached_pages::private(&request, StatusCode::OK, history.render()?).await)
}

#[derive(Debug, Template)]
#[template(path = "desk/articles/revision.html")]
struct Version {
    page: DeskShell,
    back_href: String,
    number: i32,
    cause: &'static str,
    by: String,
    when: When,
    note: String,
    override_reason: String,
    body: String,
    view: ArticleView,
}

/// `/desk/articles/{id}/revisions/{revision}`: laid out from its own text, with the library as it is now.
pub async fn show(app: web::Data<App>, request: HttpRequest, who: MaySeeDrafts) -> Result<HttpResponse, AppError> {
    let id: ArticleId = path::segment(&request, "id")?;
    let revision: RevisionId = path::segment(&request, "revision")?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let article = article(&mut conn, id, &who).await?;
    let version = revisions::find(&mut conn, id, revision).await?.ok_or(AppError::NotFound)?;
    let people = model::list_people(&mut conn).await?;
    drop(conn);
    let body = version.fields.body.clone();
    let layout = layout::lay_out(&app.db, id, version.fields).await.map_err(|error| AppError::internal(&error))?;
    let by = people
        .iter()
        .find(|person| Some(person.id) == version.made_by)
        .map_or_else(|| "Stet".to_owned(), |person| person.name.clone());
    let page = Version {
        page: frame(
            &app,
            &settings,
            &request,
            who.session(),
            &format!("Version {} of {}", version.number, layout.fields.title),
        ),
        back_href: urls::desk_revisions(id),
        number: version.number,
        cause: cause_label(version.cause),
        by,
        when: When::minute(version.made_at, &settings),
        note: version.note,
        override_reason: version.override_reason,
        body,
        view: ArticleView::preview(&layout, Some(&article), &people, version.made_at, &settings),
    };
    Ok(cached_pages::private(&request, StatusCode::OK, page.render()?).await)
}
