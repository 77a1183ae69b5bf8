//! The editor as a plain form: everything an article holds, checks with their lines, preview, versions, publishing.
//!
//! Whatever is refused, the page comes back with everything that was typed.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use std::sync::Arc;

use crate::app::App;
use crate::articles::layout::{self, Layout, LayoutError};
use crate::articles::model::{self, Article, Credit, Draft, Fault, Fields as ArticleFields, Part, Person};
use crate::articles::publish::{self, Change, NOTE_CHARS_MAX, Publication, PublishError, REASON_CHARS_MAX};
use crate::articles::revisions::RevisionError;
use crate::articles::save::SaveError;
use crate::articles::terms;
use crate::articles::topics::{self, Topic};
use crate::articles::{revisions, save};
use crate::core::ids::{ArticleId, MediaId, StaffId, TopicId};
use crate::core::status::{ArticleKind, ArticleState, CommentsMode, CorrectionClass, CreditRole};
use crate::core::{limits, text};
use crate::db::{Conn, DbError, Tx};
use crate::media;
use crate::media::model::Media;
use crate::references;
use crate::references::model::Source;
use crate::render::finding::{Finding, FindingLevel};
use crate::settings::Settings;
use crate::staff::authority::{Capability, MayEdit, MayPublish, Session};
use crate::urls;
use crate::web::articles::ArticleView;
use crate::web::cached_pages;
use crate::web::desk::articles::{state_class, state_label};
use crate::web::desk::frame::{frame, receipt};
use crate::web::error::AppError;
use crate::web::extract::authority::StaffForm;
use crate::web::extract::form::Fields;
use crate::web::extract::path;
use crate::web::page::{DeskShell, Flash, FormErrors, NoticeKind};
use crate::web::views::When;

/// The form as it is sent. `author` and `reviewer` come once for each person, in order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ArticleForm {
    revision: String,
    submission_key: String,
    kind: String,
    title: String,
    slug: String,
    dek: String,
    takeaways: String,
    body: String,
    topic: String,
    tags: String,
    series: String,
    series_part: String,
    author: Vec<String>,
    reviewer: Vec<String>,
    lead_media: String,
    language: String,
    description: String,
    comments: String,
    note: String,
    change: String,
    change_text: String,
    override_reason: String,
    withdraw_reason: String,
    find: String,
    act: String,
}

impl Fields for ArticleForm {
    const NAMES: &'static [&'static str] = &[
        "revision",
        "submission_key",
        "kind",
        "title",
        "slug",
        "dek",
        "takeaways",
        "body",
        "topic",
        "tags",
        "series",
        "series_part",
        "author",
        "reviewer",
        "lead_media",
        "language",
        "description",
        "comments",
        "note",
        "change",
        "change_text",
        "override_reason",
        "withdraw_reason",
        "find",
        "act",
    ];
    const REPEATED: &'static [&'static str] = &["author", "reviewer"];
    const BYTES_MAX: usize = limits::ARTICLE_BODY_BYTES_MAX;
}

impl ArticleForm {
    /// As the working copy stands.
    fn of(draft: &Draft, article: &Article) -> Self {
        let fields = &draft.fields;
        let people = |role| {
            let credits = fields.credits.iter().filter(move |credit| credit.role == role);
            credits.map(|credit| credit.staff_id.to_string()).collect()
        };
        Self {
            revision: draft.revision.to_string(),
            kind: article.kind.to_string(),
            title: fields.title.clone(),
            slug: fields.slug.clone(),
            dek: fields.dek.clone(),
            takeaways: fields.takeaways.join("\n"),
            body: fields.body.clone(),
            topic: fields.topic_id.map(|id| id.to_string()).unwrap_or_default(),
            tags: fields.tags.join(", "),
            series: fields.part.as_ref().map(|part| part.series.clone()).unwrap_or_default(),
            series_part: fields.part.as_ref().map(|part| part.number.to_string()).unwrap_or_default(),
            author: people(CreditRole::Author),
            reviewer: people(CreditRole::Reviewer),
            lead_media: fields.lead_media_id.map(|id| id.to_string()).unwrap_or_default(),
            language: fields.language.clone(),
            description: fields.description.clone(),
            comments: article.comments_mode.to_string(),
            ..Self::default()
        }
    }

    /// What the article's verbs take. Credits this form does not show are taken over from the stored copy.
    fn fields(&self, stored: Option<&Draft>) -> ArticleFields {
        let people = |ids: &[String], role| -> Vec<Credit> {
            ids.iter().filter_map(|id| id.parse::<StaffId>().ok()).map(|staff_id| Credit { staff_id, role }).collect()
        };
        let mut credits = people(&self.author, CreditRole::Author);
        credits.extend(people(&self.reviewer, CreditRole::Reviewer));
        let others = stored.iter().flat_map(|draft| &draft.fields.credits);
        credits.extend(others.filter(|credit| matches!(credit.role, CreditRole::Editor | CreditRole::Contributor)));
        ArticleFields {
            title: self.title.clone(),
            slug: self.slug.clone(),
            dek: self.dek.clone(),
            takeaways: self.takeaways.lines().map(str::to_owned).collect(),
            body: self.body.clone(),
            topic_id: self.topic.parse::<TopicId>().ok(),
            tags: self.tags.split(',').map(str::to_owned).collect(),
            part: self.part().map(|number| Part { series: self.series.clone(), number }),
            lead_media_id: self.lead_media.parse::<MediaId>().ok(),
            credits,
            language: self.language.trim().to_owned(),
            description: self.description.clone(),
        }
        .tidied()
    }

    /// The number of the part, where one was typed that can be one.
    fn part(&self) -> Option<i32> {
        self.series_part.trim().parse().ok()
    }

    fn kind(&self) -> ArticleKind {
        self.kind.parse().unwrap_or(ArticleKind::Article)
    }

    fn mode(&self) -> Option<CommentsMode> {
        self.comments.parse().ok()
    }

    /// What readers are told; `None` when nothing was chosen.
    fn change(&self) -> Option<Change> {
        if self.change == "cosmetic" {
            return Some(Change::Cosmetic);
        }
        let class: CorrectionClass = self.change.parse().ok()?;
        let text = text::tidy_multiline(&self.change_text);
        (!text.is_empty()).then_some(Change::Noted { class, text })
    }

    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut over = |field, name: &str, value: &str, max| {
            let used = value.chars().count();
            if used > max {
                faults.push(Fault {
                    field,
                    message: format!("{name} must be {max} characters or fewer. You have used {used}"),
                });
            }
        };
        over("change_text", "Note for readers", &self.change_text, NOTE_CHARS_MAX);
        over("override_reason", "Reason", &self.override_reason, NOTE_CHARS_MAX);
        over("withdraw_reason", "Reason for readers", &self.withdraw_reason, REASON_CHARS_MAX);
        over("note", "Note", &self.note, REASON_CHARS_MAX);
        match (text::tidy_name(&self.series).is_empty(), self.series_part.trim().is_empty(), self.part()) {
            (true, false, _) => {
                faults.push(Fault {
                    field: "series",
                    message: "Enter the name of the series, or leave its part empty".into(),
                });
            }
            (false, true, _) => {
                faults.push(Fault { field: "series_part", message: "Enter which part of the series this is".into() });
            }
            (false, false, None) => {
                let message = format!("Part must be a number from 1 to {}", limits::SERIES_PARTS_MAX);
                faults.push(Fault { field: "series_part", message });
            }
            (true, true, _) | (false, false, Some(_)) => {}
        }
        if self.act == "publish" && self.change.parse::<CorrectionClass>().is_ok() && self.change_text.trim().is_empty()
        {
            faults.push(Fault { field: "change_text", message: "Write what readers are told".into() });
        }
        faults
    }
}

// The page

#[derive(Debug, Template)]
#[template(path = "desk/articles/editor.html")]
struct Editor {
    page: DeskShell,
    action: String,
    form: ArticleForm,
    errors: FormErrors,
    about: About,
    /// Topics by id, each with the one it belongs to: "Sleep: Naps".
    topics: Vec<(String, String)>,
    series: Vec<String>,
    people: Vec<Person>,
    pictures: Vec<Media>,
    /// One more than are chosen, so that somebody can be added.
    authors: Vec<String>,
    reviewers: Vec<String>,
    findings: Vec<FindingView>,
    is_checked: bool,
    is_blocked: bool,
    sources: Vec<(usize, Source)>,
    found: Option<Vec<Source>>,
    conflict: Option<ConflictView>,
    preview: Option<ArticleView>,
    new_reference_href: String,
    references_href: String,
}

/// What the page says of the article besides its fields.
#[derive(Debug)]
struct About {
    heading: String,
    state: &'static str,
    state_class: &'static str,
    is_published: bool,
    is_live_elsewhere: bool,
    /// Readers see another text than the working copy.
    is_ahead: bool,
    public_href: Option<String>,
    revisions_href: Option<String>,
    saved: Option<When>,
    may_publish: bool,
}

#[derive(Debug)]
struct FindingView {
    level: &'static str,
    icon: &'static str,
    line: usize,
    /// UTF-16 units from the beginning of the text; empty where only the line is known.
    offset: String,
    text: String,
    subject: String,
    /// The record of the source it is about.
    source_href: Option<String>,
}

/// A topic's name with that of the topic it belongs to: parts of two topics may be called the same.
fn full_name(topic: &Topic, all: &[Topic]) -> String {
    let whole = all.iter().find(|other| Some(other.id) == topic.parent_id);
    whole.map_or_else(|| topic.name.clone(), |whole| format!("{}: {}", whole.name, topic.name))
}

#[derive(Debug)]
struct ConflictView {
    by: String,
    saved: When,
    revision: i32,
    body: String,
    title: String,
}

fn finding_view(finding: &Finding, sources: &[Source]) -> FindingView {
    let source = sources.iter().find(|source| finding.code.starts_with("source.") && source.key == finding.subject);
    let (level, icon) = match finding.level {
        FindingLevel::Blocks => ("Blocks", "triangle-alert"),
        FindingLevel::Warns => ("Warning", "info"),
        FindingLevel::Note => ("Note", "info"),
    };
    FindingView {
        level,
        icon,
        line: finding.line,
        offset: finding.offset.map(|offset| offset.to_string()).unwrap_or_default(),
        text: finding.text.clone(),
        subject: finding.subject.clone(),
        source_href: source.map(|source| urls::desk_reference(source.id)),
    }
}

/// What the page is made from, beside the stored article.
#[derive(Default)]
struct Shown {
    form: ArticleForm,
    faults: Vec<Fault>,
    layout: Option<Layout>,
    findings: Option<Vec<Finding>>,
    found: Option<Vec<Source>>,
    conflict: Option<Box<Draft>>,
    with_preview: bool,
    flash: Option<Flash>,
    status: StatusCode,
}

/// One request to the editor.
struct Desk<'a> {
    app: &'a App,
    request: &'a HttpRequest,
    session: &'a Session,
    settings: Arc<Settings>,
    stored: Option<(Article, Draft)>,
    is_ahead: bool,
}

impl Desk<'_> {
    fn article(&self) -> Option<&Article> {
        self.stored.as_ref().map(|(article, _)| article)
    }

    fn draft(&self) -> Option<&Draft> {
        self.stored.as_ref().map(|(_, draft)| draft)
    }

    fn id(&self) -> Option<ArticleId> {
        self.article().map(|article| article.id)
    }

    async fn show(&self, mut shown: Shown) -> Result<HttpResponse, AppError> {
        let mut conn = self.app.db.read().await?;
        let topics = topics::list(&mut conn).await?;
        let series = terms::list_series(&mut conn).await?;
        let people = model::list_people(&mut conn).await?;
        let pictures = media::store::list(&mut conn, None, 100).await?;
        drop(conn);
        let about = self.about(&shown.form);
        let mut page = frame(self.app, &self.settings, self.request, self.session, &about.heading);
        page.flash = shown.flash.take();
        let mut errors = FormErrors::default();
        for fault in shown.faults {
            errors.add(fault.field, fault.message);
        }
        page.has_errors = !errors.is_empty();
        let today = self.app.now();
        let preview = shown
            .layout
            .as_ref()
            .filter(|_| shown.with_preview)
            .map(|layout| ArticleView::preview(layout, self.article(), &people, today, &self.settings));
        let findings = shown.findings.or_else(|| shown.layout.as_ref().map(|layout| layout.findings.clone()));
        let sources = shown.layout.map(|layout| layout.sources).unwrap_or_default();
        let conflict = shown.conflict.map(|theirs| self.conflict(&theirs, &people));
        let one_more =
            |ids: &[String]| ids.iter().filter(|&id| !id.is_empty()).cloned().chain([String::new()]).collect();
        let editor = Editor {
            page,
            action: self.id().map_or_else(|| urls::desk_new_article(shown.form.kind()), urls::desk_article),
            errors,
            about,
            topics: topics.iter().map(|topic| (topic.id.to_string(), full_name(topic, &topics))).collect(),
            series,
            pictures,
            authors: one_more(&shown.form.author),
            reviewers: one_more(&shown.form.reviewer),
            is_checked: findings.is_some(),
            is_blocked: findings.as_deref().is_some_and(crate::render::finding::any_blocks),
            findings: findings.unwrap_or_default().iter().map(|finding| finding_view(finding, &sources)).collect(),
            sources: (1..).zip(sources).collect(),
            found: shown.found,
            conflict,
            preview,
            people,
            form: shown.form,
            new_reference_href: urls::desk_new_reference(),
            references_href: urls::desk_references("", None),
        };
        Ok(cached_pages::private(self.request, shown.status, editor.render()?).await)
    }

    fn about(&self, form: &ArticleForm) -> About {
        let kind = self.article().map_or(form.kind(), |article| article.kind);
        let title = text::tidy_line(&form.title);
        let state = self.article().map_or(ArticleState::Draft, |article| article.state);
        let may_publish = MayPublish::of(self.session).is_ok();
        About {
            heading: match (title.is_empty(), kind) {
                (false, _) => title,
                (true, ArticleKind::Article) => "New article".into(),
                (true, ArticleKind::Page) => "New page".into(),
            },
            state: state_label(state),
            state_class: state_class(state),
            is_published: state == ArticleState::Published,
            is_ahead: state == ArticleState::Published && self.is_ahead,
            is_live_elsewhere: self.article().is_some_and(|article| article.first_published_at.is_some()),
            public_href: self
                .article()
                .filter(|_| state == ArticleState::Published)
                .map(|article| urls::article(&article.slug)),
            revisions_href: self.id().map(urls::desk_revisions),
            saved: self.draft().map(|draft| When::minute(draft.saved_at, &self.settings)),
            may_publish,
        }
    }

    fn conflict(&self, theirs: &Draft, people: &[Person]) -> ConflictView {
        let by = people.iter().find(|person| Some(person.id) == theirs.saved_by);
        ConflictView {
            by: by.map_or_else(|| "Somebody".into(), |person| person.name.clone()),
            saved: When::minute(theirs.saved_at, &self.settings),
            revision: theirs.revision,
            body: theirs.fields.body.clone(),
            title: theirs.fields.title.clone(),
        }
    }
}

async fn stored(conn: &mut Conn, id: ArticleId, who: &MayEdit) -> Result<(Article, Draft), AppError> {
    let article = model::find(conn, id).await?.ok_or(AppError::NotFound)?;
    if !who.covers(&model::people(conn, id).await?) {
        return Err(AppError::Forbidden);
    }
    let draft = model::find_draft(conn, id).await?.ok_or(AppError::NotFound)?;
    Ok((article, draft))
}

/// Whether the working copy says something else than what readers see.
async fn is_ahead(conn: &mut Conn, article: &Article, draft: &Draft) -> Result<bool, AppError> {
    let Some(public) = article.published_revision_id else { return Ok(false) };
    Ok(revisions::find(conn, article.id, public).await?.is_some_and(|public| public.fields != draft.fields))
}

// Looking

fn asked(request: &HttpRequest, wanted: &str) -> Option<String> {
    let query = request.uri().query()?;
    url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// `GET /desk/articles/new`: an empty editor; nothing is stored before it is sent.
pub async fn new(app: web::Data<App>, request: HttpRequest, who: MayEdit) -> Result<HttpResponse, AppError> {
    let settings = app.settings(&mut app.db.read().await?).await?;
    let kind = asked(&request, "kind").and_then(|kind| kind.parse().ok()).unwrap_or(ArticleKind::Article);
    let author = match kind {
        ArticleKind::Article => vec![who.staff_id().to_string()],
        ArticleKind::Page => Vec::new(),
    };
    let form = ArticleForm {
        revision: "1".into(),
        submission_key: app.rng().form_key(),
        kind: kind.to_string(),
        author,
        language: settings.site.language.clone(),
        comments: if kind == ArticleKind::Page { CommentsMode::Off } else { CommentsMode::Open }.to_string(),
        ..ArticleForm::default()
    };
    let desk = Desk { app: &app, request: &request, session: who.session(), settings, stored: None, is_ahead: false };
    desk.show(Shown { form, ..Shown::default() }).await
}

/// `GET /desk/articles/{id}`
pub async fn edit(app: web::Data<App>, request: HttpRequest, who: MayEdit) -> Result<HttpResponse, AppError> {
    let id: ArticleId = path::segment(&request, "id")?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let (article, draft) = stored(&mut conn, id, &who).await?;
    let is_ahead = is_ahead(&mut conn, &article, &draft).await?;
    drop(conn);
    let form = ArticleForm::of(&draft, &article);
    let layout = layout::lay_out(&app.db, id, draft.fields.clone()).await;
    let (layout, faults) = match layout {
        Ok(layout) => (Some(layout), Vec::new()),
        Err(error) => (None, vec![text_fault(error)?]),
    };
    let findings = layout.as_ref().map(|layout| publish::checks(&article, layout, Some(&Change::Cosmetic)));
    let flash = asked(&request, "done").and_then(|done| told(&done));
    let desk = Desk {
        app: &app,
        request: &request,
        session: who.session(),
        settings,
        stored: Some((article, draft)),
        is_ahead,
    };
    desk.show(Shown { form, faults, layout, findings, flash, ..Shown::default() }).await
}

fn told(done: &str) -> Option<Flash> {
    let sentence = match done {
        "saved" => "Saved.",
        "version" => "Saved as a version.",
        "published" => "Published. Readers see this version now.",
        "withdrawn" => "Withdrawn. Its address says so now.",
        _ => return None,
    };
    Some(receipt(sentence))
}

/// A text over a limit is a fault of its field; everything else is ours.
fn text_fault(error: LayoutError) -> Result<Fault, AppError> {
    match error {
        LayoutError::Text(error) => Ok(Fault { field: "body", message: format!("This can’t be laid out: {error}") }),
        LayoutError::Stopped => Err(AppError::Unavailable),
        LayoutError::Db(error) => Err(error.into()),
    }
}

// Acting

/// What the form's button asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Save,
    Version,
    Preview,
    Publish,
    Unpublish,
    Find,
}

impl Act {
    /// A form sent with the Enter key has no button: it saves.
    fn of(word: &str) -> Result<Self, AppError> {
        match word {
            "save" | "" => Ok(Self::Save),
            "version" => Ok(Self::Version),
            "preview" => Ok(Self::Preview),
            "publish" => Ok(Self::Publish),
            "unpublish" => Ok(Self::Unpublish),
            "find" => Ok(Self::Find),
            _ => Err(AppError::BadRequest("The form asks for something this page can’t do.")),
        }
    }
}

/// `POST /desk/articles/new`
pub async fn create(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayEdit, ArticleForm>,
) -> Result<HttpResponse, AppError> {
    let settings = app.settings(&mut app.db.read().await?).await?;
    let desk =
        Desk { app: &app, request: &request, session: form.who.session(), settings, stored: None, is_ahead: false };
    act(&desk, &form.who, form.fields).await
}

/// `POST /desk/articles/{id}`
pub async fn update(
    app: web::Data<App>,
    request: HttpRequest,
    form: StaffForm<MayEdit, ArticleForm>,
) -> Result<HttpResponse, AppError> {
    let id: ArticleId = path::segment(&request, "id")?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let (article, draft) = stored(&mut conn, id, &form.who).await?;
    let is_ahead = is_ahead(&mut conn, &article, &draft).await?;
    drop(conn);
    let desk = Desk {
        app: &app,
        request: &request,
        session: form.who.session(),
        settings,
        stored: Some((article, draft)),
        is_ahead,
    };
    act(&desk, &form.who, form.fields).await
}

async fn act(desk: &Desk<'_>, who: &MayEdit, form: ArticleForm) -> Result<HttpResponse, AppError> {
    let act = Act::of(&form.act)?;
    if act == Act::Find {
        let mut conn = desk.app.db.read().await?;
        let found = references::store::list(&mut conn, &form.find, None, 20).await?;
        drop(conn);
        return desk.show(Shown { form, found: Some(found), ..Shown::default() }).await;
    }
    let fields = form.fields(desk.draft());
    let mut faults = fields.faults();
    faults.extend(form.faults());
    if !faults.is_empty() {
        return desk.show(Shown { form, faults, status: StatusCode::UNPROCESSABLE_ENTITY, ..Shown::default() }).await;
    }
    match act {
        Act::Save => save_only(desk, who, form, fields).await,
        Act::Unpublish => withdraw(desk, form).await,
        Act::Preview | Act::Find => preview(desk, form, fields).await,
        Act::Version | Act::Publish => {
            // Once more where a cited source was edited between laying out and keeping.
            match keep(desk, who, &form, fields.clone(), act).await {
                Err(Refused::SourcesChanged) => {
                    finish(desk, form.clone(), keep(desk, who, &form, fields, act).await).await
                }
                answer => finish(desk, form, answer).await,
            }
        }
    }
}

async fn preview(desk: &Desk<'_>, form: ArticleForm, fields: ArticleFields) -> Result<HttpResponse, AppError> {
    match layout::lay_out(&desk.app.db, desk.id().unwrap_or(ArticleId(0)), fields).await {
        Ok(layout) => desk.show(Shown { form, layout: Some(layout), with_preview: true, ..Shown::default() }).await,
        Err(error) => {
            let faults = vec![text_fault(error)?];
            desk.show(Shown { form, faults, status: StatusCode::UNPROCESSABLE_ENTITY, ..Shown::default() }).await
        }
    }
}

fn to(address: String) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, address)).finish()
}

/// Why nothing was stored.
#[derive(Debug)]
enum Refused {
    Conflict(Box<Draft>),
    Blocked(Vec<Finding>),
    Faults(Vec<Fault>),
    SourcesChanged,
    Other(AppError),
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        Self::Other(error.into())
    }
}

impl From<SaveError> for Refused {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Conflict(theirs) => Self::Conflict(theirs),
            SaveError::Fields(faults) => Self::Faults(faults),
            SaveError::NotFound => Self::Other(AppError::NotFound),
            SaveError::NotYours => Self::Other(AppError::Forbidden),
            SaveError::Db(error) => Self::Other(error.into()),
        }
    }
}

impl From<RevisionError> for Refused {
    fn from(error: RevisionError) -> Self {
        match error {
            RevisionError::NotFound => Self::Other(AppError::NotFound),
            RevisionError::NotYours => Self::Other(AppError::Forbidden),
            RevisionError::SourcesChanged => Self::SourcesChanged,
            RevisionError::Db(error) => Self::Other(error.into()),
        }
    }
}

impl From<PublishError> for Refused {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Blocked(findings) => Self::Blocked(findings),
            PublishError::Address(message) => Self::Faults(vec![Fault { field: "slug", message }]),
            PublishError::SourcesChanged => Self::SourcesChanged,
            PublishError::NotFound | PublishError::NotPublished => Self::Other(AppError::NotFound),
            PublishError::NotYours => Self::Other(AppError::Forbidden),
            PublishError::Db(error) => Self::Other(error.into()),
        }
    }
}

/// Saves the working copy, of a new article too; answers the article and its comments are as chosen.
async fn store(
    tx: &mut Tx,
    desk_id: Option<ArticleId>,
    who: &MayEdit,
    form: &ArticleForm,
    fields: &ArticleFields,
) -> Result<ArticleId, SaveError> {
    let id = match desk_id {
        Some(id) => id,
        None => save::create(tx, who, form.kind(), &fields.language, &form.submission_key).await?,
    };
    let opened = form.revision.parse().unwrap_or(0);
    save::save(tx, who, id, opened, fields).await?;
    if let Some(mode) = form.mode() {
        save::set_comments(tx, who, id, mode).await?;
    }
    Ok(id)
}

async fn save_only(
    desk: &Desk<'_>,
    who: &MayEdit,
    form: ArticleForm,
    fields: ArticleFields,
) -> Result<HttpResponse, AppError> {
    let saved = desk.app.db.transact(async |tx| store(tx, desk.id(), who, &form, &fields).await).await;
    finish(desk, form, saved.map(|id| (id, "saved")).map_err(Refused::from)).await
}

async fn keep(
    desk: &Desk<'_>,
    who: &MayEdit,
    form: &ArticleForm,
    fields: ArticleFields,
    act: Act,
) -> Result<(ArticleId, &'static str), Refused> {
    let layout = match layout::lay_out(&desk.app.db, desk.id().unwrap_or(ArticleId(0)), fields).await {
        Ok(layout) => layout,
        Err(error) => return Err(Refused::Faults(vec![text_fault(error).map_err(Refused::Other)?])),
    };
    let note = text::tidy_line(&form.note);
    if act == Act::Version {
        let kept = desk.app.db.transact(async |tx| {
            let id = store(tx, desk.id(), who, form, &layout.fields).await?;
            revisions::keep(tx, who, id, &layout, &note).await?;
            Ok::<_, Refused>((id, "version"))
        });
        return kept.await;
    }
    let publisher = MayPublish::of(desk.session).map_err(|_| Refused::Other(AppError::Forbidden))?;
    let change = form.change();
    let published = desk.app.db.transact(async |tx| {
        let id = store(tx, desk.id(), who, form, &layout.fields).await?;
        let what = Publication {
            layout: &layout,
            change: change.as_ref(),
            override_reason: &form.override_reason,
            note: &note,
        };
        publish::publish(tx, &publisher, id, what).await?;
        Ok::<_, Refused>((id, "published"))
    });
    published.await
}

async fn withdraw(desk: &Desk<'_>, form: ArticleForm) -> Result<HttpResponse, AppError> {
    let publisher = MayPublish::of(desk.session).map_err(|_| AppError::Forbidden)?;
    let id = desk.id().ok_or(AppError::NotFound)?;
    let done =
        desk.app.db.transact(async |tx| publish::unpublish(tx, &publisher, id, &form.withdraw_reason).await).await;
    finish(desk, form, done.map(|()| (id, "withdrawn")).map_err(Refused::from)).await
}

/// Leads on, or shows the form again with what stands in the way.
async fn finish(
    desk: &Desk<'_>,
    form: ArticleForm,
    outcome: Result<(ArticleId, &'static str), Refused>,
) -> Result<HttpResponse, AppError> {
    let refused = match outcome {
        Ok((id, done)) => return Ok(to(urls::desk_article_done(id, done))),
        Err(refused) => refused,
    };
    let again = match refused {
        Refused::Other(error) => return Err(error),
        Refused::Conflict(theirs) => {
            Shown { form, conflict: Some(theirs), status: StatusCode::CONFLICT, ..Shown::default() }
        }
        Refused::Faults(faults) => Shown { form, faults, status: StatusCode::UNPROCESSABLE_ENTITY, ..Shown::default() },
        Refused::Blocked(findings) => {
            let sentence =
                "Not published: some checks block it. Mend them, or say below why it is published all the same.";
            let flash = Some(Flash { kind: NoticeKind::Danger, text: sentence.into(), undo: None });
            Shown {
                form,
                findings: Some(findings),
                flash,
                status: StatusCode::UNPROCESSABLE_ENTITY,
                ..Shown::default()
            }
        }
        Refused::SourcesChanged => {
            let text =
                "A cited source was changed by somebody at this moment. Nothing is lost: send the form again.".into();
            let flash = Some(Flash { kind: NoticeKind::Warn, text, undo: None });
            Shown { form, flash, status: StatusCode::CONFLICT, ..Shown::default() }
        }
    };
    desk.show(again).await
}
