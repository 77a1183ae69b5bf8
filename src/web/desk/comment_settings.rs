//! `/desk/settings/comments`: who waits for a moderator, what writers may do, and what the form says.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::core::status::ModerationMode;
use crate::core::{limits, text};
use crate::moderation::policy;
use crate::settings::Comments;
use crate::staff::authority::MayChangeSettings;
use crate::urls;
use crate::web::cached_pages;
use crate::web::desk::frame::{frame, receipt};
use crate::web::desk::sign_in::lead_to;
use crate::web::error::AppError;
use crate::web::extract::authority::StaffForm;
use crate::web::extract::form::Fields;
use crate::web::page::{DeskShell, FormErrors};

/// The settings as they are typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    moderation: String,
    newcomer_links: String,
    newcomer_until: String,
    reports_to_hold: String,
    edit_window_minutes: String,
    depth: String,
    house_rules: String,
    paused: String,
    privacy_hint: String,
    throwaway_domains: String,
}

impl Fields for Typed {
    const NAMES: &'static [&'static str] = &[
        "moderation",
        "newcomer_links",
        "newcomer_until",
        "reports_to_hold",
        "edit_window_minutes",
        "depth",
        "house_rules",
        "paused",
        "privacy_hint",
        "throwaway_domains",
    ];
}

/// Who waits: our word, what it says, and what that means.
const MODES: &[(ModerationMode, &str, &str)] = &[
    (ModerationMode::Newcomers, "Newcomers", "The first comment of a person, and what the rules find fault with."),
    (ModerationMode::Everyone, "Everyone", "Every comment of a reader, but for those you trust."),
    (ModerationMode::None, "Nobody", "Only what the rules find fault with."),
];

/// Minutes a comment may be changed for (decisions 17).
const EDIT_WINDOWS: &[u32] = &[0, 5, 15, 60];

/// Numbers the fields take: name, label for its message, fewest, most.
const NUMBERS: [(&str, &str, usize, usize); 4] = [
    ("newcomer_links", "Links", 0, limits::COMMENT_LINKS_MAX),
    ("newcomer_until", "Approved comments", 0, 1_000),
    ("reports_to_hold", "Reports", 0, 100),
    ("depth", "Levels", 1, 5),
];

impl Typed {
    fn of(comments: &Comments) -> Self {
        Self {
            moderation: comments.moderation.to_string(),
            newcomer_links: comments.newcomer_links.to_string(),
            newcomer_until: comments.newcomer_until.to_string(),
            reports_to_hold: comments.reports_to_hold.to_string(),
            edit_window_minutes: comments.edit_window_minutes.to_string(),
            depth: comments.depth.to_string(),
            house_rules: comments.house_rules.clone(),
            paused: comments.paused.clone().unwrap_or_default(),
            privacy_hint: if comments.privacy_hint { "1".into() } else { String::new() },
            throwaway_domains: comments.throwaway_domains.join("\n"),
        }
    }

    fn read(&self, errors: &mut FormErrors) -> Comments {
        let typed = [&self.newcomer_links, &self.newcomer_until, &self.reports_to_hold, &self.depth];
        let [links, until, reports, depth] = std::array::from_fn(|at| {
            let (field, label, fewest, most) = NUMBERS.get(at).copied().unwrap_or(("", "", 0, 0));
            let number = typed.get(at).and_then(|text| text.trim().parse::<usize>().ok());
            let number = number.filter(|number| (fewest..=most).contains(number));
            if number.is_none() {
                errors.add(field, format!("{label} must be a number from {fewest} to {most}"));
            }
            number.unwrap_or(fewest)
        });
        let moderation = self.moderation.parse();
        if moderation.is_err() {
            errors.add("moderation", "Choose who waits");
        }
        let window = self.edit_window_minutes.trim().parse().ok().filter(|minutes| EDIT_WINDOWS.contains(minutes));
        if window.is_none() {
            errors.add("edit_window_minutes", "Choose how long a comment may be changed");
        }
        let line = |field: &'static str, typed: &str, label: &str, errors: &mut FormErrors| {
            let line = text::tidy_line(typed);
            if line.chars().count() > limits::SETTING_LINE_CHARS_MAX {
                errors.add(field, format!("{label} must be {} characters or fewer", limits::SETTING_LINE_CHARS_MAX));
            }
            line
        };
        let paused = line("paused", &self.paused, "Sentence", errors);
        Comments {
            moderation: moderation.unwrap_or(ModerationMode::Newcomers),
            house_rules: line("house_rules", &self.house_rules, "House rules", errors),
            depth: u8::try_from(depth).unwrap_or(2),
            edit_window_minutes: window.unwrap_or(15),
            newcomer_links: links,
            newcomer_until: i64::try_from(until).unwrap_or(0),
            reports_to_hold: i64::try_from(reports).unwrap_or(0),
            privacy_hint: self.privacy_hint == "1",
            throwaway_domains: self.domains(errors),
            paused: (!paused.is_empty()).then_some(paused),
        }
    }

    fn domains(&self, errors: &mut FormErrors) -> Vec<String> {
        const FIELD: &str = "throwaway_domains";
        let mut domains: Vec<String> = Vec::new();
        for line in self.throwaway_domains.lines().map(str::trim).filter(|line| !line.is_empty()) {
            // As addresses carry it: lower case, in punycode.
            match text::Email::parse(&format!("x@{}", line.trim_start_matches('@'))) {
                Some(email) => domains.extend(email.canonical.rsplit('@').next().map(str::to_owned)),
                None => errors.add(FIELD, format!("“{line}” must look like mailinator.com")),
            }
        }
        domains.sort_unstable();
        domains.dedup();
        if domains.len() > limits::THROWAWAY_DOMAINS_MAX {
            errors.add(FIELD, format!("Enter {} lines or fewer", limits::THROWAWAY_DOMAINS_MAX));
        }
        domains
    }
}

#[derive(Debug, Template)]
#[template(path = "desk/settings/comments.html")]
struct CommentsPage {
    page: DeskShell,
    action: String,
    form: Typed,
    errors: FormErrors,
    modes: &'static [(ModerationMode, &'static str, &'static str)],
    windows: Vec<(u32, String)>,
}

async fn draw(
    app: &App,
    request: &HttpRequest,
    who: &MayChangeSettings,
    form: Option<Typed>,
    errors: FormErrors,
) -> Result<HttpResponse, AppError> {
    let settings = app.settings(&mut app.db.read().await?).await?;
    let mut page = frame(app, &settings, request, who.session(), "Comments");
    page.has_errors = !errors.is_empty();
    if request.uri().query() == Some("done=saved") {
        page.flash = Some(receipt("Saved. It holds from the next comment on."));
    }
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let form = form.unwrap_or_else(|| Typed::of(&settings.comments));
    let windows = EDIT_WINDOWS
        .iter()
        .map(|minutes| (*minutes, if *minutes == 0 { "Not at all".to_owned() } else { format!("{minutes} minutes") }))
        .collect();
    let shown = CommentsPage { page, action: urls::desk_comment_settings(), form, errors, modes: MODES, windows };
    Ok(cached_pages::private(request, status, shown.render()?).await)
}

/// `GET /desk/settings/comments`
pub async fn show(app: web::Data<App>, request: HttpRequest, who: MayChangeSettings) -> Result<HttpResponse, AppError> {
    draw(&app, &request, &who, None, FormErrors::default()).await
}

/// `POST /desk/settings/comments`
pub async fn save(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayChangeSettings, Typed>,
) -> Result<HttpResponse, AppError> {
    let mut errors = FormErrors::default();
    let comments = form.fields.read(&mut errors);
    if !errors.is_empty() {
        return draw(&app, &request, &form.who, Some(form.fields), errors).await;
    }
    app.db.transact(async |tx| policy::set(tx, &form.who, &comments).await).await?;
    Ok(lead_to(format!("{}?done=saved", urls::desk_comment_settings())))
}
