//! `POST /appearance`: the reader's choice of light or dark, kept in a cookie of its own.

use actix_web::cookie::time::Duration as CookieDuration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::app::App;
use crate::core::limits;
use crate::web::error::AppError;
use crate::web::extract::form::{Fields, Form};
use crate::web::page::Theme;
use crate::web::shell::{THEME_COOKIE, own_path};

/// The Appearance control.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Choice {
    theme: String,
    r#return: String,
}

impl Fields for Choice {
    const NAMES: &'static [&'static str] = &["theme", "return"];
}

/// Keeps the choice and leads back to the page.
pub async fn choose(app: web::Data<App>, form: Form<Choice>) -> Result<HttpResponse, AppError> {
    let theme = Theme::parse(&form.fields.theme).ok_or(AppError::BadRequest("Choose Auto, Light or Dark."))?;
    let back = own_path(&form.fields.r#return).unwrap_or("/").to_owned();
    let life = i64::try_from(limits::REMEMBER_COOKIE_LIFE.as_secs()).unwrap_or(0);
    let mut cookie = Cookie::build(THEME_COOKIE, theme.as_str())
        .path("/")
        .same_site(SameSite::Lax)
        .http_only(true)
        .secure(app.is_https())
        .max_age(CookieDuration::seconds(life))
        .finish();
    if theme == Theme::Auto {
        cookie.make_removal();
    }
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, back)).cookie(cookie).finish())
}
