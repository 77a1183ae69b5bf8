//! `/desk`: what needs me, and the first steps of a new site.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::staff::authority::Session;
use crate::staff::roles::Act;
use crate::urls;
use crate::web::cached_pages;
use crate::web::desk::frame::frame;
use crate::web::error::AppError;
use crate::web::page::DeskShell;

struct Step {
    label: &'static str,
    about: &'static str,
    href: String,
}

#[derive(Template)]
#[template(path = "desk/today.html")]
struct TodayPage {
    page: DeskShell,
    steps: Vec<Step>,
}

/// `GET /desk`
pub async fn show(app: web::Data<App>, request: HttpRequest, session: Session) -> Result<HttpResponse, AppError> {
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let people = crate::staff::model::list(&mut conn).await?.len();
    drop(conn);
    let mut steps = Vec::new();
    if session.may(Act::ManageStaff) && people < 2 {
        steps.push(Step { label: "Invite somebody", about: "Editors, authors, reviewers and moderators each see what their role needs.", href: urls::people() });
    }
    let body = TodayPage { page: frame(&app, &settings, &request, &session, "Today"), steps }.render()?;
    Ok(cached_pages::private(&request, StatusCode::OK, body).await)
}
