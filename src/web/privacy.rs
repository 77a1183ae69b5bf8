//! `/privacy`: the site's own words, which are a house page, and what the process really does: which cookies there are
//! and how long what is kept, read from the limits and settings it runs with.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::articles::page::{self, Found};
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::core::status::DoorPurpose;
use crate::render::sanitize::SanitizedHtml;
use crate::settings::Settings;
use crate::urls;
use crate::web::cached_pages::{self, HTML, Page};
use crate::web::error::AppError;
use crate::web::page::PublicShell;
use crate::web::talk::{READER_COOKIE, REMEMBER_COOKIE};
use crate::web::views::When;
use crate::web::{cookies, shell};

#[derive(Debug, Template)]
#[template(path = "articles/privacy.html")]
struct Privacy {
    page: PublicShell,
    title: String,
    dek: String,
    html: Option<SanitizedHtml>,
    updated: Option<When>,
    cookies: Vec<CookieLine>,
    kept: Vec<(&'static str, String)>,
    data_href: String,
}

#[derive(Debug)]
struct CookieLine {
    name: String,
    purpose: &'static str,
    life: String,
}

/// A span of time in words: "15 minutes", "3 days".
fn span(life: Duration) -> String {
    let seconds = life.as_secs();
    let (number, one, many) = match seconds {
        s if s >= 2 * 86_400 => (s / 86_400, "day", "days"),
        s if s >= 2 * 3_600 => (s / 3_600, "hour", "hours"),
        s => (s / 60, "minute", "minutes"),
    };
    if number == 365 {
        "one year".into()
    } else if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {many}")
    }
}

fn cookie_lines(app: &App) -> Vec<CookieLine> {
    let line = |name: String, purpose, life| CookieLine { name, purpose, life };
    let secure = |name| cookies::name(app, name);
    vec![
        line(
            shell::THEME_COOKIE.to_owned(),
            "Set when you choose light or dark at the foot of a page. Holds that word.",
            span(limits::REMEMBER_COOKIE_LIFE),
        ),
        line(
            secure(READER_COOKIE),
            "Set when you post a comment. Lets this browser show you a comment that waits, and lets you edit or withdraw it. Once you have confirmed your email, lets you say which comments helped you.",
            span(limits::READER_COOKIE_LIFE),
        ),
        line(
            secure(REMEMBER_COOKIE),
            "Set only if you tick “Remember my name and email in this browser”. Holds both, for the form.",
            span(limits::REMEMBER_COOKIE_LIFE),
        ),
        line(
            secure(cookies::SESSION),
            "For people who work here, while they are signed in.",
            format!("{}, or {} without use", span(limits::SESSION_LIFE), span(limits::SESSION_IDLE)),
        ),
        line(
            secure(cookies::DEVICE),
            "For people who work here: a browser they have signed in from.",
            span(limits::DEVICE_COOKIE_LIFE),
        ),
    ]
}

fn kept_lines(settings: &Settings) -> Vec<(&'static str, String)> {
    let edit = match settings.comments.edit_window_minutes {
        0 => String::new(),
        minutes => format!(" You can edit it for {minutes} minutes."),
    };
    vec![
        ("A comment, and the name with it", format!("As long as the article, unless you withdraw it or a moderator removes it.{edit} What was withdrawn or removed is seen by moderators only.")),
        ("Your email address", "With your comments. It is never shown. Until you have confirmed it by the link we send, it gets no other mail, unless you ask for a link to your data.".into()),
        ("Your network address", format!("Never whole: shortened, and as a keyed code that recognises repeated abuse. Both are deleted after {}.", span(limits::NETWORK_KEPT))),
        ("A report about a comment", format!("With the comment. Your own words are deleted {} after somebody dealt with it.", span(limits::REPORT_WORDS_KEPT))),
        ("That a comment helped you", "With the comment, until you take it back. Everyone sees how many, nobody who.".into()),
        ("A link that confirms an address", format!("Works for {}; its record is deleted {} later.", span(limits::CONFIRMATION_LIFE), span(limits::ENDED_KEPT))),
        ("A link to your data, or to choose your emails", format!("Works once, for {} or {}; its record is deleted {} later.", span(limits::DATA_LINK_LIFE), span(limits::PREFERENCES_LINK_LIFE), span(limits::ENDED_KEPT))),
        ("The text of an email we sent you", format!("{}; that it was sent: {}.", span(limits::MAIL_BODY_KEPT), span(limits::MAIL_KEPT))),
        ("Attempts to sign in that failed", format!("{}, as codes.", span(limits::FAILURES_KEPT))),
        ("Reading, without writing", "Nothing. The server’s own notes hold no names, addresses or texts.".into()),
    ]
}

/// `/privacy`
pub async fn show(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let address = urls::privacy();
    cached_pages::public(&app, &request, address.clone(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let written = match page::find(&mut conn, urls::PRIVACY_SLUG).await? {
            Found::Public(article) => Some(article),
            Found::Withdrawn { .. } | Found::Moved(_) | Found::Nothing => None,
        };
        let mut tags = vec![Tag::Listing];
        tags.extend(written.as_ref().map(|article| Tag::Article(article.id)));
        let title = written.as_ref().map_or_else(|| "Privacy".to_owned(), |article| article.title.clone());
        let mut page = shell::public_at(&app, &settings, shell::theme_of(&request), &address, Some(&title));
        page.description = written.as_ref().map(|article| article.dek.clone()).filter(|dek| !dek.is_empty());
        let view = Privacy {
            page,
            title,
            dek: written.as_ref().map(|article| article.dek.clone()).unwrap_or_default(),
            updated: written.as_ref().map(|article| When::day(article.updated_at, &settings)),
            html: written.map(|article| article.html),
            cookies: cookie_lines(&app),
            kept: kept_lines(&settings),
            data_href: urls::door(DoorPurpose::Data),
        };
        Ok(Page { body: view.render()?, content_type: HTML, tags, life: limits::PAGE_LIFE })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_as_people_tell_them() {
        let told = [15 * 60, 3_600, 24 * 3_600, 30 * 86_400, 365 * 86_400].map(|s| span(Duration::from_secs(s)));
        assert_eq!(told, ["15 minutes", "60 minutes", "24 hours", "30 days", "one year"]);
    }
}
