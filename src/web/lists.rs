//! Lists of articles: front page, everything, topics, tags, series, people; and the log of corrections. Each goes on by keyset: the next
//! page begins after the last article of this one, so that nothing is lost or shown twice when one is published between.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::TimeDelta;

use crate::app::App;
use crate::articles::index::{self, Of};
use crate::articles::{corrections, terms, topics};
use crate::comments::answers::{self, Answer, By};
use crate::core::ids::{ArticleId, CorrectionId, StaffId};
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::core::status::{CorrectionClass, CreditRole, TermKind};
use crate::core::text;
use crate::db::Conn;
use crate::settings::Settings;
use crate::urls;
use crate::web::cached_pages::{self, HTML, Page};
use crate::web::error::AppError;
use crate::web::extract::path;
use crate::web::page::{NavLink, PublicShell};
use crate::web::views::{DataBlock, StoryView, When};
use crate::web::{archives, feeds, shell, structured};

/// Stories on the front page besides the lead.
const LATEST: i64 = 10;
/// Stories on a page of a list (reader.md 7).
const STORIES_A_PAGE: i64 = 20;
/// Answers on the front page and on a person's.
const ANSWERS: i64 = 5;
/// Characters of a question that are shown: two lines.
const QUESTION_CHARS: usize = 180;

// Front page

#[derive(Debug, Template)]
#[template(path = "articles/home.html")]
struct Home {
    page: PublicShell,
    lead: Option<StoryView>,
    latest: Vec<StoryView>,
    older_href: Option<String>,
    answers: Vec<AnswerView>,
    topics: Vec<(String, String)>,
    corrections: Vec<CorrectionView>,
    corrections_href: String,
}

/// A question with who answered it.
#[derive(Debug)]
struct AnswerView {
    question: String,
    by: String,
    asked_by: String,
    title: String,
    href: String,
    when: When,
}

impl AnswerView {
    fn of(answer: Answer, settings: &Settings) -> Self {
        Self {
            question: text::excerpt(&answer.question, QUESTION_CHARS),
            by: answer.by,
            asked_by: answer.asked_by,
            title: answer.title,
            href: urls::comment(answer.id),
            when: When::day(answer.at, settings),
        }
    }
}

#[derive(Debug)]
struct CorrectionView {
    id: CorrectionId,
    label: &'static str,
    text: String,
    when: When,
    title: String,
    href: String,
    changes_href: String,
}

impl CorrectionView {
    fn of(note: corrections::Logged, settings: &Settings) -> Self {
        Self {
            id: note.id,
            label: class_label(note.class),
            text: note.text,
            when: When::day(note.published_at, settings),
            title: note.title,
            href: urls::article(&note.slug),
            changes_href: urls::changes(&note.slug, note.revision_number),
        }
    }
}

/// A kind of change in a word.
#[must_use]
pub fn class_label(class: CorrectionClass) -> &'static str {
    match class {
        CorrectionClass::Correction => "Correction",
        CorrectionClass::Update => "Update",
        CorrectionClass::Clarification => "Clarification",
    }
}

/// `/`
pub async fn home(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let address = urls::home();
    cached_pages::public(&app, &request, address.clone(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let stories = index::list(&mut conn, Of::Everything, None, LATEST + 2).await?;
        let topics = topics::list(&mut conn).await?;
        let notes = corrections::list(&mut conn, None, 3).await?;
        let week = By::AnybodySince(app.now() - TimeDelta::days(7));
        let answers = answers::list(&mut conn, week, ANSWERS).await?;
        let shown = stories.iter().map(|story| story.id).chain(answers.iter().map(|answer| answer.article));
        let tags = tags(shown);
        let older = stories.get(usize::try_from(LATEST).unwrap_or(10)).filter(|_| stories.len() > 11);
        let older_href = older.map(|last| urls::older(&urls::latest(), last.id));
        let mut views = stories.iter().take(11).map(|story| StoryView::of(story, &settings));
        let home = Home {
            page: shell::public_at(&app, &settings, shell::theme_of(&request), &address, None),
            lead: views.next(),
            latest: views.collect(),
            older_href,
            answers: answers.into_iter().map(|answer| AnswerView::of(answer, &settings)).collect(),
            corrections_href: urls::corrections(),
            topics: topics.into_iter().map(|topic| (topic.name, urls::topic(&topic.slug))).collect(),
            corrections: notes.into_iter().map(|note| CorrectionView::of(note, &settings)).collect(),
        };
        Ok(kept(home.render()?, tags))
    })
    .await
}

fn tags(articles: impl Iterator<Item = ArticleId>) -> Vec<Tag> {
    articles.map(Tag::Article).chain([Tag::Listing]).collect()
}

fn kept(body: String, tags: Vec<Tag>) -> Page {
    Page { body, content_type: HTML, tags, life: limits::PAGE_LIFE }
}

// Lists

#[derive(Debug, Template)]
#[template(path = "articles/list.html")]
struct List {
    page: PublicShell,
    /// Where this belongs: name and page.
    parent: Option<(String, String)>,
    kicker: String,
    heading: String,
    intro: String,
    /// What the parts are of: "this topic", "the archive".
    parts_of: &'static str,
    /// Parts of a topic or months of a year, the present one marked.
    parts: Vec<NavLink>,
    sections: Vec<Section>,
    data: Option<DataBlock>,
}

#[derive(Debug)]
struct Section {
    /// Empty: no heading of its own.
    heading: &'static str,
    stories: Vec<StoryView>,
    older_href: Option<String>,
}

impl Section {
    /// Of one story more than a page holds: that one says whether there is a next page. `path` may hold parameters.
    fn of(heading: &'static str, stories: &[index::Story], path: &str, settings: &Settings) -> Self {
        let a_page = usize::try_from(STORIES_A_PAGE).unwrap_or(20);
        let last = stories.get(a_page.saturating_sub(1)).filter(|_| stories.len() > a_page);
        Self {
            heading,
            older_href: last.map(|last| urls::older(path, last.id)),
            stories: stories.iter().take(a_page).map(|story| StoryView::of(story, settings)).collect(),
        }
    }
}

/// A parameter of the address.
fn parameter(request: &HttpRequest, wanted: &str) -> Option<String> {
    let query = request.uri().query()?;
    url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// The `?after=` of a list: an article's id; anything else is not there.
fn after(request: &HttpRequest) -> Option<ArticleId> {
    parameter(request, "after")?.parse().ok()
}

/// `/latest`: everything, newest first.
pub async fn latest(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let after = after(&request);
    let path = urls::latest();
    let address = address(&path, after);
    cached_pages::public(&app, &request, address.clone(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let after = index::place(&mut conn, after).await?;
        let stories = index::list(&mut conn, Of::Everything, after, STORIES_A_PAGE + 1).await?;
        let list = List {
            page: listed(&app, &settings, &request, &address, "All articles"),
            parent: None,
            kicker: String::new(),
            heading: "All articles".into(),
            intro: String::new(),
            parts_of: archives::PARTS_OF,
            parts: archives::years(&mut conn, &settings).await?,
            sections: vec![Section::of("", &stories, &path, &settings)],
            data: None,
        };
        Ok(kept(list.render()?, tags(stories.iter().map(|story| story.id))))
    })
    .await
}

/// The shell of a page of a list: each page of it is one of its own to search engines.
fn listed(app: &App, settings: &Settings, request: &HttpRequest, address: &str, title: &str) -> PublicShell {
    let mut page = shell::public_at(app, settings, shell::theme_of(request), address, Some(title));
    page.canonical = Some(feeds::absolute(&app.base_url(settings), address));
    page
}

fn address(path: &str, after: Option<ArticleId>) -> String {
    after.map_or_else(|| path.to_owned(), |after| urls::older(path, after))
}

/// A list under a name: what its page says besides the stories.
pub(crate) struct Named {
    pub(crate) of: Of,
    /// What kind of list it is, in a word.
    pub(crate) kicker: &'static str,
    pub(crate) name: String,
    pub(crate) intro: String,
    /// Where it belongs: name and page.
    pub(crate) parent: Option<(String, String)>,
    pub(crate) parts: Vec<NavLink>,
    /// Its feeds: Atom and JSON.
    pub(crate) feeds: Option<(String, String)>,
}

impl Named {
    /// With nothing but its name.
    pub(crate) fn of(kicker: &'static str, of: Of, name: String) -> Self {
        Self { of, kicker, name, intro: String::new(), parent: None, parts: Vec::new(), feeds: None }
    }
}

pub(crate) async fn named_list(
    app: &App,
    request: &HttpRequest,
    path: String,
    find: impl AsyncFnOnce(&mut Conn, &Settings) -> Result<Named, AppError>,
) -> Result<HttpResponse, AppError> {
    let after = after(request);
    let address = address(&path, after);
    cached_pages::public(app, request, address.clone(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let named = find(&mut conn, &settings).await?;
        let after = index::place(&mut conn, after).await?;
        let stories = index::list(&mut conn, named.of, after, STORIES_A_PAGE + 1).await?;
        let mut page = listed(app, &settings, request, &address, &named.name);
        page.description = (!named.intro.is_empty()).then(|| named.intro.clone());
        if let Some((atom, json)) = named.feeds {
            page.feeds.splice(0..0, [feeds::link(&named.name, atom), feeds::json_link(&named.name, json)]);
        }
        let own = (named.name.clone(), path.clone());
        let crumbs: Vec<(String, String)> = named.parent.iter().cloned().chain([own]).collect();
        let mut section = Section::of("", &stories, &path, &settings);
        if matches!(named.of, Of::Series(_)) {
            for (view, story) in section.stories.iter_mut().zip(&stories) {
                view.part = story.part.map(|part| format!("Part {part}"));
            }
        }
        let list = List {
            page,
            parent: named.parent,
            kicker: named.kicker.into(),
            heading: named.name,
            intro: named.intro,
            parts_of: if matches!(named.of, Of::Between(..)) { archives::PARTS_OF } else { "this topic" },
            parts: named.parts,
            sections: vec![section],
            data: Some(structured::crumbs(&app.base_url(&settings), &crumbs)),
        };
        Ok(kept(list.render()?, tags(stories.iter().map(|story| story.id))))
    })
    .await
}

/// `/topics/{slug}`: the topic with its parts.
pub async fn topic(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let slug = path::slug(&request, "slug")?.to_owned();
    let path = urls::topic(&slug);
    named_list(&app, &request, path.clone(), async |conn, _| {
        let topic = topics::find(conn, &slug).await?.ok_or(AppError::NotFound)?;
        let all = topics::list(conn).await?;
        let link = |other: &topics::Topic| (other.name.clone(), urls::topic(&other.slug));
        // Of a part, the parts beside it.
        let whole = topic.parent_id.unwrap_or(topic.id);
        let parts = all.iter().filter(|other| other.parent_id == Some(whole)).map(link);
        Ok(Named {
            of: Of::Topic(topic.id),
            kicker: "Topic",
            parent: all.iter().find(|other| Some(other.id) == topic.parent_id).map(link),
            parts: parts.map(|(label, href)| NavLink { current: href == path, label, href }).collect(),
            feeds: Some((urls::topic_feed(&slug), urls::topic_json_feed(&slug))),
            name: topic.name,
            intro: topic.description,
        })
    })
    .await
}

/// `/tags/{slug}`
pub async fn tag(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let slug = path::slug(&request, "slug")?.to_owned();
    named_list(&app, &request, urls::tag(&slug), async |conn, _| {
        let tag = terms::find(conn, TermKind::Tag, &slug).await?.ok_or(AppError::NotFound)?;
        let feeds = Some((urls::tag_feed(&slug), urls::tag_json_feed(&slug)));
        Ok(Named { feeds, ..Named::of("Tag", Of::Tag(tag.id), tag.name) })
    })
    .await
}

/// `/series/{slug}`: its parts, the first one first.
pub async fn series(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let slug = path::slug(&request, "slug")?.to_owned();
    named_list(&app, &request, urls::series(&slug), async |conn, _| {
        let series = terms::find(conn, TermKind::Series, &slug).await?.ok_or(AppError::NotFound)?;
        Ok(Named::of("Series", Of::Series(series.id), series.name))
    })
    .await
}

#[derive(Debug, Template)]
#[template(path = "articles/person.html")]
struct PersonPage {
    page: PublicShell,
    initials: String,
    name: String,
    /// Title and credentials.
    lines: Vec<String>,
    /// Paragraphs about them.
    bio: Vec<String>,
    sections: Vec<Section>,
    answers: Vec<AnswerView>,
    data: DataBlock,
}

/// What a person did for an article, as the address of their lists says it.
const CREDITS: [(&str, CreditRole, &str); 2] =
    [("written", CreditRole::Author, "Articles written"), ("reviewed", CreditRole::Reviewer, "Articles reviewed")];

/// `/authors/{slug}`: whoever is credited on something published. `?list=written&after=` goes on in one list.
pub async fn author(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let slug = path::slug(&request, "slug")?.to_owned();
    let wanted = parameter(&request, "list").and_then(|word| CREDITS.into_iter().find(|(known, ..)| *known == word));
    let after = after(&request).filter(|_| wanted.is_some());
    let own = urls::author(&slug);
    let address = wanted.map_or_else(|| own.clone(), |(word, ..)| urls::author_list(&slug, word, after));
    cached_pages::public(&app, &request, address.clone(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let (person, bio) = index::find_person(&mut conn, &slug).await?.ok_or(AppError::NotFound)?;
        let mut page = listed(&app, &settings, &request, &address, &person.name);
        page.kind = Some("profile");
        page.feeds.insert(0, feeds::link(&format!("Articles by {}", person.name), urls::author_feed(&slug)));
        page.description = bio.lines().next().filter(|line| !line.is_empty()).map(str::to_owned);
        let place = index::place(&mut conn, after).await?;
        let (mut sections, mut shown) = (Vec::new(), Vec::new());
        for (word, role, heading) in CREDITS.into_iter().filter(|credit| wanted.is_none_or(|one| one.0 == credit.0)) {
            let stories = index::list(&mut conn, Of::Person(person.id, role), place, STORIES_A_PAGE + 1).await?;
            if !stories.is_empty() {
                sections.push(Section::of(heading, &stories, &urls::author_list(&slug, word, None), &settings));
            }
            shown.extend(stories.iter().map(|story| story.id));
        }
        let answers = if wanted.is_none() { answers_of(&mut conn, person.id).await? } else { Vec::new() };
        shown.extend(answers.iter().map(|answer| answer.article));
        let data = structured::person(&app.base_url(&settings), &own, &person, &bio);
        let view = PersonPage {
            page,
            initials: text::initials(&person.name),
            name: person.name,
            lines: [person.title, person.credentials].into_iter().filter(|line| !line.is_empty()).collect(),
            bio: bio.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect(),
            sections,
            answers: answers.into_iter().map(|answer| AnswerView::of(answer, &settings)).collect(),
            data,
        };
        Ok(kept(view.render()?, tags(shown.into_iter())))
    })
    .await
}

async fn answers_of(conn: &mut Conn, person: StaffId) -> Result<Vec<Answer>, AppError> {
    Ok(answers::list(conn, By::Person(person), ANSWERS).await?)
}

#[derive(Debug, Template)]
#[template(path = "articles/corrections.html")]
struct Corrections {
    page: PublicShell,
    notes: Vec<CorrectionView>,
    older_href: Option<String>,
}

/// `/corrections`: what readers were told of changes, newest first.
pub async fn corrections(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let after = after(&request).map(|after| CorrectionId(after.0));
    let path = urls::corrections();
    let address = address(&path, after.map(|after| ArticleId(after.0)));
    cached_pages::public(&app, &request, address.clone(), async || {
        let mut conn = app.db.read().await?;
        let settings = app.settings(&mut conn).await?;
        let notes = corrections::list(&mut conn, after, STORIES_A_PAGE + 1).await?;
        let mut notes: Vec<CorrectionView> =
            notes.into_iter().map(|note| CorrectionView::of(note, &settings)).collect();
        let a_page = usize::try_from(STORIES_A_PAGE).unwrap_or(20);
        let has_more = notes.len() > a_page;
        notes.truncate(a_page);
        let older_href = notes.last().filter(|_| has_more).map(|last| urls::older(&path, ArticleId(last.id.0)));
        let mut page = listed(&app, &settings, &request, &address, "Corrections");
        page.feeds.insert(0, feeds::link("Corrections", urls::corrections_feed()));
        Ok(kept(Corrections { page, notes, older_href }.render()?, vec![Tag::Listing]))
    })
    .await
}
