//! Signing in and out. A form that met an ended session comes here with its fields and goes on from here (decisions 9).

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::core::limits;
use crate::core::rng::Token;
use crate::staff::authority::Session;
use crate::staff::session::{self, Opened};
use crate::staff::sign_in::{self, Attempt, Desk, SignInError};
use crate::urls;
use crate::web::error::AppError;
use crate::web::extract::authority::{self, Again, NoFields, Origin, StaffForm};
use crate::web::extract::form::{self, Fields};
use crate::web::page::{BareShell, FormErrors};
use crate::web::{cached_pages, cookies, shell};

/// Names of carried fields begin with this, so that none is taken for one of the sign-in form's own.
const CARRIED: &str = "carried.";

/// The sign-in form's own fields.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SignIn {
    email: String,
    password: String,
    next: String,
    post: Option<String>,
}

impl Fields for SignIn {
    const NAMES: &'static [&'static str] = &["email", "password", "next", "post"];
}

#[derive(Template)]
#[template(path = "desk/sign_in.html")]
struct SignInPage<'a> {
    page: BareShell,
    email: &'a str,
    errors: FormErrors,
    notice: Option<&'static str>,
    action: String,
    reset_href: String,
    home_href: String,
    next: &'a str,
    is_post: bool,
    carried: &'a [(String, String)],
}

#[derive(Template)]
#[template(path = "desk/resume.html")]
struct ResumePage<'a> {
    page: BareShell,
    action: &'a str,
    csrf: &'a str,
    fields: &'a [(String, String)],
}

impl<'a> SignInPage<'a> {
    fn new(app: &App, request: &HttpRequest, email: &'a str, again: &'a Again, errors: FormErrors) -> Self {
        let settings = app.parts.settings.last_known();
        let title = format!("Sign in to {}", settings.site.name);
        let mut page = shell::bare(app, &settings, request, "Sign in");
        page.has_errors = !errors.is_empty();
        page.title = title;
        Self {
            page,
            email,
            errors,
            notice: None,
            action: urls::sign_in(None),
            reset_href: urls::forgotten(),
            home_href: urls::home(),
            next: &again.address,
            is_post: again.is_post,
            carried: &again.carried,
        }
    }
}

/// A path of the desk that a person may be led to after signing in: one the route table knows, and none of those
/// that are about signing in (requirements S13).
fn next_of<'a>(request: &HttpRequest, text: &'a str) -> Option<&'a str> {
    let own = shell::own_path(text)?;
    let path = own.split(['?', '#']).next().unwrap_or_default();
    let is_desk = path == urls::desk() || path.starts_with("/desk/");
    let is_gate =
        ["/desk/sign-", "/desk/setup/", "/desk/invite/", "/desk/reset"].iter().any(|gate| path.starts_with(gate));
    (is_desk && !is_gate && request.resource_map().has_resource(path)).then_some(own)
}

/// The sign-in form in place of a page that needs a session.
pub fn page_instead(app: &App, request: &HttpRequest, again: &Again) -> Result<String, askama::Error> {
    let mut page = SignInPage::new(app, request, "", again, FormErrors::default());
    if again.is_post {
        page.notice = Some("You were signed out in the meantime. Sign in, and what you typed is sent on.");
    }
    page.render()
}

/// Parameters of the sign-in page.
#[derive(Debug, Deserialize)]
pub struct Asked {
    next: Option<String>,
}

/// `GET /desk/sign-in`
pub async fn show(
    app: web::Data<App>,
    request: HttpRequest,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, AppError> {
    let address = asked.next.as_deref().and_then(|next| next_of(&request, next)).map(str::to_owned).unwrap_or_default();
    if authority::session_of(&app, &request).await?.is_some() {
        return Ok(lead_to(if address.is_empty() { urls::desk() } else { address }));
    }
    let again = Again { address, ..Again::default() };
    let body = SignInPage::new(&app, &request, "", &again, FormErrors::default()).render()?;
    Ok(cached_pages::private(&request, StatusCode::OK, body).await)
}

/// `POST /desk/sign-in`
pub async fn submit(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, AppError> {
    form::sender(&request)?;
    crate::web::rate_limit::count(&app, &request)?;
    let pairs = authority::read_of_nobody(
        &request,
        payload.into_inner(),
        limits::ARTICLE_BODY_BYTES_MAX + limits::FORM_BODY_BYTES_MAX,
        form::Body::Fields,
    )
    .await?;
    let (carried, own): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(name, _)| name.starts_with(CARRIED));
    let fields: SignIn = form::bind(own)?;
    let carried =
        carried.into_iter().map(|(name, value)| (name.trim_start_matches(CARRIED).to_owned(), value)).collect();
    let again = Again {
        address: next_of(&request, &fields.next).map(str::to_owned).unwrap_or_default(),
        carried,
        is_post: fields.post.is_some(),
    };
    let mut errors = FormErrors::default();
    if fields.email.trim().is_empty() {
        errors.add("email", "Enter your email");
    }
    if fields.password.is_empty() {
        errors.add("password", "Enter your password");
    }
    if !errors.is_empty() {
        return refused(&app, &request, &fields.email, &again, errors).await;
    }
    let origin = Origin::of(&app, &request);
    let replaces = cookies::read(&app, &request, cookies::SESSION).and_then(|text| Token::parse(&text));
    let attempt = Attempt {
        email: &fields.email,
        password: &fields.password,
        whence: origin.whence(),
        replaces: replaces.as_ref(),
    };
    let desk = Desk { db: &app.db, passwords: app.passwords(), secret: app.secret(), rng: app.rng() };
    match sign_in::sign_in(desk, &attempt).await {
        Ok(opened) => go_on(&app, &request, &opened, &again).await,
        Err(SignInError::Mismatch { tries_left }) => {
            let left = match tries_left {
                0 => " That was the last try for now.".to_owned(),
                1 => " You have 1 try left.".to_owned(),
                few @ 2..=4 => format!(" You have {few} tries left."),
                _ => String::new(),
            };
            errors.add("password", format!("That email and password don’t match.{left}"));
            refused(&app, &request, &fields.email, &again, errors).await
        }
        Err(SignInError::TooMany { wait }) => {
            errors.add("password", format!("Too many tries. Wait {}, or reset your password.", minutes(wait)));
            let mut response = page_with(
                &request,
                StatusCode::TOO_MANY_REQUESTS,
                SignInPage::new(&app, &request, &fields.email, &again, errors),
            )
            .await?;
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(wait.as_secs().max(1)));
            Ok(response)
        }
        Err(SignInError::Busy) => {
            errors.add("password", "Many people are signing in just now. Try again in a moment.");
            let mut response = page_with(
                &request,
                StatusCode::SERVICE_UNAVAILABLE,
                SignInPage::new(&app, &request, &fields.email, &again, errors),
            )
            .await?;
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("2"));
            Ok(response)
        }
        Err(SignInError::Db(error)) => Err(error.into()),
    }
}

fn minutes(wait: Duration) -> String {
    match wait.as_secs().div_ceil(60) {
        0 | 1 => "1 minute".to_owned(),
        more => format!("{more} minutes"),
    }
}

async fn refused(
    app: &App,
    request: &HttpRequest,
    email: &str,
    again: &Again,
    errors: FormErrors,
) -> Result<HttpResponse, AppError> {
    page_with(request, StatusCode::UNPROCESSABLE_ENTITY, SignInPage::new(app, request, email, again, errors)).await
}

async fn page_with(request: &HttpRequest, status: StatusCode, page: SignInPage<'_>) -> Result<HttpResponse, AppError> {
    Ok(cached_pages::private(request, status, page.render()?).await)
}

/// Sets the cookies of a session that was just opened.
pub(super) fn with_cookies(app: &App, mut response: HttpResponse, opened: &Opened) -> Result<HttpResponse, AppError> {
    let mut jar = vec![cookies::set(app, cookies::SESSION, opened.token.reveal(), limits::SESSION_LIFE)];
    if let Some(device) = &opened.device {
        jar.push(cookies::set(app, cookies::DEVICE, device.reveal(), limits::DEVICE_COOKIE_LIFE));
    }
    for cookie in &jar {
        response.add_cookie(cookie).map_err(|error| AppError::internal(&error))?;
    }
    Ok(response)
}

pub(super) fn lead_to(address: String) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, address)).finish()
}

/// To the page that was asked for; with the form that was being sent, ready to be sent with the new session's token.
async fn go_on(app: &App, request: &HttpRequest, opened: &Opened, again: &Again) -> Result<HttpResponse, AppError> {
    if !again.is_post || again.address.is_empty() {
        let address = if again.address.is_empty() { urls::desk() } else { again.address.clone() };
        return with_cookies(app, lead_to(address), opened);
    }
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let session = session::find(&mut conn, app.secret(), &opened.token, app.now(), &settings.people)
        .await?
        .ok_or(AppError::Forbidden)?
        .session;
    drop(conn);
    let page = ResumePage {
        page: shell::bare(app, &settings, request, "You are signed in again"),
        action: &again.address,
        csrf: session.csrf(),
        fields: &again.carried,
    };
    with_cookies(app, cached_pages::private(request, StatusCode::OK, page.render()?).await, opened)
}

/// `POST /desk/sign-out`
pub async fn sign_out(app: web::Data<App>, form: StaffForm<Session, NoFields>) -> Result<HttpResponse, AppError> {
    let session = &form.who;
    app.db.transact(async |tx| session::sign_out(tx, session).await).await?;
    let mut response = lead_to(urls::sign_in(None));
    response.add_cookie(&cookies::remove(&app, cookies::SESSION)).map_err(|error| AppError::internal(&error))?;
    Ok(response)
}
