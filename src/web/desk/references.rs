//! The reference library at the desk: finding, adding by hand or from files, editing.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::articles::sources;
use crate::core::ids::ReferenceId;
use crate::core::limits;
use crate::core::status::{CitationStyle, Evidence, Retraction};
use crate::core::text;
use crate::references::csl::{Date, Item, Name};
use crate::references::evidence;
use crate::references::formats::read::{self, Hints};
use crate::references::import::{self, Report};
use crate::references::model::Source;
use crate::references::store::{self, AddError, EditError, Edited, NewRecord, Origin, Placed};
use crate::references::style;
use crate::staff::authority::{MayEdit, MaySeeDrafts};
use crate::staff::roles::Act;
use crate::urls;
use crate::web::cached_pages;
use crate::web::desk::frame::{frame, receipt};
use crate::web::error::AppError;
use crate::web::extract::authority::StaffForm;
use crate::web::extract::form::{Body, Fields};
use crate::web::extract::path;
use crate::web::page::{DeskShell, FormErrors};

// The list

#[derive(Debug, Template)]
#[template(path = "desk/references/list.html")]
struct List {
    page: DeskShell,
    query: String,
    lines: Vec<LineView>,
    new_href: Option<String>,
    import_href: Option<String>,
    older_href: Option<String>,
}

#[derive(Debug)]
struct LineView {
    href: String,
    key: String,
    title: String,
    meta: String,
    trusted: bool,
    retraction: Option<&'static str>,
    evidence: Option<&'static str>,
}

fn retraction_label(retraction: Retraction) -> Option<&'static str> {
    match retraction {
        Retraction::None => None,
        Retraction::Retracted => Some("Retracted"),
        Retraction::Concern => Some("Expression of concern"),
        Retraction::Corrected => Some("Corrected"),
    }
}

impl LineView {
    fn of(source: &Source, style: CitationStyle) -> Self {
        let printed = style::print(&source.item(), style);
        Self {
            href: urls::desk_reference(source.id),
            key: source.key.clone(),
            title: printed.title,
            meta: style::plain(&printed.meta),
            trusted: source.trusted,
            retraction: retraction_label(source.retraction),
            evidence: evidence::label(source.evidence),
        }
    }
}

fn asked(request: &HttpRequest, wanted: &str) -> Option<String> {
    let query = request.uri().query()?;
    url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// `/desk/references`
pub async fn list(app: web::Data<App>, request: HttpRequest, who: MaySeeDrafts) -> Result<HttpResponse, AppError> {
    let query =
        asked(&request, "q").filter(|query| query.len() <= 200 && !text::has_control(query)).unwrap_or_default();
    let before = asked(&request, "before").and_then(|before| before.parse().ok());
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let mut found = store::list(&mut conn, &query, before, limits::DESK_ROWS + 1).await?;
    drop(conn);
    let rows = usize::try_from(limits::DESK_ROWS).unwrap_or(50);
    let has_more = found.len() > rows;
    found.truncate(rows);
    let writes = who.session().may(Act::Write);
    let mut page = frame(&app, &settings, &request, who.session(), "References");
    page.flash = asked(&request, "done").and_then(|done| told(&done)).map(receipt);
    let list = List {
        page,
        older_href: found
            .iter()
            .next_back()
            .filter(|_| has_more)
            .map(|last| urls::desk_references(&query, Some(last.id))),
        lines: found.iter().map(|source| LineView::of(source, settings.sources.style)).collect(),
        query,
        new_href: writes.then(urls::desk_new_reference),
        import_href: writes.then(urls::desk_import_references),
    };
    Ok(cached_pages::private(&request, StatusCode::OK, list.render()?).await)
}

fn told(done: &str) -> Option<&'static str> {
    match done {
        "added" => Some("Added to the library."),
        "merged" => Some("That work was in the library already. What its record lacked was added."),
        "saved" => Some("Saved. Published articles that cite it show it as it is now."),
        _ => None,
    }
}

// One record by hand

/// The form of a record.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ReferenceForm {
    key: String,
    version: String,
    kind: String,
    title: String,
    authors: String,
    container: String,
    year: String,
    volume: String,
    issue: String,
    pages: String,
    publisher: String,
    doi: String,
    pmid: String,
    url: String,
    evidence: String,
    retraction: String,
    retraction_year: String,
}

impl Fields for ReferenceForm {
    const NAMES: &'static [&'static str] = &[
        "key",
        "version",
        "kind",
        "title",
        "authors",
        "container",
        "year",
        "volume",
        "issue",
        "pages",
        "publisher",
        "doi",
        "pmid",
        "url",
        "evidence",
        "retraction",
        "retraction_year",
    ];
}

/// Kinds of works the form offers: CSL's word and ours.
const KINDS: &[(&str, &str)] = &[
    ("article-journal", "Journal article"),
    ("report", "Report"),
    ("book", "Book"),
    ("chapter", "Chapter of a book"),
    ("webpage", "Web page"),
    ("thesis", "Thesis"),
    ("article", "Preprint"),
    ("document", "Something else"),
];

impl ReferenceForm {
    fn of(source: &Source) -> Self {
        let item = source.item();
        let person = |name: &Name| {
            let plain = !name.literal.is_empty() || name.given.is_empty();
            if plain { format!("{}{}", name.literal, name.family) } else { format!("{}, {}", name.family, name.given) }
        };
        Self {
            key: source.key.clone(),
            version: source.version.to_string(),
            kind: item.kind.clone(),
            title: item.title.clone(),
            authors: item.author.iter().map(person).collect::<Vec<_>>().join("\n"),
            container: item.container_title.clone(),
            year: item.year().map(|year| year.to_string()).unwrap_or_default(),
            volume: item.volume.clone(),
            issue: item.issue.clone(),
            pages: item.page.clone(),
            publisher: item.publisher.clone(),
            doi: item.doi_given.clone(),
            pmid: item.pmid_given.clone(),
            url: item.url.clone(),
            evidence: source.evidence.to_string(),
            retraction: source.retraction.to_string(),
            retraction_year: source.retraction_year.map(|year| year.to_string()).unwrap_or_default(),
        }
    }

    /// Puts the fields into an item; what the form does not show stays as it is. What can be told apart is: a name
    /// that is not changed keeps all its parts.
    fn write(&self, mut item: Item, errors: &mut FormErrors) -> Item {
        let before = Self::of_item(&item);
        item.kind = KINDS
            .iter()
            .find(|(kind, _)| *kind == self.kind)
            .map_or_else(|| item.kind.clone(), |(kind, _)| (*kind).to_owned());
        item.title = text::tidy_line(&self.title);
        if text::tidy_multiline(&self.authors) != before {
            item.author = self.authors.lines().map(str::trim).filter(|line| !line.is_empty()).map(author).collect();
        }
        if item.container_title != text::tidy_line(&self.container) {
            item.container_title = text::tidy_line(&self.container);
            item.container_title_short.clear();
        }
        match self.year.trim() {
            "" => item.issued = None,
            year => match year.parse::<i32>().ok().filter(|year| (1..=2100).contains(year)) {
                Some(year) if item.year() != Some(year) => item.issued = Some(Date::of_year(year)),
                Some(_) => {}
                None => errors.add("year", "Year must be a number such as 2021"),
            },
        }
        item.volume = text::tidy_line(&self.volume);
        item.issue = text::tidy_line(&self.issue);
        item.page = text::tidy_line(&self.pages);
        item.publisher = text::tidy_line(&self.publisher);
        item.doi_given = text::tidy_line(&self.doi);
        item.pmid_given = text::tidy_line(&self.pmid);
        item.url = text::tidy_line(&self.url);
        if item.title.is_empty() {
            errors.add("title", "Enter the title");
        }
        if !item.doi_given.is_empty() && item.doi().is_none() {
            errors.add("doi", "DOI must look like 10.1234/abc");
        }
        if !item.pmid_given.is_empty() && item.pmid().is_none() {
            errors.add("pmid", "PubMed number must be digits only");
        }
        if !item.url.is_empty() && !item.url.starts_with("https://") && !item.url.starts_with("http://") {
            errors.add("url", "Address must start with https:// or http://");
        }
        item
    }

    fn of_item(item: &Item) -> String {
        let names = item.author.iter().map(|name| {
            if name.given.is_empty() {
                format!("{}{}", name.literal, name.family)
            } else {
                format!("{}, {}", name.family, name.given)
            }
        });
        names.collect::<Vec<_>>().join("\n")
    }
}

/// "Okafor, Ruth" is a person; a line without a comma is an institution, kept whole.
fn author(line: &str) -> Name {
    match line.split_once(',') {
        Some((family, given)) => {
            Name { family: text::tidy_line(family), given: text::tidy_line(given), ..Name::default() }
        }
        None => Name { literal: text::tidy_line(line), ..Name::default() },
    }
}

#[derive(Debug, Template)]
#[template(path = "desk/references/edit.html")]
struct Edit {
    page: DeskShell,
    heading: String,
    action: String,
    back_href: String,
    import_href: Option<String>,
    form: ReferenceForm,
    errors: FormErrors,
    kinds: &'static [(&'static str, &'static str)],
    evidence: Vec<(&'static str, &'static str)>,
    is_new: bool,
    citing: Vec<(String, String)>,
    conflict: bool,
}

struct Desk<'a> {
    app: &'a App,
    request: &'a HttpRequest,
    who: &'a MayEdit,
}

impl Desk<'_> {
    async fn show(
        &self,
        stored: Option<&Source>,
        form: ReferenceForm,
        errors: FormErrors,
        status: StatusCode,
    ) -> Result<HttpResponse, AppError> {
        let mut conn = self.app.db.read().await?;
        let settings = self.app.settings(&mut conn).await?;
        let citing = match stored {
            Some(source) => sources::list_citing(&mut conn, source.id).await?,
            None => Vec::new(),
        };
        drop(conn);
        let heading = stored.map_or_else(|| "Add a source".to_owned(), |source| source.title.clone());
        let mut page = frame(self.app, &settings, self.request, self.who.session(), &heading);
        page.has_errors = !errors.is_empty();
        let edit = Edit {
            page,
            action: stored.map_or_else(urls::desk_new_reference, |source| urls::desk_reference(source.id)),
            back_href: urls::desk_references("", None),
            import_href: stored.is_none().then(urls::desk_import_references),
            heading,
            form,
            errors,
            kinds: KINDS,
            evidence: Evidence::ALL
                .iter()
                .map(|kind| (kind.as_str(), evidence::label(*kind).unwrap_or("Not said")))
                .collect(),
            is_new: stored.is_none(),
            citing: citing.into_iter().map(|(article, title)| (urls::desk_article(article), title)).collect(),
            conflict: status == StatusCode::CONFLICT,
        };
        Ok(cached_pages::private(self.request, status, edit.render()?).await)
    }
}

/// `GET /desk/references/new`
pub async fn new(app: web::Data<App>, request: HttpRequest, who: MayEdit) -> Result<HttpResponse, AppError> {
    let desk = Desk { app: &app, request: &request, who: &who };
    let form = ReferenceForm { kind: "article-journal".into(), evidence: "none".into(), ..ReferenceForm::default() };
    desk.show(None, form, FormErrors::default(), StatusCode::OK).await
}

/// `POST /desk/references/new`
pub async fn create(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayEdit, ReferenceForm>,
) -> Result<HttpResponse, AppError> {
    let desk = Desk { app: &app, request: &request, who: &form.who };
    let mut errors = FormErrors::default();
    let item = form.fields.write(Item::default(), &mut errors);
    let key = form.fields.key.trim().trim_start_matches('@').to_owned();
    if !errors.is_empty() {
        return desk.show(None, form.fields, errors, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let settings = app.settings(&mut app.db.read().await?).await?;
    let key = Some(key.as_str()).filter(|key| !key.is_empty());
    let evidence = form.fields.evidence.parse().unwrap_or(Evidence::None);
    let hints = Hints { evidence, ..Hints::default() };
    let placed = app
        .db
        .transact(async |tx| {
            let item = item.clone();
            let new = NewRecord { item, key, hints, origin: Origin::Typed, sources: &settings.sources };
            store::lock_library(tx).await?;
            store::add(tx, form.who.actor(), new).await
        })
        .await;
    match placed {
        Ok(Placed::Added { key, .. }) => Ok(to(&urls::desk_references(&key, None), "added")),
        Ok(Placed::Merged { key, .. }) => Ok(to(&urls::desk_references(&key, None), "merged")),
        Err(AddError::Key) => {
            errors.add("key", AddError::Key.to_string());
            desk.show(None, form.fields, errors, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(AddError::Item(error)) => {
            errors.add("title", error.to_string());
            desk.show(None, form.fields, errors, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(AddError::Db(error)) => Err(error.into()),
    }
}

fn to(address: &str, done: &str) -> HttpResponse {
    let sign = if address.contains('?') { '&' } else { '?' };
    HttpResponse::SeeOther().insert_header((header::LOCATION, format!("{address}{sign}done={done}"))).finish()
}

/// `GET /desk/references/{id}`
pub async fn edit(app: web::Data<App>, request: HttpRequest, who: MayEdit) -> Result<HttpResponse, AppError> {
    let id: ReferenceId = path::segment(&request, "id")?;
    let source = store::find(&mut *app.db.read().await?, id).await?.ok_or(AppError::NotFound)?;
    let desk = Desk { app: &app, request: &request, who: &who };
    desk.show(Some(&source), ReferenceForm::of(&source), FormErrors::default(), StatusCode::OK).await
}

/// `POST /desk/references/{id}`
pub async fn update(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayEdit, ReferenceForm>,
) -> Result<HttpResponse, AppError> {
    let id: ReferenceId = path::segment(&request, "id")?;
    let mut conn = app.db.read().await?;
    let source = store::find(&mut conn, id).await?.ok_or(AppError::NotFound)?;
    let settings = app.settings(&mut conn).await?;
    drop(conn);
    let desk = Desk { app: &app, request: &request, who: &form.who };
    let mut errors = FormErrors::default();
    let item = form.fields.write(source.item(), &mut errors);
    let year = form.fields.retraction_year.trim();
    let retraction_year = year.parse::<i32>().ok().filter(|year| (1..=2100).contains(year));
    if !year.is_empty() && retraction_year.is_none() {
        errors.add("retraction_year", "Year must be a number such as 2024");
    }
    if !errors.is_empty() {
        return desk.show(Some(&source), form.fields, errors, StatusCode::UNPROCESSABLE_ENTITY).await;
    }
    let edited = Edited {
        version: form.fields.version.parse().unwrap_or(0),
        item,
        retraction: form.fields.retraction.parse().unwrap_or(source.retraction),
        retraction_year,
        evidence: form.fields.evidence.parse().unwrap_or(source.evidence),
        sources: &settings.sources,
    };
    match app.db.transact(async |tx| sources::edit(tx, &form.who, id, edited).await).await {
        Ok(_) => Ok(to(&urls::desk_references(&source.key, None), "saved")),
        Err(EditError::Conflict(now)) => {
            let form = ReferenceForm { version: now.version.to_string(), ..form.fields };
            desk.show(Some(&now), form, errors, StatusCode::CONFLICT).await
        }
        Err(EditError::Taken) => {
            errors.add("doi", "Another source has this DOI or PubMed number");
            desk.show(Some(&source), form.fields, errors, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(EditError::Item(error)) => {
            errors.add("title", error.to_string());
            desk.show(Some(&source), form.fields, errors, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(EditError::NotFound) => Err(AppError::NotFound),
        Err(EditError::Db(error)) => Err(error.into()),
    }
}

// Files

/// A file of references, and pasted ones.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ImportForm {
    text: String,
    file: String,
}

impl Fields for ImportForm {
    const NAMES: &'static [&'static str] = &["text", "file"];
    const BYTES_MAX: usize = limits::ARTICLE_BODY_BYTES_MAX;
    const BODY: Body = Body::WithFile;
}

#[derive(Debug, Template)]
#[template(path = "desk/references/import.html")]
struct ImportPage {
    page: DeskShell,
    action: String,
    back_href: String,
    /// What is left to be mended.
    text: String,
    errors: FormErrors,
    report: Option<ReportView>,
}

#[derive(Debug)]
struct ReportView {
    format: &'static str,
    added: usize,
    merged: usize,
    renamed: Vec<(String, String)>,
    refused: Vec<RefusedView>,
    refused_count: usize,
}

#[derive(Debug)]
struct RefusedView {
    place: String,
    label: String,
    cause: String,
}

impl ReportView {
    fn of(report: &Report) -> Self {
        let refused = report.refused.iter().take(limits::REFERENCES_REFUSED_LISTED).map(|refused| RefusedView {
            place: if refused.line > 0 { format!("Line {}", refused.line) } else { String::new() },
            label: refused.label.clone(),
            cause: refused.cause.clone(),
        });
        Self {
            format: report.format.name(),
            added: report.added,
            merged: report.merged,
            renamed: report.renamed.clone(),
            refused: refused.collect(),
            refused_count: report.refused.len(),
        }
    }
}

async fn import_page(
    desk: &Desk<'_>,
    text: String,
    errors: FormErrors,
    report: Option<&Report>,
    status: StatusCode,
) -> Result<HttpResponse, AppError> {
    let settings = desk.app.settings(&mut desk.app.db.read().await?).await?;
    let mut page = frame(desk.app, &settings, desk.request, desk.who.session(), "Import references");
    page.has_errors = !errors.is_empty();
    let import = ImportPage {
        page,
        action: urls::desk_import_references(),
        back_href: urls::desk_references("", None),
        text,
        errors,
        report: report.map(ReportView::of),
    };
    Ok(cached_pages::private(desk.request, status, import.render()?).await)
}

/// `GET /desk/references/import`
pub async fn choose(app: web::Data<App>, request: HttpRequest, who: MayEdit) -> Result<HttpResponse, AppError> {
    let desk = Desk { app: &app, request: &request, who: &who };
    import_page(&desk, String::new(), FormErrors::default(), None, StatusCode::OK).await
}

/// `POST /desk/references/import`: adds or merges what a file and the box hold. Sent twice, it changes nothing the
/// second time. What was refused comes back in the box, to be mended and sent again.
pub async fn import(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayEdit, ImportForm>,
) -> Result<HttpResponse, AppError> {
    let desk = Desk { app: &app, request: &request, who: &form.who };
    let settings = app.settings(&mut app.db.read().await?).await?;
    let mut all: Option<Report> = None;
    let mut left = Vec::new();
    let mut errors = FormErrors::default();
    for (field, text) in [("file", form.fields.file), ("text", form.fields.text)] {
        let text = text.replace("\r\n", "\n");
        if text.trim().is_empty() {
            continue;
        }
        let (reading, text) = web::block(move || (read::read(&text), text)).await.map_err(|_| AppError::Unavailable)?;
        match reading {
            Ok(reading) => {
                let report = import::import(&app.db, form.who.actor(), reading, &settings.sources).await?;
                left.extend(report.refused.iter().map(|refused| refused.source.clone()));
                all = Some(all.map_or_else(|| report.clone(), |before| before.and(&report)));
            }
            Err(error) => {
                errors.add(field, format!("Nothing of it was added: {error}"));
                left.push(text);
            }
        }
    }
    if all.is_none() && errors.is_empty() {
        errors.add("file", "Choose a file, or paste references into the box");
    }
    let is_whole = errors.is_empty() && left.is_empty();
    let status = if is_whole { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    import_page(&desk, left.join("\n\n"), errors, all.as_ref(), status).await
}
