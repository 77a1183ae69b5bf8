//! `/desk/staff`: people on the team; inviting, roles, suspension.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::core::ids::StaffId;
use crate::core::status::{LinkPurpose, Role, StaffState};
use crate::core::text::{self, Email};
use crate::notifications::staff_link;
use crate::settings::Settings;
use crate::staff::authority::MayManageStaff;
use crate::staff::model::{self, By, ChangeError, CreateError, NewPerson, Person, Standing};
use crate::staff::{invite, recover, roles};
use crate::urls;
use crate::web::desk::frame::{frame, receipt};
use crate::web::desk::sign_in::lead_to;
use crate::web::error::AppError;
use crate::web::extract::authority::{NoFields, StaffForm};
use crate::web::extract::form::Fields;
use crate::web::extract::path;
use crate::web::page::{DeskShell, Flash, FormErrors, NoticeKind};
use crate::web::{cached_pages, shell};

/// The invitation form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Invite {
    name: String,
    email: String,
    role: String,
    title: String,
}

impl Fields for Invite {
    const NAMES: &'static [&'static str] = &["name", "email", "role", "title"];
}

/// The role form of one person.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RoleChoice {
    role: String,
}

impl Fields for RoleChoice {
    const NAMES: &'static [&'static str] = &["role"];
}

struct Line {
    id: StaffId,
    name: String,
    title: String,
    email: String,
    role_label: &'static str,
    state_label: &'static str,
    seen_at: String,
    seen_at_machine: String,
    roles: Vec<(&'static str, &'static str, bool)>,
    may_change: bool,
    is_invited: bool,
    is_active: bool,
    is_suspended: bool,
}

impl Line {
    fn act(&self, act: &str) -> String {
        urls::person_act(self.id, act)
    }
}

#[derive(Template)]
#[template(path = "desk/people.html")]
struct PeoplePage<'a> {
    page: DeskShell,
    lines: Vec<Line>,
    typed: &'a Invite,
    roles: Vec<(&'static str, &'static str, bool)>,
    errors: FormErrors,
    link: Option<Link>,
    people_href: String,
}

/// A link to be handed over, shown once.
struct Link {
    heading: String,
    about: &'static str,
    address: String,
}

/// Roles that can be given: all but the owner's.
fn choices(chosen: Option<Role>) -> Vec<(&'static str, &'static str, bool)> {
    Role::ALL
        .iter()
        .filter(|role| **role != Role::Owner)
        .map(|role| (role.as_str(), roles::label(*role), Some(*role) == chosen))
        .collect()
}

fn line(person: Person, who: &MayManageStaff, settings: &Settings) -> Line {
    Line {
        id: person.id,
        title: person.title,
        email: person.email.unwrap_or_default(),
        role_label: roles::label(person.role),
        state_label: match person.state {
            StaffState::Invited => "Invited",
            StaffState::Active => "",
            StaffState::Suspended => "Suspended",
            StaffState::Profile => "Profile only",
        },
        seen_at: person.last_seen_at.map(|at| shell::date_and_time(at, settings)).unwrap_or_default(),
        seen_at_machine: person.last_seen_at.map(shell::machine_time).unwrap_or_default(),
        roles: choices(Some(person.role)),
        may_change: person.role != Role::Owner && person.id != who.staff_id(),
        is_invited: person.state == StaffState::Invited,
        is_active: person.state == StaffState::Active,
        is_suspended: person.state == StaffState::Suspended,
        name: person.name,
    }
}

struct Shown<'a> {
    typed: &'a Invite,
    errors: FormErrors,
    flash: Option<Flash>,
    link: Option<Link>,
    status: StatusCode,
}

async fn page(
    app: &App,
    request: &HttpRequest,
    who: &MayManageStaff,
    shown: Shown<'_>,
) -> Result<HttpResponse, AppError> {
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let people = model::list(&mut conn).await?;
    drop(conn);
    let mut shell = frame(app, &settings, request, who.session(), "People");
    shell.flash = shown.flash;
    shell.has_errors = !shown.errors.is_empty();
    let body = PeoplePage {
        page: shell,
        lines: people.into_iter().map(|person| line(person, who, &settings)).collect(),
        typed: shown.typed,
        roles: choices(Some(shown.typed.role.parse().unwrap_or(Role::Author))),
        errors: shown.errors,
        link: shown.link,
        people_href: urls::people(),
    }
    .render()?;
    Ok(cached_pages::private(request, shown.status, body).await)
}

/// What was just done.
#[derive(Debug, Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// `GET /desk/staff`
pub async fn show(
    app: web::Data<App>,
    request: HttpRequest,
    who: MayManageStaff,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, AppError> {
    let flash = match asked.done.as_deref() {
        Some("role") => {
            Some(receipt("The role is changed. The person is signed out and has it from the next sign-in."))
        }
        Some("suspended") => {
            Some(receipt("The account is suspended and signed out everywhere. What the person wrote stays."))
        }
        Some("reinstated") => Some(receipt("The account is open again.")),
        Some(_) | None => None,
    };
    page(
        &app,
        &request,
        &who,
        Shown { typed: &Invite::default(), errors: FormErrors::default(), flash, link: None, status: StatusCode::OK },
    )
    .await
}

/// `POST /desk/staff`: invites. The link is shown once, on the page that answers.
pub async fn invite(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayManageStaff, Invite>,
) -> Result<HttpResponse, AppError> {
    let (who, typed) = (&form.who, &form.fields);
    let mut errors = FormErrors::default();
    if text::tidy_name(&typed.name).is_empty() {
        errors.add("name", CreateError::NoName.to_string());
    }
    let email = Email::parse(&typed.email);
    if email.is_none() {
        errors.add("email", "Enter an email address, such as name@example.com");
    }
    let role = typed.role.parse::<Role>().ok().filter(|role| *role != Role::Owner);
    if role.is_none() {
        errors.add("role", "Choose a role");
    }
    if let (Some(email), Some(role), true) = (&email, role, errors.is_empty()) {
        let new = NewPerson { title: &typed.title, ..NewPerson::new(&typed.name, role, Standing::Invited(email)) };
        let invited = app.db.transact(async |tx| {
            let invited = invite::invite(tx, app.rng(), By::Manager(who), &new).await?;
            staff_link::enqueue(tx, LinkPurpose::Invite, Some(invited.0), &invited.0.to_string()).await?;
            Ok::<_, CreateError>(invited)
        });
        match invited.await {
            Ok((_, token)) => {
                let link = Link {
                    heading: format!("{} is invited", text::tidy_name(&typed.name)),
                    about: "They get an email with a link. If it does not arrive, hand over this one: it works once, for seven days, and is not shown again.",
                    address: absolute(&app, &urls::invite(&token.reveal())),
                };
                return page(
                    &app,
                    &request,
                    who,
                    Shown { typed: &Invite::default(), errors, flash: None, link: Some(link), status: StatusCode::OK },
                )
                .await;
            }
            Err(CreateError::Db(error)) => return Err(error.into()),
            Err(error @ CreateError::EmailTaken) => errors.add("email", error.to_string()),
            Err(error @ CreateError::LongText) => errors.add("title", error.to_string()),
            Err(error @ CreateError::OwnerExists) => errors.add("role", error.to_string()),
            Err(error @ (CreateError::NoName | CreateError::LongName | CreateError::NameTaken)) => {
                errors.add("name", error.to_string());
            }
        }
    }
    page(
        &app,
        &request,
        who,
        Shown { typed, errors, flash: None, link: None, status: StatusCode::UNPROCESSABLE_ENTITY },
    )
    .await
}

/// An address with the site's own host, never the request's (requirements S13).
fn absolute(app: &App, path: &str) -> String {
    let base = app.base_url(&app.parts.settings.last_known());
    base.join(path).map_or_else(|_| path.to_owned(), String::from)
}

async fn changed(
    app: &App,
    request: &HttpRequest,
    who: &MayManageStaff,
    outcome: Result<&'static str, ChangeError>,
) -> Result<HttpResponse, AppError> {
    match outcome {
        Ok(done) => Ok(lead_to(format!("{}?done={done}", urls::people()))),
        Err(ChangeError::Unknown) => Err(AppError::NotFound),
        Err(ChangeError::Db(error)) => Err(error.into()),
        Err(
            error @ (ChangeError::IsOwner | ChangeError::OwnerExists | ChangeError::IsSelf | ChangeError::WrongState),
        ) => {
            let flash = Some(Flash { kind: NoticeKind::Danger, text: format!("{error}."), undo: None });
            page(
                app,
                request,
                who,
                Shown {
                    typed: &Invite::default(),
                    errors: FormErrors::default(),
                    flash,
                    link: None,
                    status: StatusCode::CONFLICT,
                },
            )
            .await
        }
    }
}

/// `POST /desk/staff/{id}/role`
pub async fn set_role(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayManageStaff, RoleChoice>,
) -> Result<HttpResponse, AppError> {
    let id: StaffId = path::segment(&request, "id")?;
    let role: Role = form.fields.role.parse().map_err(|_| AppError::BadRequest("Choose a role."))?;
    let outcome = app.db.transact(async |tx| model::set_role(tx, By::Manager(&form.who), id, role).await).await;
    changed(&app, &request, &form.who, outcome.map(|()| "role")).await
}

/// `POST /desk/staff/{id}/suspend`
pub async fn suspend(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayManageStaff, NoFields>,
) -> Result<HttpResponse, AppError> {
    let id: StaffId = path::segment(&request, "id")?;
    let outcome = app.db.transact(async |tx| model::suspend(tx, By::Manager(&form.who), id).await).await;
    changed(&app, &request, &form.who, outcome.map(|()| "suspended")).await
}

/// `POST /desk/staff/{id}/reinstate`
pub async fn reinstate(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayManageStaff, NoFields>,
) -> Result<HttpResponse, AppError> {
    let id: StaffId = path::segment(&request, "id")?;
    let outcome = app.db.transact(async |tx| model::reinstate(tx, By::Manager(&form.who), id).await).await;
    changed(&app, &request, &form.who, outcome.map(|()| "reinstated")).await
}

/// `POST /desk/staff/{id}/link`: a new invitation for somebody who has not come yet, else a reset link.
pub async fn link(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayManageStaff, NoFields>,
) -> Result<HttpResponse, AppError> {
    let id: StaffId = path::segment(&request, "id")?;
    let person = model::find(&mut *app.db.read().await?, id).await?.ok_or(AppError::NotFound)?;
    let by = By::Manager(&form.who);
    let is_invited = person.state == StaffState::Invited;
    let made = app
        .db
        .transact(async |tx| {
            if is_invited {
                invite::again(tx, app.rng(), by, id).await
            } else {
                recover::reset_link(tx, app.rng(), by, id).await
            }
        })
        .await;
    let token = match made {
        Ok(token) => token.reveal(),
        Err(error) => return changed(&app, &request, &form.who, Err(error)).await,
    };
    let link = if is_invited {
        Link {
            heading: format!("A new invitation for {}", person.name),
            about: "Send this link to them. It works once, for seven days; the earlier one no longer works.",
            address: absolute(&app, &urls::invite(&token)),
        }
    } else {
        Link {
            heading: format!("A reset link for {}", person.name),
            about: "Send this link to them. It works once, for 30 minutes, and is not shown again.",
            address: absolute(&app, &urls::reset(&token)),
        }
    };
    page(
        &app,
        &request,
        &form.who,
        Shown {
            typed: &Invite::default(),
            errors: FormErrors::default(),
            flash: None,
            link: Some(link),
            status: StatusCode::OK,
        },
    )
    .await
}
