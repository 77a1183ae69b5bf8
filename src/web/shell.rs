//! Fills the shells of `web/page.rs` from the settings and the request.

use actix_web::HttpRequest;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::app::App;
use crate::core::text;
use crate::settings::Settings;
use crate::urls;
use crate::web::page::{BareShell, FeedLink, NavLink, PublicShell, Theme};

/// Cookie of the Appearance control.
pub const THEME_COOKIE: &str = "stet_theme";

/// The reader's choice of appearance.
#[must_use]
pub fn theme_of(request: &HttpRequest) -> Theme {
    request.cookie(THEME_COOKIE).and_then(|cookie| Theme::parse(cookie.value())).unwrap_or_default()
}

/// Path and query of a request, as a path of ours: never another host, never a control.
#[must_use]
pub fn address_of(request: &HttpRequest) -> String {
    let address = request.uri().path_and_query().map_or("/", |address| address.as_str());
    own_path(address).unwrap_or("/").to_owned()
}

/// A path of this site, or nothing: for `next` and `return` (requirements S13).
#[must_use]
pub fn own_path(address: &str) -> Option<&str> {
    let own = address.starts_with('/')
        && !address.starts_with("//")
        && !address.contains('\\')
        && !text::has_control(address)
        && address.len() <= 2_000
        && address.is_ascii()
        && !address.contains([' ', '\t', '\n', '\r']);
    own.then_some(address)
}

/// The shell of a public page. `title`: what the page is; none on the front page.
#[must_use]
pub fn public(app: &App, settings: &Settings, request: &HttpRequest, title: Option<&str>) -> PublicShell {
    public_at(app, settings, theme_of(request), &address_of(request), title)
}

/// The same without a request: `address` is path and query of the page.
#[must_use]
pub fn public_at(app: &App, settings: &Settings, theme: Theme, address: &str, title: Option<&str>) -> PublicShell {
    let path = address.split('?').next().unwrap_or("/");
    let links = |links: &[crate::settings::MenuLink]| {
        links
            .iter()
            .map(|link| NavLink { label: link.label.clone(), href: link.href.clone(), current: link.href == path })
            .collect::<Vec<_>>()
    };
    let base = app.base_url(settings);
    PublicShell {
        site_name: settings.site.name.clone(),
        title: title.map(str::to_owned),
        has_errors: false,
        lang: settings.site.language.clone(),
        dir: direction(&settings.site.language),
        theme,
        system_fonts: false,
        canonical: base.join(path).ok().map(String::from),
        description: None,
        noindex: false,
        kind: None,
        picture: None,
        times: None,
        home_href: urls::home(),
        search_href: Some(urls::search_page()),
        nav: links(&settings.site.menu),
        feeds: vec![FeedLink {
            title: settings.site.name.clone(),
            href: urls::feed(),
            media_type: "application/atom+xml",
        }],
        footer_line: settings.site.footer_line.clone(),
        footer_links: links(&settings.site.footer_menu),
        feed_href: Some(urls::feed()),
        appearance_href: urls::appearance(),
        return_to: address.to_owned(),
    }
}

/// The shell of a page that stands alone.
#[must_use]
pub fn bare(_app: &App, settings: &Settings, request: &HttpRequest, title: &str) -> BareShell {
    BareShell { theme: theme_of(request), ..bare_for(settings, title) }
}

/// The same without a request.
#[must_use]
pub fn bare_for(settings: &Settings, title: &str) -> BareShell {
    BareShell {
        site_name: settings.site.name.clone(),
        title: title.to_owned(),
        has_errors: false,
        lang: settings.site.language.clone(),
        dir: direction(&settings.site.language),
        theme: Theme::Auto,
    }
}

/// Writing direction of a language, by its primary subtag.
#[must_use]
pub fn direction(language: &str) -> &'static str {
    let primary = language.split('-').next().unwrap_or_default();
    if matches!(primary, "ar" | "he" | "fa" | "ur" | "ps" | "sd" | "ug" | "yi" | "dv" | "ckb") { "rtl" } else { "ltr" }
}

/// The site's time zone.
#[must_use]
pub fn zone(settings: &Settings) -> Tz {
    settings.site.zone()
}

/// "14 November 2026", in the site's zone.
#[must_use]
pub fn date_in_words(at: DateTime<Utc>, settings: &Settings) -> String {
    at.with_timezone(&zone(settings)).format("%-d %B %Y").to_string()
}

/// "14 Nov 2026", in the site's zone.
#[must_use]
pub fn date_short(at: DateTime<Utc>, settings: &Settings) -> String {
    at.with_timezone(&zone(settings)).format("%-d %b %Y").to_string()
}

/// "14 Nov 2026, 10:46", in the site's zone.
#[must_use]
pub fn date_and_time(at: DateTime<Utc>, settings: &Settings) -> String {
    at.with_timezone(&zone(settings)).format("%-d %b %Y, %H:%M").to_string()
}

/// For `datetime` attributes: RFC 3339 in UTC, to the second.
#[must_use]
pub fn machine_time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_ours_are_led_back_to() {
        for own in ["/", "/desk/comments?queue=held", "/a#b"] {
            assert_eq!(own_path(own), Some(own));
        }
        for foreign in
            ["", "//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nSet-Cookie: x", "a", "/a b"]
        {
            assert_eq!(own_path(foreign), None, "{foreign:?}");
        }
    }
}
