//! `/my/comments/{token}`: where a comment is and why, for its writer, without an account or a cookie (goal sheet
//! R28, M24, N18). Shows nothing of anybody else.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::TimeDelta;

use crate::app::App;
use crate::articles::page::{self, Found};
use crate::comments::standing::{self, Standing};
use crate::core::status::{ArticleState, CommentStatus};
use crate::core::text;
use crate::db::{Conn, DbError};
use crate::moderation::waiting;
use crate::settings::Settings;
use crate::urls;
use crate::web::door;
use crate::web::error::AppError;
use crate::web::page::{NoticeKind, PublicShell};
use crate::web::talk::Viewer;
use crate::web::views::When;
use crate::web::whereabouts::{self, Place, Whereabouts};
use crate::web::{rate_limit, shell};

/// Characters of the comment that are shown.
const EXCERPT_CHARS: usize = 400;

#[derive(Debug, Template)]
#[template(path = "comments/standing.html")]
struct StandingPage {
    page: PublicShell,
    /// `None`: the comment is deleted.
    view: Option<View>,
}

#[derive(Debug)]
struct View {
    kind: NoticeKind,
    icon: &'static str,
    place: Whereabouts,
    /// "Most comments are checked within a day."
    usual: Option<&'static str>,
    since: When,
    written: When,
    title: String,
    article_href: Option<String>,
    excerpt: String,
    /// The comment in its place.
    public_href: Option<String>,
    /// Where it is changed, and until when.
    edit: Option<(String, String)>,
    /// Whether its writer can object to a decision.
    may_object: bool,
    /// The page that says how decisions are made: title and address.
    rules: Option<(String, String)>,
}

/// `GET /my/comments/{token}`
pub async fn show(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let token = request.match_info().get("token").unwrap_or_default();
    let id = standing::read(app.secret(), token).ok_or(AppError::NotFound)?;
    let viewer = Viewer::load(&app, &request).await?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let view = match standing::find(&mut conn, id).await? {
        Some(comment) => Some(view(&app, &mut conn, &settings, &viewer, comment).await?),
        None => None,
    };
    drop(conn);
    let status = if view.is_some() { StatusCode::OK } else { StatusCode::GONE };
    let page = door::shell(&app, &settings, &request, "Where your comment is");
    let body = StandingPage { page, view }.render()?;
    Ok(door::private(&request, status, body).await)
}

async fn view(
    app: &App,
    conn: &mut Conn,
    settings: &Settings,
    viewer: &Viewer,
    comment: Standing,
) -> Result<View, DbError> {
    let place = whereabouts::of(comment.status, comment.reason.as_deref());
    let is_up = comment.article == ArticleState::Published;
    let usual = match place.place {
        Place::Waiting => waiting::usual(conn, app.now()).await?.map(waiting::Usual::words),
        Place::Public | Place::Spam | Place::Removed | Place::Withdrawn => None,
    };
    let (kind, icon) = match place.place {
        Place::Public => (NoticeKind::Ok, NoticeKind::Ok.icon()),
        Place::Waiting => (NoticeKind::Warn, "clock"),
        Place::Spam | Place::Removed | Place::Withdrawn => (NoticeKind::Info, NoticeKind::Info.icon()),
    };
    Ok(View {
        kind,
        icon,
        usual,
        since: When::minute(comment.status_changed_at, settings),
        written: When::minute(comment.created_at, settings),
        article_href: is_up.then(|| urls::article(&comment.slug)),
        excerpt: text::excerpt(&comment.body, EXCERPT_CHARS),
        public_href: (is_up && place.place == Place::Public).then(|| urls::comment(comment.id)),
        edit: edit(app, settings, viewer, &comment),
        may_object: matches!(place.place, Place::Spam | Place::Removed),
        rules: rules(conn, place.place).await?,
        title: comment.title,
        place,
    })
}

/// Only where this browser proved that it wrote the comment: the link alone lets nobody change anything.
fn edit(app: &App, settings: &Settings, viewer: &Viewer, comment: &Standing) -> Option<(String, String)> {
    let until = comment.created_at + TimeDelta::minutes(i64::from(settings.comments.edit_window_minutes));
    let is_own = viewer.browser.is_some_and(|browser| browser.wrote(comment.browser, comment.reader));
    let is_living = matches!(comment.status, CommentStatus::Held | CommentStatus::Approved);
    let clock = until.with_timezone(&shell::zone(settings)).format("%H:%M");
    (is_own && is_living && app.now() < until).then(|| (urls::comment_edit(comment.id), clock.to_string()))
}

/// The house page that says how such decisions are made, where the site has one.
async fn rules(conn: &mut Conn, place: Place) -> Result<Option<(String, String)>, DbError> {
    let slug = match place {
        Place::Public | Place::Withdrawn => return Ok(None),
        Place::Waiting | Place::Spam => urls::MODERATION_SLUG,
        Place::Removed => urls::REMOVAL_SLUG,
    };
    Ok(match page::find(conn, slug).await? {
        Found::Public(article) => Some((article.title.clone(), urls::article(slug))),
        Found::Withdrawn { .. } | Found::Moved(_) | Found::Nothing => None,
    })
}
