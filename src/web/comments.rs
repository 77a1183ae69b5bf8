//! Reading and writing comments: the form's address, permalinks, one long thread, changing and withdrawing.
//!
//! Nothing typed is ever lost: every refusal is a page with the text and a form that works.

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use crate::app::App;
use crate::articles::page::PublicArticle;
use crate::comments::create::{self, CreateError, Created, Guest, Post, Submission};
use crate::comments::edit::{self, EditError, Own};
use crate::comments::model::{self, Field, FieldError, GuestName, Notify, Place, Words};
use crate::comments::private_details::{self, Detail};
use crate::comments::thread::{self, Ask, From, Sort, Which};
use crate::comments::withdraw;
use crate::core::ids::CommentId;
use crate::core::limits;
use crate::core::status::{CommentStatus, CommentsMode};
use crate::core::text::{self, Email};
use crate::settings::Settings;
use crate::urls;
use crate::web::articles;
use crate::web::cached_pages::{self, HTML, Page};
use crate::web::error::AppError;
use crate::web::extract::form::{Fields, Form, Sender};
use crate::web::extract::{client_address, path};
use crate::web::page::{FormErrors, NoticeKind, PublicShell};
use crate::web::talk::{self, CommentView, FormState, Given, Query, Replies, Stamp, Talk, Typed, Viewer};
use crate::web::{cookies, rate_limit, shell};

/// The comment form.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CommentForm {
    body: String,
    name: String,
    email: String,
    parent: String,
    notify: String,
    remember: String,
    submission_key: String,
    stamp: String,
    dwell_ms: String,
    /// `kept`: the writer was asked about private details and posts them.
    details: String,
    /// The hidden field: people leave it empty.
    homepage: String,
    act: String,
    csrf_token: String,
}

impl Fields for CommentForm {
    const NAMES: &'static [&'static str] = &[
        "body",
        "name",
        "email",
        "parent",
        "notify",
        "remember",
        "submission_key",
        "stamp",
        "dwell_ms",
        "details",
        "homepage",
        "act",
        "csrf_token",
    ];
    const BYTES_MAX: usize = limits::COMMENT_BODY_BYTES_MAX;
}

impl CommentForm {
    fn typed(&self) -> Typed {
        Typed {
            body: self.body.clone(),
            name: self.name.clone(),
            email: self.email.clone(),
            notify: self.notify.clone(),
            remember: self.remember == "1",
        }
    }

    fn key(&self) -> Option<&str> {
        let key = self.submission_key.trim();
        (!key.is_empty()
            && key.len() <= 64
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')))
        .then_some(key)
    }
}

/// `POST /{slug}/comments`
pub async fn create(
    app: web::Data<App>,
    request: HttpRequest,
    form: Form<CommentForm>,
) -> Result<HttpResponse, AppError> {
    let slug = path::slug(&request, "slug")?.to_owned();
    match attempt(&app, &request, &slug, &form).await {
        Err(AppError::Unavailable) => kept(&app, &request, &slug, &form.fields, &Kept::UNAVAILABLE),
        Err(AppError::TooMany { retry_after_seconds }) => {
            kept(&app, &request, &slug, &form.fields, &Kept::too_many(retry_after_seconds))
        }
        Err(AppError::Internal { .. }) => kept(&app, &request, &slug, &form.fields, &Kept::FAILED),
        Err(AppError::NotFound) => kept(&app, &request, &slug, &form.fields, &Kept::NOT_FOUND),
        answer => answer,
    }
}

async fn attempt(
    app: &App,
    request: &HttpRequest,
    slug: &str,
    form: &Form<CommentForm>,
) -> Result<HttpResponse, AppError> {
    rate_limit::count(app, request)?;
    // A post that no page of ours sent is nobody's: cookies are not looked at (decisions 8).
    let viewer = match form.sender {
        Sender::OwnPage => Viewer::load(app, request).await?,
        Sender::Unknown => Viewer::default(),
    };
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let place = app.parts.places.find(&mut conn, slug).await?.ok_or(AppError::NotFound)?;
    let read = Read::of(app, &mut conn, (&place, &settings), &viewer, &form.fields).await?;
    drop(conn);
    let reply = form.fields.parent.trim().parse::<CommentId>();
    let parent = reply.as_ref().ok().copied();
    let at = At { app, request, slug, settings: &settings, viewer: &viewer, parent };
    if form.fields.act == "preview" {
        return preview(&at, &form.fields, read).await;
    }
    if !form.fields.parent.trim().is_empty() && reply.is_err() {
        return at
            .refuse(
                StatusCode::UNPROCESSABLE_ENTITY,
                again(&form.fields, &read, "The comment you were answering was removed. You can post yours on its own"),
            )
            .await;
    }
    if let Some(sentence) = read.too_old {
        return at
            .refuse(StatusCode::UNPROCESSABLE_ENTITY, FormState { stamp: None, ..again(&form.fields, &read, sentence) })
            .await;
    }
    let Ready { words, writer } = match read.ready() {
        Ok(ready) => ready,
        Err(state) => {
            return at
                .refuse(StatusCode::UNPROCESSABLE_ENTITY, FormState { typed: Some(form.fields.typed()), ..*state })
                .await;
        }
    };
    let details = private_details(&settings, &form.fields, &writer);
    if !details.is_empty() {
        let key = form.fields.key().map(str::to_owned);
        let typed = Some(form.fields.typed());
        let state = FormState {
            typed,
            details,
            key,
            stamp: Stamp::read(app.secret(), &form.fields.stamp),
            ..FormState::default()
        };
        return at.answer(StatusCode::OK, state).await;
    }
    let post = Post { place: &place, parent, words: &words, submission_key: form.fields.key() };
    let outcome = match (&writer, &viewer.staff) {
        (Writer::Staff, Some(who)) => app.db.transact(async |tx| create::create_as_staff(tx, who, post).await).await,
        (Writer::Staff, None) => Err(CreateError::NotFound),
        (Writer::Guest(guest), _) => {
            let guest = Guest {
                name: &guest.name,
                email: &guest.email,
                browser: viewer.browser,
                network: client_address::of(app, request),
                notify: guest.notify,
                is_trapped: !form.fields.homepage.trim().is_empty(),
                dwell_seconds: guest.dwell_seconds,
            };
            app.intake.post(Submission::of(post, guest, Arc::clone(&settings), app.secret())).await
        }
    };
    match outcome {
        Ok(created) => created_answer(&at, &form.fields, &created).await,
        Err(error) => refused(&at, &form.fields, error).await,
    }
}

/// What a reader is asked about before their comment is posted; nothing once they were.
fn private_details(settings: &Settings, fields: &CommentForm, writer: &Writer) -> Vec<&'static str> {
    let Writer::Guest(guest) = writer else { return Vec::new() };
    if !settings.comments.privacy_hint || !fields.details.is_empty() {
        return Vec::new();
    }
    let found = private_details::find(&fields.body, guest.name.as_str(), settings.site.is_medical);
    found.into_iter().map(Detail::sentence).collect()
}

// ---- reading the form ------------------------------------------------------------------------------------------

/// A form as far as it could be read: what is right, and every mistake at once.
struct Read {
    words: Option<Words>,
    writer: Option<Writer>,
    errors: FormErrors,
    see: Option<CommentId>,
    stamp: Option<Stamp>,
    too_old: Option<&'static str>,
}

enum Writer {
    Staff,
    Guest(Box<GuestFields>),
}

struct GuestFields {
    name: GuestName,
    email: Email,
    notify: Notify,
    dwell_seconds: Option<i64>,
}

struct Ready {
    words: Words,
    writer: Writer,
}

impl Read {
    async fn of(
        app: &App,
        conn: &mut crate::db::Conn,
        (place, settings): (&Place, &Settings),
        viewer: &Viewer,
        fields: &CommentForm,
    ) -> Result<Self, AppError> {
        let mut read =
            Self { words: None, writer: None, errors: FormErrors::default(), see: None, stamp: None, too_old: None };
        let stamp = Stamp::read(app.secret(), &fields.stamp);
        if stamp.is_some_and(|stamp| stamp.is_over(app.now())) {
            read.too_old = Some("This page was open for a long time. Check your comment and post it again");
        } else {
            read.stamp = stamp;
        }
        let references = model::references(conn, place.revision, &fields.body).await?;
        match Words::parse(&fields.body, &references) {
            Ok(words) => read.words = Some(words),
            Err(error) => read.add(error),
        }
        if let Some(staff) = &viewer.staff {
            if staff.csrf_matches(&fields.csrf_token) {
                read.writer = Some(Writer::Staff);
            } else {
                read.too_old = Some("You are signed in. Check your comment and post it again");
            }
            return Ok(read);
        }
        if let Some(error) = read.words.as_ref().and_then(|words| words.check_links().err()) {
            read.add(error);
        }
        read.writer = read.guest(app, conn, &settings.site.name, fields).await?;
        Ok(read)
    }

    async fn guest(
        &mut self,
        app: &App,
        conn: &mut crate::db::Conn,
        site_name: &str,
        fields: &CommentForm,
    ) -> Result<Option<Writer>, AppError> {
        let name = model::guest_name(conn, &app.parts.team, site_name, &fields.name).await?;
        let name = name.map_err(|error| self.add(error));
        let email = model::email(&fields.email).map_err(|error| self.add(error));
        // On a page for one reader the time since it was drawn is theirs; else only script knows (decisions 1).
        let measured = fields.dwell_ms.trim().parse::<i64>().ok().map(|ms| ms / 1_000);
        let dwell_seconds =
            self.stamp.filter(|stamp| stamp.is_fresh).map(|stamp| (app.now() - stamp.at).num_seconds()).or(measured);
        let notify = fields.notify.trim().parse().unwrap_or(Notify::None);
        Ok(name
            .ok()
            .zip(email.ok())
            .map(|(name, email)| Writer::Guest(Box::new(GuestFields { name, email, notify, dwell_seconds }))))
    }

    fn add(&mut self, error: FieldError) {
        self.see = self.see.or(error.see);
        self.errors.add(field_name(error.field), error.message);
    }

    /// What is needed to write; else the form with its mistakes.
    fn ready(self) -> Result<Ready, Box<FormState>> {
        match (self.words, self.writer) {
            (Some(words), Some(writer)) if self.errors.is_empty() => Ok(Ready { words, writer }),
            _ => Err(Box::new(FormState {
                errors: self.errors,
                see: self.see,
                stamp: self.stamp,
                ..FormState::default()
            })),
        }
    }
}

fn field_name(field: Field) -> &'static str {
    match field {
        Field::Body => "body",
        Field::Name => "name",
        Field::Email => "email",
    }
}

/// The form once more, with a sentence above it.
fn again(fields: &CommentForm, read: &Read, sentence: &str) -> FormState {
    FormState {
        typed: Some(fields.typed()),
        alert: Some((NoticeKind::Warn, sentence.to_owned())),
        stamp: read.stamp,
        ..FormState::default()
    }
}

async fn preview(at: &At<'_>, fields: &CommentForm, read: Read) -> Result<HttpResponse, AppError> {
    let state = FormState {
        typed: Some(fields.typed()),
        stamp: read.stamp,
        key: fields.key().map(str::to_owned),
        ..FormState::default()
    };
    match read.words {
        Some(words) => at.answer(StatusCode::OK, FormState { preview: Some(words), ..state }).await,
        None => at.refuse(StatusCode::UNPROCESSABLE_ENTITY, FormState { errors: read.errors, ..state }).await,
    }
}

// ---- answers ---------------------------------------------------------------------------------------------------

/// Where an answer is drawn: the article's page, for one reader.
struct At<'a> {
    app: &'a App,
    request: &'a HttpRequest,
    slug: &'a str,
    settings: &'a Settings,
    viewer: &'a Viewer,
    parent: Option<CommentId>,
}

impl At<'_> {
    async fn answer(&self, status: StatusCode, form: FormState) -> Result<HttpResponse, AppError> {
        let query = Query { reply: self.parent, ..Query::PLAIN };
        let body = fresh_page(self.app, self.request, self.slug, self.viewer, &query, form).await?;
        Ok(cached_pages::private(self.request, status, body).await)
    }

    async fn refuse(&self, status: StatusCode, form: FormState) -> Result<HttpResponse, AppError> {
        self.answer(status, form).await
    }
}

/// The article's page for one reader, with the form as given.
pub async fn fresh_page(
    app: &App,
    request: &HttpRequest,
    slug: &str,
    viewer: &Viewer,
    query: &Query,
    form: FormState,
) -> Result<String, AppError> {
    let (article, settings) = articles::load(app, slug).await?;
    let talk = talk_of(app, &article, &settings, viewer, query, form, false).await?;
    let talk = talk.filter(|_| !query.is_alone);
    articles::draw(app, &settings, request, &urls::article(slug), &article, talk, query)
}

/// The conversation under an article that was loaded; `None` for house pages and where comments are off.
pub async fn talk_of(
    app: &App,
    article: &PublicArticle,
    settings: &Settings,
    viewer: &Viewer,
    query: &Query,
    form: FormState,
    is_kept: bool,
) -> Result<Option<Talk>, AppError> {
    if article.kind != crate::core::status::ArticleKind::Article {
        return Ok(None);
    }
    let place = place_of(article);
    let mut conn = app.db.read().await?;
    let given = Given { settings, place: &place, count: article.comment_count, viewer, query, form, is_kept };
    Ok(talk::talk(app, &mut conn, given).await?)
}

fn place_of(article: &PublicArticle) -> Place {
    Place {
        article: article.id,
        slug: article.slug.clone(),
        title: article.title.clone(),
        revision: article.revision_id,
        mode: article.comments_mode,
        closed_at: article.comments_closed_at,
        moderation: article.moderation_mode,
        updated_at: model::last_update(Some(article.first_published_at), Some(article.updated_at)),
        update_number: article
            .corrections
            .iter()
            .find(|note| note.published_at == article.updated_at)
            .map(|note| note.revision_number),
    }
}

async fn created_answer(at: &At<'_>, fields: &CommentForm, created: &Created) -> Result<HttpResponse, AppError> {
    let mut conn = at.app.db.read().await?;
    let is_far = created.root != created.id
        && thread::find(&mut conn, created.id, None).await?.is_some_and(|found| found.is_far);
    let mut location = if is_far {
        far(at.slug, created.root, created.id)
    } else {
        urls::comment_in_place(at.slug, created.root, created.id)
    };
    if created.asks_to_confirm {
        location = location.replacen('#', "&confirm=1#", 1);
    }
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, location)).insert_header((header::CACHE_CONTROL, "no-store"));
    if let Some(token) = &created.new_browser {
        response.cookie(cookies::set(at.app, talk::READER_COOKIE, token.reveal(), limits::READER_COOKIE_LIFE));
    }
    if !created.is_replay && at.viewer.staff.is_none() {
        if fields.remember == "1" {
            response.cookie(cookies::set(
                at.app,
                talk::REMEMBER_COOKIE,
                talk::remember(fields.name.trim(), fields.email.trim()),
                limits::REMEMBER_COOKIE_LIFE,
            ));
        } else if at.viewer.remembered.is_some() {
            response.cookie(cookies::remove(at.app, talk::REMEMBER_COOKIE));
        }
    }
    Ok(response.finish())
}

/// The stretch of a long thread that holds a reply.
fn far(slug: &str, root: CommentId, id: CommentId) -> String {
    format!("{}?at={id}#comment-{id}", urls::thread(slug, root))
}

async fn refused(at: &At<'_>, fields: &CommentForm, error: CreateError) -> Result<HttpResponse, AppError> {
    let alert = |kind, sentence: String| FormState {
        typed: Some(fields.typed()),
        alert: Some((kind, sentence)),
        ..FormState::default()
    };
    match error {
        CreateError::NotFound => Err(AppError::NotFound),
        CreateError::Closed | CreateError::Paused(_) => {
            at.refuse(
                StatusCode::FORBIDDEN,
                alert(
                    NoticeKind::Warn,
                    "Comments closed while you were writing. Copy your text if you want to keep it".into(),
                ),
            )
            .await
        }
        CreateError::ParentGone => {
            let alone = At { parent: None, ..*at };
            alone
                .refuse(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    alert(
                        NoticeKind::Warn,
                        "The comment you were answering was removed. You can post yours on its own".into(),
                    ),
                )
                .await
        }
        CreateError::TooFast { is_network, again_at } => {
            let clock = again_at.with_timezone(&shell::zone(at.settings)) + chrono::TimeDelta::seconds(59);
            let again = clock.format("%H:%M");
            let sentence = if is_network {
                format!("Many comments are coming from your network. You can post again at {again}")
            } else {
                format!(
                    "You have posted {} comments in {} minutes. You can post again at {again}",
                    limits::COMMENTS_PER_READER,
                    limits::READER_WINDOW.as_secs() / 60
                )
            };
            let mut response = at.refuse(StatusCode::TOO_MANY_REQUESTS, alert(NoticeKind::Warn, sentence)).await?;
            let seconds = (again_at - at.app.now()).num_seconds().max(1);
            response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
            Ok(response)
        }
        CreateError::Invalid(error) => {
            let mut errors = FormErrors::default();
            errors.add(field_name(error.field), error.message);
            at.refuse(
                StatusCode::UNPROCESSABLE_ENTITY,
                FormState { typed: Some(fields.typed()), errors, see: error.see, ..FormState::default() },
            )
            .await
        }
        CreateError::Db(error) => Err(error.into()),
    }
}

/// A page that needs no database: what happened, and the form with everything typed.
#[derive(Debug, Template)]
#[template(path = "comments/kept.html")]
struct KeptPage {
    page: PublicShell,
    heading: &'static str,
    sentence: &'static str,
    action: String,
    article_href: String,
    form: CommentForm,
}

struct Kept {
    status: StatusCode,
    heading: &'static str,
    sentence: &'static str,
    retry_after_seconds: Option<u64>,
}

impl Kept {
    const SENTENCE: &'static str =
        "We couldn’t save your comment. Nothing is lost: it is still in the box below. Try again in a minute.";
    const UNAVAILABLE: Self = Self {
        status: StatusCode::SERVICE_UNAVAILABLE,
        heading: "We couldn’t save your comment",
        sentence: Self::SENTENCE,
        retry_after_seconds: Some(30),
    };
    const FAILED: Self = Self {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        heading: "We couldn’t save your comment",
        sentence: Self::SENTENCE,
        retry_after_seconds: None,
    };
    const NOT_FOUND: Self = Self {
        status: StatusCode::NOT_FOUND,
        heading: "This article is no longer here",
        sentence: "The article you were commenting on was moved or taken back. Copy your text if you want to keep it.",
        retry_after_seconds: None,
    };

    fn too_many(seconds: u64) -> Self {
        let sentence = "That was a lot of requests. Nothing is lost: your comment is still in the box below. Wait a minute and post it again.";
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            heading: "Wait a minute",
            sentence,
            retry_after_seconds: Some(seconds),
        }
    }
}

fn kept(
    app: &App,
    request: &HttpRequest,
    slug: &str,
    fields: &CommentForm,
    what: &Kept,
) -> Result<HttpResponse, AppError> {
    let settings = app.parts.settings.last_known();
    let mut page = shell::public(app, &settings, request, Some(what.heading));
    page.has_errors = true;
    page.noindex = true;
    page.return_to = urls::article(slug);
    let body = KeptPage {
        page,
        heading: what.heading,
        sentence: what.sentence,
        action: urls::comments_of(slug),
        article_href: urls::article(slug),
        form: fields.clone(),
    }
    .render()?;
    let mut response = HttpResponse::build(what.status);
    response.content_type(HTML).insert_header((header::CACHE_CONTROL, "private, no-store"));
    if let Some(seconds) = what.retry_after_seconds {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    Ok(response.body(body))
}

// ---- one comment -----------------------------------------------------------------------------------------------

/// `GET /comments/{id}`: to the page that shows it.
pub async fn permalink(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let id: CommentId = path::segment(&request, "id")?;
    rate_limit::count(&app, &request)?;
    let viewer = Viewer::load(&app, &request).await?;
    let mut conn = app.db.read().await?;
    let found = thread::find(&mut conn, id, viewer.browser.as_ref()).await?.ok_or(AppError::NotFound)?;
    let is_waiting = matches!(found.status, CommentStatus::Held | CommentStatus::Spam);
    let location = if found.status == CommentStatus::Approved || (found.is_own && is_waiting) {
        if found.is_far {
            far(&found.slug, found.root, id)
        } else {
            urls::comment_in_place(&found.slug, found.root, id)
        }
    } else if found.was_public {
        format!("{}?at={}&gone=1#comments", urls::article(&found.slug), found.root)
    } else {
        return Err(AppError::NotFound);
    };
    Ok(HttpResponse::Found()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "private, no-store"))
        .insert_header(("X-Robots-Tag", "noindex"))
        .finish())
}

#[derive(Debug, Template)]
#[template(path = "comments/thread.html")]
struct ThreadPage {
    page: PublicShell,
    title: String,
    article_href: String,
    /// No form stands here: answering is done on the article's page.
    talk: Talk,
    top: CommentView,
    replies: Replies,
    heading: String,
    first_href: Option<String>,
    next_href: Option<String>,
}

/// `GET /{slug}/threads/{root}`: one long thread, 200 replies a page.
pub async fn long_thread(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let slug = path::slug(&request, "slug")?.to_owned();
    let root: CommentId = path::segment(&request, "root")?;
    let query = Query::of(&request);
    if query.at.is_some() || query.asks_to_confirm || Viewer::may_be_known(&app, &request) {
        rate_limit::count(&app, &request)?;
        let viewer = Viewer::load(&app, &request).await?;
        let body = thread_page(&app, &request, &slug, root, &viewer, &query).await?;
        return Ok(cached_pages::private(&request, StatusCode::OK, body.body).await);
    }
    let address = query.after.map_or_else(|| urls::thread(&slug, root), |after| urls::thread_after(&slug, root, after));
    cached_pages::public(&app, &request, address, async || {
        thread_page(&app, &request, &slug, root, &Viewer::default(), &query).await
    })
    .await
}

async fn thread_page(
    app: &App,
    request: &HttpRequest,
    slug: &str,
    root: CommentId,
    viewer: &Viewer,
    query: &Query,
) -> Result<Page, AppError> {
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let place = model::place(&mut conn, slug)
        .await?
        .filter(|place| place.mode != CommentsMode::Off)
        .ok_or(AppError::NotFound)?;
    let ask = Ask {
        article: place.article,
        sort: Sort::Oldest,
        which: Which::First,
        depth: settings.comments.depth,
        browser: viewer.browser,
    };
    let from = match (query.at, query.after) {
        (Some(at), _) => From::Around(at),
        (None, Some(after)) => From::After(after),
        (None, None) => From::Top,
    };
    let stretch = thread::stretch(&mut conn, ask, root, from).await?.ok_or(AppError::NotFound)?;
    let given = Given {
        settings: &settings,
        place: &place,
        count: 0,
        viewer,
        query,
        form: FormState::default(),
        is_kept: false,
    };
    let drawn = std::iter::once(&stretch.top).chain(&stretch.replies);
    let marks = talk::Marks::load(app, &mut conn, &given, drawn).await?;
    let (top, replies) = talk::stretch_view(app, &given, &stretch, &marks);
    let mut page = shell::public(app, &settings, request, Some(&format!("A conversation on {}", place.title)));
    page.noindex = true;
    let heading = if stretch.reply_count == 1 {
        "1 reply".to_owned()
    } else {
        format!("{} replies", text::grouped(stretch.reply_count))
    };
    let body = ThreadPage {
        page,
        title: place.title.clone(),
        article_href: urls::article(slug),
        talk: Talk::default(),
        top,
        replies,
        heading,
        first_href: (from != From::Top).then(|| urls::thread(slug, root)),
        next_href: stretch.next.map(|after| urls::thread_after(slug, root, after)),
    }
    .render()?;
    let tags = vec![crate::core::page_store::Tag::Article(place.article)];
    Ok(Page { body, content_type: HTML, tags, life: limits::PAGE_WITH_FORM_LIFE })
}

// ---- changing and withdrawing ----------------------------------------------------------------------------------

/// The form that changes a comment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EditForm {
    body: String,
}

impl Fields for EditForm {
    const NAMES: &'static [&'static str] = &["body"];
    const BYTES_MAX: usize = limits::COMMENT_BODY_BYTES_MAX;
}

#[derive(Debug, Template)]
#[template(path = "comments/edit.html")]
struct EditPage {
    page: PublicShell,
    title: String,
    article_href: String,
    action: String,
    cancel_href: String,
    body: String,
    errors: FormErrors,
    /// Why it cannot be changed any more.
    over: Option<String>,
}

/// The browser's own comment, or nothing.
async fn own(app: &App, conn: &mut crate::db::Conn, request: &HttpRequest) -> Result<(Viewer, Own), AppError> {
    let id: CommentId = path::segment(request, "id")?;
    let viewer = Viewer::load(app, request).await?;
    let browser = viewer.browser.as_ref().ok_or(AppError::NotFound)?;
    let own = edit::find_own(conn, browser, id).await?.filter(Own::is_living).ok_or(AppError::NotFound)?;
    Ok((viewer, own))
}

fn time_is_over(settings: &Settings) -> String {
    match settings.comments.edit_window_minutes {
        0 => "Comments can’t be changed here. You can post another comment.".into(),
        1 => "The minute for editing is over. You can post another comment.".into(),
        minutes => format!("The {minutes} minutes for editing are over. You can post another comment."),
    }
}

async fn edit_page(
    app: &App,
    request: &HttpRequest,
    settings: &Settings,
    own: &Own,
    body: String,
    errors: FormErrors,
    status: StatusCode,
) -> Result<HttpResponse, AppError> {
    let is_over = app.now() >= own.editable_until(settings.comments.edit_window_minutes);
    let status = if is_over { StatusCode::FORBIDDEN } else { status };
    let mut page = shell::public(app, settings, request, Some("Edit your comment"));
    page.has_errors = !errors.is_empty();
    page.noindex = true;
    let body = EditPage {
        page,
        title: own.title.clone(),
        article_href: urls::article(&own.slug),
        action: urls::comment_edit(own.id),
        cancel_href: urls::comment_in_place(&own.slug, own.root, own.id),
        body,
        errors,
        over: is_over.then(|| time_is_over(settings)),
    }
    .render()?;
    Ok(cached_pages::private(request, status, body).await)
}

/// `GET /comments/{id}/edit`
pub async fn edit_form(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let (_, own) = own(&app, &mut conn, &request).await?;
    edit_page(&app, &request, &settings, &own, own.body.clone(), FormErrors::default(), StatusCode::OK).await
}

/// `POST /comments/{id}/edit`
pub async fn edit(app: web::Data<App>, request: HttpRequest, form: Form<EditForm>) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let (viewer, own) = own_of_page(&app, &mut conn, &request, form.sender).await?;
    let references = model::references(&mut conn, own.revision, &form.fields.body).await?;
    drop(conn);
    let outcome = match (Words::parse(&form.fields.body, &references), &viewer.browser) {
        (Ok(words), Some(browser)) => {
            let rules = edit::Rules { settings: &settings.comments, words: &app.parts.word_lists };
            app.db.transact(async |tx| edit::edit(tx, rules, browser, own.id, &words).await).await
        }
        (Err(error), _) => Err(EditError::Invalid(error)),
        (Ok(_), None) => Err(EditError::NotFound),
    };
    match outcome {
        Ok(_) => Ok(see_other(&urls::comment_in_place(&own.slug, own.root, own.id))),
        Err(EditError::NotFound) => Err(AppError::NotFound),
        Err(EditError::TooLate) => {
            edit_page(&app, &request, &settings, &own, form.fields.body, FormErrors::default(), StatusCode::FORBIDDEN)
                .await
        }
        Err(EditError::Invalid(error)) => {
            let mut errors = FormErrors::default();
            errors.add(field_name(error.field), error.message);
            edit_page(&app, &request, &settings, &own, form.fields.body, errors, StatusCode::UNPROCESSABLE_ENTITY).await
        }
        Err(EditError::Db(error)) => Err(error.into()),
    }
}

async fn own_of_page(
    app: &App,
    conn: &mut crate::db::Conn,
    request: &HttpRequest,
    sender: Sender,
) -> Result<(Viewer, Own), AppError> {
    match sender {
        Sender::OwnPage => own(app, conn, request).await,
        Sender::Unknown => Err(AppError::NotFound),
    }
}

/// The form that withdraws a comment: a button.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WithdrawForm {}

impl Fields for WithdrawForm {
    const NAMES: &'static [&'static str] = &[];
}

#[derive(Debug, Template)]
#[template(path = "comments/withdraw.html")]
struct WithdrawPage {
    page: PublicShell,
    excerpt: String,
    action: String,
    keep_href: String,
}

/// `GET /comments/{id}/withdraw`
pub async fn withdraw_form(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let (_, own) = own(&app, &mut conn, &request).await?;
    let mut page = shell::public(&app, &settings, &request, Some("Withdraw this comment?"));
    page.noindex = true;
    let body = WithdrawPage {
        page,
        excerpt: text::excerpt(&own.body, 200),
        action: urls::comment_withdraw(own.id),
        keep_href: urls::comment_in_place(&own.slug, own.root, own.id),
    }
    .render()?;
    Ok(cached_pages::private(&request, StatusCode::OK, body).await)
}

/// `POST /comments/{id}/withdraw`
pub async fn withdraw(
    app: web::Data<App>,
    request: HttpRequest,
    form: Form<WithdrawForm>,
) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let id: CommentId = path::segment(&request, "id")?;
    let viewer = match form.sender {
        Sender::OwnPage => Viewer::load(&app, &request).await?,
        Sender::Unknown => Viewer::default(),
    };
    let browser = viewer.browser.ok_or(AppError::NotFound)?;
    match app.db.transact(async |tx| withdraw::withdraw(tx, &browser, id).await).await {
        Ok(own) => Ok(see_other(&format!("{}?at={}&gone=1#comments", urls::article(&own.slug), own.root))),
        Err(EditError::Db(error)) => Err(error.into()),
        Err(EditError::NotFound | EditError::TooLate | EditError::Invalid(_)) => Err(AppError::NotFound),
    }
}

fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}
