//! Cookies of ours (decisions 11): `__Host-` and `Secure` where readers reach the site by https.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};

use crate::app::App;

/// A signed-in person's session.
pub const SESSION: &str = "stet_session";
/// A browser somebody on the team has signed in from.
pub const DEVICE: &str = "stet_device";

/// A cookie's name as browsers know it.
#[must_use]
pub fn name(app: &App, name: &str) -> String {
    name_of(app.is_https(), name)
}

fn name_of(https: bool, name: &str) -> String {
    if https { format!("__Host-{name}") } else { name.to_owned() }
}

/// The value a browser sent; of two with the name, the first.
#[must_use]
pub fn read(app: &App, request: &HttpRequest, name: &str) -> Option<String> {
    request.cookie(&name_of(app.is_https(), name)).map(|cookie| cookie.value().to_owned())
}

/// A cookie for the whole site, not for scripts, sent along from links of other sites but not with their forms.
#[must_use]
pub fn set(app: &App, name: &str, value: String, life: Duration) -> Cookie<'static> {
    let https = app.is_https();
    let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
    Cookie::build(name_of(https, name), value)
        .path("/")
        .http_only(true)
        .secure(https)
        .same_site(SameSite::Lax)
        .max_age(CookieDuration::seconds(seconds))
        .finish()
}

/// Takes a cookie away.
#[must_use]
pub fn remove(app: &App, name: &str) -> Cookie<'static> {
    let mut cookie = set(app, name, String::new(), Duration::ZERO);
    cookie.make_removal();
    cookie
}
