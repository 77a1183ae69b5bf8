//! `/desk/settings`: the menus of the public pages, and what search engines are told the site is about.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::articles::house::{self, Menus};
use crate::core::limits;
use crate::settings::MenuLink;
use crate::staff::authority::MayChangeSettings;
use crate::urls;
use crate::web::cached_pages;
use crate::web::desk::frame::{frame, receipt};
use crate::web::desk::sign_in::lead_to;
use crate::web::error::AppError;
use crate::web::extract::authority::StaffForm;
use crate::web::extract::form::Fields;
use crate::web::page::{DeskShell, Flash, FormErrors};

/// The form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    menu: String,
    footer_menu: String,
    is_medical: String,
}

impl Fields for Typed {
    const NAMES: &'static [&'static str] = &["menu", "footer_menu", "is_medical"];
}

#[derive(Template)]
#[template(path = "desk/settings.html")]
struct SettingsPage<'a> {
    page: DeskShell,
    action: String,
    sources_href: String,
    comments_href: String,
    typed: &'a Typed,
    errors: FormErrors,
}

/// What was just done.
#[derive(Debug, Deserialize)]
pub struct Asked {
    done: Option<String>,
}

/// One link a line, as it is typed: "Sleep | /topics/sleep".
fn as_typed(menu: &[MenuLink]) -> String {
    menu.iter().map(|link| format!("{} | {}", link.label, link.href)).collect::<Vec<_>>().join("\n")
}

/// `GET /desk/settings`
pub async fn show(
    app: web::Data<App>,
    request: HttpRequest,
    who: MayChangeSettings,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, AppError> {
    let site = app.settings(&mut app.db.read().await?).await?.site.clone();
    let typed = Typed {
        menu: as_typed(&site.menu),
        footer_menu: as_typed(&site.footer_menu),
        is_medical: if site.is_medical { "1".into() } else { String::new() },
    };
    let flash = asked.done.as_ref().map(|_| receipt("The menus are saved. Every page shows them now."));
    page(&app, &request, &who, StatusCode::OK, &typed, (flash, FormErrors::default())).await
}

async fn page(
    app: &App,
    request: &HttpRequest,
    who: &MayChangeSettings,
    status: StatusCode,
    typed: &Typed,
    (flash, errors): (Option<Flash>, FormErrors),
) -> Result<HttpResponse, AppError> {
    let settings = app.settings(&mut app.db.read().await?).await?;
    let mut page = frame(app, &settings, request, who.session(), "Settings");
    page.flash = flash;
    page.has_errors = !errors.is_empty();
    let body = SettingsPage {
        page,
        action: urls::desk_settings(),
        sources_href: urls::desk_source_settings(),
        comments_href: urls::desk_comment_settings(),
        typed,
        errors,
    }
    .render()?;
    Ok(cached_pages::private(request, status, body).await)
}

/// `POST /desk/settings`
pub async fn save(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayChangeSettings, Typed>,
) -> Result<HttpResponse, AppError> {
    let typed = &form.fields;
    let mut errors = FormErrors::default();
    let mut read = |field, text: &str, most| {
        house::read_menu(text, most).map_err(|fault| errors.add(field, fault.to_string())).unwrap_or_default()
    };
    let menu = read("menu", &typed.menu, limits::MENU_LINKS_MAX);
    let footer_menu = read("footer_menu", &typed.footer_menu, limits::FOOTER_LINKS_MAX);
    if !errors.is_empty() {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return page(&app, &request, &form.who, status, typed, (None, errors)).await;
    }
    let menus = Menus { menu, footer_menu, is_medical: typed.is_medical == "1" };
    app.db.transact(async |tx| house::set_menus(tx, &form.who, menus).await).await?;
    Ok(lead_to(format!("{}?done=saved", urls::desk_settings())))
}
