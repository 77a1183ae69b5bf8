//! The list of articles and what became of each.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::articles::index::{self, DeskLine};
use crate::core::ids::ArticleId;
use crate::core::limits;
use crate::core::status::{ArticleKind, ArticleState};
use crate::settings::Settings;
use crate::staff::authority::MaySeeDrafts;
use crate::staff::roles::Act;
use crate::urls;
use crate::web::cached_pages;
use crate::web::desk::frame::frame;
use crate::web::error::AppError;
use crate::web::page::DeskShell;
use crate::web::views::When;

#[derive(Debug, Template)]
#[template(path = "desk/articles/list.html")]
struct List {
    page: DeskShell,
    /// Label, address, whether it is the present one.
    tabs: Vec<(&'static str, String, bool)>,
    lines: Vec<LineView>,
    new_href: Option<String>,
    new_page_href: Option<String>,
    older_href: Option<String>,
}

#[derive(Debug)]
struct LineView {
    href: String,
    title: String,
    state: &'static str,
    state_class: &'static str,
    is_page: bool,
    people: String,
    saved: When,
    comments: i32,
    findings: usize,
    public_href: Option<String>,
}

impl LineView {
    fn of(line: DeskLine, settings: &Settings) -> Self {
        Self {
            href: urls::desk_article(line.id),
            public_href: (line.state == ArticleState::Published).then(|| urls::article(&line.slug)),
            title: if line.title.is_empty() { "Untitled".into() } else { line.title },
            state: state_label(line.state),
            state_class: state_class(line.state),
            is_page: line.kind == ArticleKind::Page,
            people: crate::web::views::and(&line.authors),
            saved: When::minute(line.saved_at, settings),
            comments: line.comment_count,
            findings: line.finding_count,
        }
    }
}

/// The word for a state.
#[must_use]
pub fn state_label(state: ArticleState) -> &'static str {
    match state {
        ArticleState::Draft => "Draft",
        ArticleState::InReview => "In review",
        ArticleState::Scheduled => "Scheduled",
        ArticleState::Published => "Published",
        ArticleState::Withdrawn => "Withdrawn",
        ArticleState::Trash => "Trash",
    }
}

/// The class of a state's badge.
#[must_use]
pub fn state_class(state: ArticleState) -> &'static str {
    match state {
        ArticleState::Published => "badge badge--ok",
        ArticleState::Withdrawn => "badge badge--warn",
        ArticleState::Draft | ArticleState::InReview | ArticleState::Scheduled | ArticleState::Trash => "badge",
    }
}

/// What of the address concerns the list.
struct Query {
    state: Option<ArticleState>,
    before: Option<ArticleId>,
}

impl Query {
    fn of(request: &HttpRequest) -> Self {
        let mut query = Self { state: None, before: None };
        for (name, value) in url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "state" => query.state = value.parse().ok(),
                "before" => query.before = value.parse().ok(),
                _ => {}
            }
        }
        query
    }
}

/// `/desk/articles`: all, or own ones for those who may see no others.
pub async fn list(app: web::Data<App>, request: HttpRequest, who: MaySeeDrafts) -> Result<HttpResponse, AppError> {
    let query = Query::of(&request);
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let mut lines =
        index::list_for_desk(&mut conn, query.state, who.bound_to(), query.before, limits::DESK_ROWS + 1).await?;
    let rows = usize::try_from(limits::DESK_ROWS).unwrap_or(50);
    let has_more = lines.len() > rows;
    lines.truncate(rows);
    let older_href =
        lines.iter().next_back().filter(|_| has_more).map(|last| urls::desk_articles_of(query.state, Some(last.id)));
    let tab = |label, state| (label, urls::desk_articles_of(state, None), state == query.state);
    let writes = who.session().may(Act::Write);
    let list = List {
        page: frame(&app, &settings, &request, who.session(), "Articles"),
        tabs: vec![
            tab("All", None),
            tab("Drafts", Some(ArticleState::Draft)),
            tab("Published", Some(ArticleState::Published)),
            tab("Withdrawn", Some(ArticleState::Withdrawn)),
        ],
        lines: lines.into_iter().map(|line| LineView::of(line, &settings)).collect(),
        new_href: writes.then(|| urls::desk_new_article(ArticleKind::Article)),
        new_page_href: writes.then(|| urls::desk_new_article(ArticleKind::Page)),
        older_href,
    };
    Ok(cached_pages::private(&request, actix_web::http::StatusCode::OK, list.render()?).await)
}
