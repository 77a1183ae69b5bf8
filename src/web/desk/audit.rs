//! `/desk/audit`: who did what, newest first.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use crate::app::App;
use crate::audit;
use crate::core::ids::{AuditId, StaffId};
use crate::core::limits;
use crate::settings::Settings;
use crate::staff::authority::MaySeeAudit;
use crate::staff::model;
use crate::urls;
use crate::web::cached_pages;
use crate::web::desk::frame::frame;
use crate::web::error::AppError;
use crate::web::page::DeskShell;
use crate::web::shell;

struct Line {
    at: String,
    at_machine: String,
    who: String,
    action: String,
    record: String,
    detail: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "desk/audit.html")]
struct AuditPage {
    page: DeskShell,
    lines: Vec<Line>,
    next_href: Option<String>,
}

/// Where the list goes on.
#[derive(Debug, Deserialize)]
pub struct Asked {
    before: Option<String>,
}

/// `GET /desk/audit`
pub async fn show(
    app: web::Data<App>,
    request: HttpRequest,
    who: MaySeeAudit,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, AppError> {
    let before: Option<AuditId> = match &asked.before {
        Some(text) => Some(text.parse().map_err(|_| AppError::NotFound)?),
        None => None,
    };
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let entries = audit::list(&mut conn, before, limits::DESK_ROWS).await?;
    let ids: Vec<StaffId> = entries.iter().filter_map(|entry| entry.staff_id).collect();
    let names = model::list_names(&mut conn, &ids).await?;
    drop(conn);
    let is_full = i64::try_from(entries.len()) == Ok(limits::DESK_ROWS);
    let next_href = entries.last().filter(|_| is_full).map(|last| urls::activity_before(last.id));
    let body = AuditPage {
        page: frame(&app, &settings, &request, who.session(), "Activity"),
        lines: entries.into_iter().map(|entry| line(entry, &names, &settings)).collect(),
        next_href,
    }
    .render()?;
    Ok(cached_pages::private(&request, StatusCode::OK, body).await)
}

fn line(entry: audit::Line, names: &[(StaffId, String)], settings: &Settings) -> Line {
    let name = names.iter().find(|(id, _)| Some(*id) == entry.staff_id).map(|(_, name)| name.clone());
    let who = match (entry.actor.as_str(), name) {
        (_, Some(name)) => name,
        ("reader", None) => "A reader".to_owned(),
        ("console", None) => "The server’s console".to_owned(),
        (_, None) => "Stet".to_owned(),
    };
    let record = match entry.subject_id {
        Some(id) => format!("{} {id}", entry.subject),
        None => entry.subject,
    };
    Line {
        at: shell::date_and_time(entry.at, settings),
        at_machine: shell::machine_time(entry.at),
        who,
        action: in_words(&entry.action),
        record,
        detail: parts(&entry.detail),
    }
}

/// Codes as words: `staff.sign_in` is "signed in". A code without words of its own is shown as it is.
fn in_words(code: &str) -> String {
    let words = match code {
        "staff.create" => "added a person",
        "staff.role" => "changed a role",
        "staff.suspend" => "suspended an account",
        "staff.reinstate" => "opened an account again",
        "staff.invite_again" => "made a new invitation",
        "staff.join" => "took an invitation",
        "staff.reset_link" => "made a reset link",
        "staff.password" => "changed a password",
        "staff.sign_in" => "signed in",
        "staff.sign_out" => "signed out",
        "staff.session.revoke" => "signed a browser out",
        "staff.session.revoke_others" => "signed all other browsers out",
        "site.setup" => "set up the site",
        "mail.retry" => "sent a mail again",
        other => return other.replace(['.', '_'], " "),
    };
    words.to_owned()
}

fn parts(detail: &Value) -> Vec<(String, String)> {
    let Value::Object(fields) = detail else { return Vec::new() };
    fields
        .iter()
        .map(|(key, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Bool(true) => "yes".to_owned(),
                Value::Bool(false) => "no".to_owned(),
                Value::Null => "none".to_owned(),
                Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
            };
            (key.replace('_', " "), text)
        })
        .collect()
}
