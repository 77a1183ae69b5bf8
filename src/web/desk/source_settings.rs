//! `/desk/settings/sources`: the citation style, and which sources are trusted.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use url::Url;

use crate::app::App;
use crate::core::status::CitationStyle;
use crate::core::{limits, text};
use crate::references::judge;
use crate::settings::Sources;
use crate::staff::authority::MayChangeSettings;
use crate::urls;
use crate::web::cached_pages;
use crate::web::desk::frame::{frame, receipt};
use crate::web::error::AppError;
use crate::web::extract::authority::StaffForm;
use crate::web::extract::form::Fields;
use crate::web::page::{DeskShell, FormErrors};

/// The settings of sources as they are typed: lists one a line.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SourcesForm {
    style: String,
    hosts: String,
    prefixes: String,
    journals: String,
    page: String,
}

impl Fields for SourcesForm {
    const NAMES: &'static [&'static str] = &["style", "hosts", "prefixes", "journals", "page"];
}

/// Styles as the form offers them: our word, its name, and an example.
const STYLES: &[(&str, &str, &str)] = &[
    ("ama", "AMA", "Okafor R, Lindqvist M. Phase shifting. J Sample Sleep Med. 2021;14(2):101–112."),
    ("vancouver", "Vancouver", "Okafor R, Lindqvist M. Phase shifting. J Sample Sleep Med. 2021 May 3;14(2):101–12."),
    (
        "apa",
        "APA",
        "Okafor, R., & Lindqvist, M. (2021). Phase shifting. Journal of Sample Sleep Medicine, 14(2), 101–112.",
    ),
];

impl SourcesForm {
    fn of(sources: &Sources) -> Self {
        Self {
            style: sources.style.to_string(),
            hosts: sources.trusted_hosts.join("\n"),
            prefixes: sources.trusted_doi_prefixes.join("\n"),
            journals: sources.trusted_journals.join("\n"),
            page: sources.page.clone(),
        }
    }

    fn read(&self, errors: &mut FormErrors) -> Sources {
        let mut list = |field: &'static str, typed: &str, example: &str, read: &dyn Fn(&str) -> Option<String>| {
            let mut lines: Vec<String> = Vec::new();
            for line in typed.lines().map(text::tidy_line).filter(|line| !line.is_empty()) {
                match read(&line) {
                    Some(line) if !lines.contains(&line) => lines.push(line),
                    Some(_) => {}
                    None => errors.add(field, format!("“{line}” must look like {example}")),
                }
                if lines.len() > limits::TRUSTED_LINES_MAX {
                    errors.add(field, format!("Enter {} lines or fewer", limits::TRUSTED_LINES_MAX));
                    break;
                }
            }
            lines
        };
        let trusted_hosts = list("hosts", &self.hosts, "who.int", &host);
        let trusted_doi_prefixes = list("prefixes", &self.prefixes, "10.1056", &prefix);
        let trusted_journals = list("journals", &self.journals, "a journal’s name", &|line| Some(line.to_owned()));
        let page = text::tidy_line(&self.page);
        let is_ours = page.strip_prefix('/').is_some_and(text::is_slug);
        if !page.is_empty() && !is_ours {
            errors.add("page", "Page must be an address of this site, like /what-trusted-source-means");
        }
        let style = self.style.parse::<CitationStyle>();
        if style.is_err() {
            errors.add("style", "Choose a style");
        }
        Sources {
            style: style.unwrap_or(CitationStyle::Ama),
            trusted_hosts,
            trusted_doi_prefixes,
            trusted_journals,
            page,
        }
    }
}

/// A host out of what people paste: `https://www.who.int/x` is `who.int`.
fn host(line: &str) -> Option<String> {
    let address = if line.contains("://") { line.to_owned() } else { format!("https://{line}") };
    let url = Url::parse(&address).ok()?;
    let host = url.host_str()?.to_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    (host.contains('.') && !host.starts_with('.') && !host.ends_with('.')).then(|| host.to_owned())
}

/// The part of a DOI before the slash.
fn prefix(line: &str) -> Option<String> {
    let lower = line.to_lowercase();
    let rest = lower.rsplit("doi.org/").next().unwrap_or(&lower).trim_start_matches("doi:").trim();
    let prefix = rest.split('/').next().unwrap_or(rest);
    let digits = prefix.strip_prefix("10.")?;
    let is_prefix = (4..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_prefix.then(|| prefix.to_owned())
}

#[derive(Debug, Template)]
#[template(path = "desk/settings/sources.html")]
struct SourcesPage {
    page: DeskShell,
    action: String,
    form: SourcesForm,
    errors: FormErrors,
    styles: &'static [(&'static str, &'static str, &'static str)],
}

async fn show(
    app: &App,
    request: &HttpRequest,
    who: &MayChangeSettings,
    form: Option<SourcesForm>,
    errors: FormErrors,
) -> Result<HttpResponse, AppError> {
    let settings = app.settings(&mut app.db.read().await?).await?;
    let mut page = frame(app, &settings, request, who.session(), "Sources");
    page.has_errors = !errors.is_empty();
    if request.uri().query() == Some("done=saved") {
        page.flash = Some(receipt("Saved. Readers see it now."));
    }
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let form = form.unwrap_or_else(|| SourcesForm::of(&settings.sources));
    let shown = SourcesPage { page, action: urls::desk_source_settings(), form, errors, styles: STYLES };
    Ok(cached_pages::private(request, status, shown.render()?).await)
}

/// `GET /desk/settings/sources`
pub async fn sources(
    app: web::Data<App>,
    request: HttpRequest,
    who: MayChangeSettings,
) -> Result<HttpResponse, AppError> {
    show(&app, &request, &who, None, FormErrors::default()).await
}

/// `POST /desk/settings/sources`
pub async fn save_sources(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayChangeSettings, SourcesForm>,
) -> Result<HttpResponse, AppError> {
    let mut errors = FormErrors::default();
    let sources = form.fields.read(&mut errors);
    if !errors.is_empty() {
        return show(&app, &request, &form.who, Some(form.fields), errors).await;
    }
    app.db.transact(async |tx| judge::set_sources(tx, &form.who, &sources).await).await?;
    let address = format!("{}?done=saved", urls::desk_source_settings());
    Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, address)).finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_prefixes_are_taken_out_of_what_people_paste() {
        assert_eq!(host("https://www.WHO.int/news").as_deref(), Some("who.int"));
        assert_eq!(host("nice.org.uk").as_deref(), Some("nice.org.uk"));
        assert_eq!([host("localhost"), host("a b.c"), host("")], [None, None, None]);
        assert_eq!(prefix("https://doi.org/10.1056/abc").as_deref(), Some("10.1056"));
        assert_eq!(prefix("10.1056/").as_deref(), Some("10.1056"));
        assert_eq!([prefix("1056"), prefix("10.x"), prefix("10.1")], [None, None, None]);
    }
}
