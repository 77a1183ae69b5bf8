//! `/desk/setup/{token}`: the first run. Not found for everybody without the link from the console, and for
//! everybody once the site has an owner (goal sheet O02).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use url::Url;

use crate::app::App;
use crate::articles::house::{self, HouseError};
use crate::core::limits;
use crate::core::rng::Token;
use crate::core::status::ModerationMode;
use crate::core::text::{self, Email};
use crate::settings;
use crate::staff::authority::{Capability, MayEdit, MayPublish};
use crate::staff::model::CreateError;
use crate::staff::password::{HashError, NewPassword};
use crate::staff::session::{self, Opened};
use crate::staff::setup::{self, Claim, ClaimError};
use crate::urls;
use crate::web::desk::sign_in::{lead_to, with_cookies};
use crate::web::error::AppError;
use crate::web::extract::authority::Origin;
use crate::web::extract::form::{Fields, Form};
use crate::web::extract::path;
use crate::web::page::{BareShell, FormErrors};
use crate::web::{cached_pages, rate_limit, shell};

/// Languages the site's own words exist in (decisions 33), with what the choice is called.
const LANGUAGES: &[(&str, &str)] = &[
    ("en-GB", "English (UK)"),
    ("en-US", "English (US)"),
    ("en-AU", "English (Australia)"),
    ("en-CA", "English (Canada)"),
    ("en-IE", "English (Ireland)"),
    ("en-IN", "English (India)"),
    ("en-NZ", "English (New Zealand)"),
    ("en-ZA", "English (South Africa)"),
];

/// The setup form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Setup {
    site_name: String,
    base_url: String,
    language: String,
    name: String,
    email: String,
    password: String,
    moderation: String,
}

impl Fields for Setup {
    const NAMES: &'static [&'static str] =
        &["site_name", "base_url", "language", "name", "email", "password", "moderation"];
}

struct Choice {
    value: &'static str,
    label: &'static str,
    about: &'static str,
    is_chosen: bool,
}

#[derive(Template)]
#[template(path = "desk/setup.html")]
struct SetupPage<'a> {
    page: BareShell,
    typed: &'a Setup,
    errors: FormErrors,
    fixed_base_url: Option<String>,
    languages: Vec<(&'static str, &'static str, bool)>,
    choices: [Choice; 3],
}

impl<'a> SetupPage<'a> {
    fn new(app: &App, request: &HttpRequest, typed: &'a Setup, errors: FormErrors) -> Self {
        let settings = app.parts.settings.last_known();
        let mut page = shell::bare(app, &settings, request, "Set up your site");
        page.site_name = "Stet".into();
        page.has_errors = !errors.is_empty();
        let choice = |mode: ModerationMode, label, about| Choice {
            value: mode.as_str(),
            label,
            about,
            is_chosen: typed.moderation == mode.as_str(),
        };
        Self {
            page,
            typed,
            errors,
            fixed_base_url: app.parts.fixed_base_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()),
            languages: LANGUAGES.iter().map(|(tag, name)| (*tag, *name, *tag == typed.language)).collect(),
            choices: [
                choice(
                    ModerationMode::Newcomers,
                    "People you have approved before",
                    "Everyone’s first comment waits for a moderator. Best for most sites.",
                ),
                choice(ModerationMode::Everyone, "Nobody", "Every comment waits. Best for medical questions."),
                choice(ModerationMode::None, "Anyone", "Only spam and your own rules hold a comment back."),
            ],
        }
    }
}

/// The token of the address, while it opens the page.
async fn open_link(app: &App, request: &HttpRequest) -> Result<Token, AppError> {
    rate_limit::count(app, request)?;
    let text: String = path::segment(request, "token")?;
    let token = Token::parse(&text).ok_or(AppError::NotFound)?;
    let mut conn = app.db.read().await?;
    app.settings(&mut conn).await?;
    if setup::is_open(&mut conn, &token).await? { Ok(token) } else { Err(AppError::NotFound) }
}

/// `GET /desk/setup/{token}`
pub async fn show(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    open_link(&app, &request).await?;
    let settings = app.parts.settings.last_known();
    let typed = Setup {
        base_url: app.base_url(&settings).as_str().trim_end_matches('/').to_owned(),
        language: "en-GB".into(),
        moderation: ModerationMode::Newcomers.as_str().into(),
        ..Setup::default()
    };
    let body = SetupPage::new(&app, &request, &typed, FormErrors::default()).render()?;
    Ok(cached_pages::private(&request, StatusCode::OK, body).await)
}

struct Checked<'a> {
    site_name: String,
    base_url: Option<String>,
    language: &'a str,
    email: Email,
    password: NewPassword,
    moderation: ModerationMode,
}

/// Every mistake at once, in the order of the fields.
fn check<'a>(app: &App, typed: &'a Setup) -> Result<Checked<'a>, FormErrors> {
    let mut errors = FormErrors::default();
    let site_name = text::tidy_line(&typed.site_name);
    if site_name.is_empty() {
        errors.add("site_name", "Enter the site’s name");
    } else if site_name.chars().count() > limits::SITE_NAME_CHARS_MAX {
        errors.add("site_name", format!("Site name must be {} characters or fewer", limits::SITE_NAME_CHARS_MAX));
    }
    let is_fixed = app.parts.fixed_base_url.is_some();
    let base_url = if is_fixed { None } else { site_address(&typed.base_url) };
    if !is_fixed && base_url.is_none() {
        errors.add(
            "base_url",
            "Web address must start with https:// or http:// and name a host, such as https://harbour.example",
        );
    }
    let language = LANGUAGES.iter().find(|(tag, _)| *tag == typed.language);
    if language.is_none() {
        errors.add("language", "Choose a language");
    }
    let name = text::tidy_name(&typed.name);
    if name.is_empty() {
        errors.add("name", "Enter your name");
    } else if name.chars().count() > limits::NAME_CHARS_MAX {
        errors.add("name", CreateError::LongName.to_string());
    }
    let email = Email::parse(&typed.email);
    if email.is_none() {
        errors.add("email", "Enter an email address, such as name@example.com");
    }
    let password = NewPassword::check(&typed.password, &[&site_name, &typed.name, &typed.email]);
    if let Err(weak) = &password {
        errors.add("password", weak.to_string());
    }
    let moderation = typed.moderation.parse::<ModerationMode>();
    if moderation.is_err() {
        errors.add("moderation", "Choose who can post without waiting");
    }
    match (language, email, password, moderation) {
        (Some((language, _)), Some(email), Ok(password), Ok(moderation)) if errors.is_empty() => {
            Ok(Checked { site_name, base_url, language, email, password, moderation })
        }
        _ => Err(errors),
    }
}

/// Scheme, host and port of an address as readers type it; `None` when it is more or less than that.
fn site_address(typed: &str) -> Option<String> {
    let url = Url::parse(typed.trim().trim_end_matches('/')).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    plain.then(|| url.as_str().trim_end_matches('/').to_owned())
}

/// `POST /desk/setup/{token}`
pub async fn submit(app: web::Data<App>, request: HttpRequest, form: Form<Setup>) -> Result<HttpResponse, AppError> {
    let token = open_link(&app, &request).await?;
    let typed = &form.fields;
    let checked = match check(&app, typed) {
        Ok(checked) => checked,
        Err(errors) => return refused(&app, &request, typed, errors).await,
    };
    let hashed = match app.passwords().hash(&checked.password).await {
        Ok(hashed) => hashed,
        Err(HashError::Busy | HashError::Failed) => return Err(AppError::Unavailable),
    };
    let claim = Claim {
        site_name: &checked.site_name,
        base_url: checked.base_url.as_deref(),
        language: checked.language,
        name: &typed.name,
        email: &checked.email,
        password: &hashed,
        moderation: checked.moderation,
    };
    let origin = Origin::of(&app, &request);
    let claimed = app.db.transact(async |tx| setup::claim(tx, app.rng(), &token, &claim, &origin.whence()).await).await;
    let opened = match claimed {
        Ok(opened) => opened,
        Err(ClaimError::Closed) => return Err(AppError::NotFound),
        Err(ClaimError::Person(error)) => {
            let field = if matches!(error, CreateError::EmailTaken) { "email" } else { "name" };
            let mut errors = FormErrors::default();
            errors.add(field, error.to_string());
            return refused(&app, &request, typed, errors).await;
        }
        Err(ClaimError::Db(error)) => return Err(error.into()),
    };
    open_house(&app, &opened).await;
    // Whether cookies are `Secure` follows the address that was just set.
    app.settings(&mut app.db.read().await?).await?;
    with_cookies(&app, lead_to(urls::desk()), &opened)
}

/// Makes the pages and menus a new site begins with. The site is claimed already: what cannot be made is missing, and
/// the owner can write it.
async fn open_house(app: &App, opened: &Opened) {
    let made = async {
        let mut conn = app.db.read().await?;
        let settings = settings::load(&mut conn).await?;
        let owner = session::act_as(&mut conn, opened.staff_id, &settings.people).await?;
        drop(conn);
        let Some(owner) = owner else { return Ok::<_, HouseError>(()) };
        let (Ok(editor), Ok(publisher)) = (MayEdit::of(&owner), MayPublish::of(&owner)) else { return Ok(()) };
        house::open(&app.db, &editor, &publisher, &settings.site).await
    };
    if let Err(error) = made.await {
        tracing::error!(error.cause = %error, "the house pages of the new site could not all be made");
    }
}

async fn refused(
    app: &App,
    request: &HttpRequest,
    typed: &Setup,
    errors: FormErrors,
) -> Result<HttpResponse, AppError> {
    let body = SetupPage::new(app, request, typed, errors).render()?;
    Ok(cached_pages::private(request, StatusCode::UNPROCESSABLE_ENTITY, body).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_scheme_and_a_host() {
        assert_eq!(site_address(" https://Harbour.example/ ").as_deref(), Some("https://harbour.example"));
        assert_eq!(site_address("http://127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080"));
        for wrong in [
            "",
            "harbour.example",
            "javascript:alert(1)",
            "https://a.example/blog",
            "https://u:p@a.example",
            "https://a.example?x",
            "ftp://a.example",
        ] {
            assert_eq!(site_address(wrong), None, "{wrong}");
        }
    }
}
