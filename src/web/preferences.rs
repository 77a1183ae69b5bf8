//! `/mail/preferences`: what an address follows and how often mail comes, behind a link in a mail (`web/door.rs`).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::core::ids::SubscriptionId;
use crate::core::status::{DoorPurpose, MailFrequency, SubscriptionScope};
use crate::core::text::Email;
use crate::notifications::preferences::{self, Choice, Preferences};
use crate::notifications::unsubscribe;
use crate::urls;
use crate::web::door::{self, AskForm, Door, Press};
use crate::web::error::AppError;
use crate::web::extract::form::{Fields, Form};
use crate::web::page::PublicShell;
use crate::web::shell;

/// The way in.
const DOOR: Door = Door {
    purpose: DoorPurpose::Preferences,
    title: "Your emails",
    intro: "We send a link to your email address. Behind it you choose which conversations you follow, and how often we write.",
    life: "an hour",
    button: "Choose my emails",
};

/// `GET /mail/preferences`
pub async fn show_form(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    door::ask_page(&app, &request, &DOOR).await
}

/// `POST /mail/preferences`
pub async fn ask(app: web::Data<App>, request: HttpRequest, form: Form<AskForm>) -> Result<HttpResponse, AppError> {
    door::ask(&app, &request, &DOOR, &form.fields).await
}

/// `GET /mail/preferences/{token}`
pub async fn show_mailed(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    door::mailed_page(&app, &request, &DOOR).await
}

/// `POST /mail/preferences/{token}`
pub async fn open(app: web::Data<App>, request: HttpRequest, _form: Form<Press>) -> Result<HttpResponse, AppError> {
    door::open(&app, &request, &DOOR).await
}

/// A choice of one field: its value, what it says, whether it is the present one.
type Choices = Vec<(String, &'static str, bool)>;

/// Something that is followed.
#[derive(Debug)]
struct Line {
    id: SubscriptionId,
    title: String,
    href: String,
    excerpt: Option<String>,
    since: String,
    choices: Choices,
}

#[derive(Debug, Template)]
#[template(path = "doors/preferences.html")]
struct PreferencesPage {
    page: PublicShell,
    address: String,
    stopped: Option<String>,
    bounced: Option<String>,
    frequencies: Choices,
    follows: Vec<Line>,
    action: String,
    is_saved: bool,
}

/// What was just done.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    saved: Option<String>,
}

/// `GET /mail/preferences/open/{token}`
pub async fn show(
    app: web::Data<App>,
    request: HttpRequest,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, AppError> {
    let (opened, token) = match door::opened(&app, &request, &DOOR).await? {
        Ok(opened) => opened,
        Err(over) => return Ok(over),
    };
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let Preferences { canonical, frequency, stopped_at, bounced_at, follows } =
        preferences::find(&mut conn, opened.address).await?.ok_or(AppError::NotFound)?;
    drop(conn);
    let day = |at| shell::date_in_words(at, &settings);
    let body = PreferencesPage {
        page: door::shell(&app, &settings, &request, DOOR.title),
        address: Email::masked(&canonical),
        stopped: stopped_at.map(day),
        bounced: bounced_at.map(day),
        frequencies: MailFrequency::ALL
            .iter()
            .map(|one| (one.to_string(), frequency_words(*one), *one == frequency))
            .collect(),
        follows: follows
            .iter()
            .map(|follow| Line {
                id: follow.id,
                title: follow.title.clone(),
                href: urls::article(&follow.slug),
                excerpt: follow.excerpt.clone(),
                since: day(follow.since),
                choices: scope_choices(follow),
            })
            .collect(),
        action: urls::door_opened(DOOR.purpose, &token.reveal()),
        is_saved: asked.saved.is_some(),
    }
    .render()?;
    Ok(door::private(&request, StatusCode::OK, body).await)
}

fn scope_choices(follow: &preferences::Follow) -> Choices {
    let kept = follow
        .scopes()
        .iter()
        .map(|scope| (format!("{}:{scope}", follow.id), scope_words(*scope), *scope == follow.scope));
    kept.chain([(format!("{}:none", follow.id), "Nothing any more", false)]).collect()
}

const fn frequency_words(frequency: MailFrequency) -> &'static str {
    match frequency {
        MailFrequency::Instant => "One email for each comment, within minutes",
        MailFrequency::Hourly => "At most one an hour, with all that came",
        MailFrequency::Daily => "One in the morning",
        MailFrequency::Weekly => "One on Monday mornings",
    }
}

const fn scope_words(scope: SubscriptionScope) -> &'static str {
    match scope {
        SubscriptionScope::Replies => "Replies to this comment",
        SubscriptionScope::Thread => "The whole conversation it stands in",
        SubscriptionScope::Article => "Every comment under the article",
    }
}

/// What its owner chose.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ChoiceForm {
    frequency: String,
    follow: Vec<String>,
    act: String,
}

impl Fields for ChoiceForm {
    const NAMES: &'static [&'static str] = &["frequency", "follow", "act"];
    const REPEATED: &'static [&'static str] = &["follow"];
    const BY_TOKEN: bool = true;
}

impl ChoiceForm {
    fn choice(&self) -> Result<Choice, AppError> {
        const UNKNOWN: AppError = AppError::BadRequest("That is none of the choices. Open the page again.");
        let frequency = self.frequency.parse().map_err(|_| UNKNOWN)?;
        let follows = self.follow.iter().map(|value| {
            let (id, scope) = value.split_once(':')?;
            let scope = if scope == "none" { None } else { Some(scope.parse().ok()?) };
            Some((id.parse().ok()?, scope))
        });
        Ok(Choice { frequency, follows: follows.collect::<Option<_>>().ok_or(UNKNOWN)? })
    }
}

/// `POST /mail/preferences/open/{token}`
pub async fn submit(
    app: web::Data<App>,
    request: HttpRequest,
    form: Form<ChoiceForm>,
) -> Result<HttpResponse, AppError> {
    let (opened, token) = match door::opened(&app, &request, &DOOR).await? {
        Ok(opened) => opened,
        Err(over) => return Ok(over),
    };
    let address = opened.address;
    match form.fields.act.as_str() {
        "stop" => drop(app.db.transact(async |tx| unsubscribe::stop_all(tx, address).await).await?),
        "resume" => app.db.transact(async |tx| preferences::resume(tx, address).await).await?,
        _ => {
            let choice = form.fields.choice()?;
            let zone = app.settings(&mut app.db.read().await?).await?.site.zone();
            app.db.transact(async |tx| preferences::save(tx, address, zone, &choice).await).await?;
        }
    }
    Ok(door::lead_to(&format!("{}?saved=1", urls::door_opened(DOOR.purpose, &token.reveal()))))
}
