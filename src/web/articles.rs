//! The page of an article, and of a house page.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};

use crate::app::App;
use crate::articles::layout::Layout;
use crate::articles::model::{Article, Person};
use crate::articles::page::{self, Credited, Found, PublicArticle};
use crate::articles::{links, terms};
use crate::comments::thread::Sort;
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::core::status::{ArticleKind, CreditRole, Evidence};
use crate::references::evidence::{self, SectionProfile};
use crate::render::outline::Heading;
use crate::render::sanitize::SanitizedHtml;
use crate::settings::Settings;
use crate::urls;
use crate::web::cached_pages::{self, HTML, Page};
use crate::web::error::AppError;
use crate::web::extract::path;
use crate::web::lists::class_label;
use crate::web::page::{PublicShell, SharedPicture};
use crate::web::structured;
use crate::web::talk::{self, Talk, Viewer};
use crate::web::views::{self, DataBlock, SourceView, When};
use crate::web::{comments, feeds, oembed, rate_limit, references, shell};

/// Headings from which contents are shown (reader.md 1).
const CONTENTS_FROM: usize = 3;
/// Sources up to which the list is open at first (reader.md 2).
const SOURCES_OPEN: usize = 12;

/// Everything of an article's page but the conversation, ready to print.
#[derive(Debug)]
pub struct ArticleView {
    pub(crate) title: String,
    pub(crate) dek: String,
    pub(crate) language: Option<(String, &'static str)>,
    pub(crate) crumbs: Vec<(String, String)>,
    /// Tags: name and page.
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) series: Option<SeriesView>,
    pub(crate) authors: Option<PeopleView>,
    pub(crate) reviewers: Option<PeopleView>,
    pub(crate) updated: When,
    pub(crate) first_published: When,
    pub(crate) is_updated: bool,
    pub(crate) minutes: String,
    pub(crate) source_count: String,
    pub(crate) trusted_count: usize,
    /// "2 reviews, 1 animal study"; empty when nothing is labelled.
    pub(crate) evidence: String,
    /// The same by section, where there are two or more.
    pub(crate) sections: Vec<SectionProfile>,
    /// Downloads of the list: name and address; none in a preview.
    pub(crate) downloads: Vec<(&'static str, String)>,
    pub(crate) lead: Option<page::LeadPicture>,
    pub(crate) takeaways: Vec<String>,
    pub(crate) contents: Vec<Heading>,
    pub(crate) html: SanitizedHtml,
    pub(crate) corrections: Vec<NoteView>,
    pub(crate) corrections_href: Option<String>,
    pub(crate) sources: Vec<SourceView>,
    pub(crate) sources_open: bool,
    pub(crate) trusted_href: Option<String>,
    pub(crate) reference_label: String,
    pub(crate) action: Option<crate::render::containers::Action>,
    pub(crate) products: Vec<crate::articles::layout::ShownProduct>,
    pub(crate) products_heading: String,
    pub(crate) products_disclosure: String,
    pub(crate) related: Vec<(String, String, String)>,
    pub(crate) is_article: bool,
}

/// An article's place in a series.
#[derive(Debug)]
pub struct SeriesView {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) number: i32,
    pub(crate) parts: i32,
    /// Part before and part after: what it is ("Part 1"), its title, its page.
    pub(crate) beside: Vec<(String, String, String)>,
}

impl SeriesView {
    fn of(place: &terms::Place) -> Self {
        let beside = place.previous.iter().chain(&place.next);
        Self {
            name: place.series.name.clone(),
            href: urls::series(&place.series.slug),
            number: place.number,
            parts: place.parts,
            beside: beside
                .map(|part| (format!("Part {}", part.number), part.title.clone(), urls::article(&part.slug)))
                .collect(),
        }
    }
}

/// A correction note.
#[derive(Debug)]
pub struct NoteView {
    pub(crate) label: &'static str,
    pub(crate) when: When,
    pub(crate) text: String,
    pub(crate) changes_href: String,
}

/// People with one role.
#[derive(Debug)]
pub struct PeopleView {
    /// Those named: name and page.
    named: Vec<(String, String)>,
    /// How many more, and who.
    more: Option<(usize, String)>,
    /// Their credentials, where one person is named.
    line: String,
}

impl PeopleView {
    fn of<'a>(people: impl Iterator<Item = &'a Credited>) -> Option<Self> {
        let people: Vec<&Credited> = people.collect();
        let (named, rest) = if people.len() > 2 { people.split_at(1) } else { people.split_at(people.len()) };
        let first = people.first()?;
        let names: Vec<&str> = rest.iter().map(|person| person.name.as_str()).collect();
        Some(Self {
            named: named.iter().map(|person| (person.name.clone(), urls::author(&person.slug))).collect(),
            more: (!rest.is_empty()).then(|| (rest.len(), names.join(", "))),
            line: if people.len() == 1 { first.line().to_owned() } else { String::new() },
        })
    }
}

/// The page that says what the badge means, if the site has one.
fn trusted_href(settings: &Settings) -> Option<String> {
    Some(settings.sources.page.clone()).filter(|page| !page.is_empty())
}

impl ArticleView {
    /// Of what is public, in the site's zone and words.
    #[must_use]
    pub fn of(article: &PublicArticle, settings: &Settings) -> Self {
        let contents: Vec<Heading> = article.outline.iter().filter(|heading| heading.level == 2).cloned().collect();
        let same_day =
            shell::date_short(article.updated_at, settings) == shell::date_short(article.first_published_at, settings);
        let sources: Vec<SourceView> =
            article.sources.iter().map(|source| SourceView::of(source, settings.sources.style)).collect();
        let number = i64::try_from(sources.len()).unwrap_or(0);
        let is_foreign = article.language != settings.site.language;
        Self {
            title: article.title.clone(),
            dek: article.dek.clone(),
            language: is_foreign.then(|| (article.language.clone(), shell::direction(&article.language))),
            crumbs: article.topics.iter().map(|topic| (topic.name.clone(), urls::topic(&topic.slug))).collect(),
            tags: article.tags.iter().map(|tag| (tag.name.clone(), urls::tag(&tag.slug))).collect(),
            series: article.series.as_ref().map(SeriesView::of),
            authors: PeopleView::of(article.credited(CreditRole::Author)),
            reviewers: PeopleView::of(article.credited(CreditRole::Reviewer)),
            updated: When::day(article.updated_at, settings),
            first_published: When::day(article.first_published_at, settings),
            is_updated: !same_day,
            minutes: views::count(i64::from(article.minutes()), "minute", "minutes"),
            source_count: if sources.is_empty() { String::new() } else { views::count(number, "source", "sources") },
            trusted_count: article.sources.iter().filter(|source| source.trusted).count(),
            evidence: evidence::profile(article.sources.iter().map(|source| source.evidence)),
            sections: sections(
                &article.html,
                &article.outline,
                article.sources.iter().map(|source| (source.evidence, source.marks().collect())),
            ),
            downloads: references::downloads(&article.slug),
            lead: article.lead.clone(),
            takeaways: article.takeaways.clone(),
            contents: if contents.len() >= CONTENTS_FROM { contents } else { Vec::new() },
            html: article.html.clone(),
            corrections: article
                .corrections
                .iter()
                .map(|note| NoteView {
                    label: class_label(note.class),
                    when: When::day(note.published_at, settings),
                    text: note.text.clone(),
                    changes_href: urls::changes(&article.slug, note.revision_number),
                })
                .collect(),
            corrections_href: article.has_more_corrections.then(urls::corrections),
            sources_open: sources.len() <= SOURCES_OPEN,
            reference_label: views::count(number, "reference", "references"),
            sources,
            trusted_href: trusted_href(settings)
                .or_else(|| article.explains_trust.then(|| urls::article(urls::TRUSTED_SLUG))),
            action: article.action.clone(),
            products: article.products.clone(),
            products_heading: settings.site.products_heading.clone(),
            products_disclosure: settings.site.products_disclosure.clone(),
            related: article
                .related
                .iter()
                .map(|other| {
                    (
                        urls::article(&other.slug),
                        other.title.clone(),
                        format!("{}, {}", other.topic, views::count(i64::from(other.minutes), "minute", "minutes")),
                    )
                })
                .collect(),
            is_article: article.kind == ArticleKind::Article,
        }
    }
}

impl ArticleView {
    /// Of a text that was laid out just now, as its page would show it today.
    #[must_use]
    pub fn preview(
        layout: &Layout,
        article: Option<&Article>,
        people: &[Person],
        today: DateTime<Utc>,
        settings: &Settings,
    ) -> Self {
        let fields = &layout.fields;
        let rendered = &layout.rendered;
        let credited = |role| {
            let credits = fields.credits.iter().filter(move |credit| credit.role == role);
            let named = credits.filter_map(|credit| people.iter().find(|person| person.id == credit.staff_id));
            let named: Vec<Credited> = named.map(|person| Credited::of(person, role)).collect();
            PeopleView::of(named.iter())
        };
        let first = article.and_then(|article| article.first_published_at).unwrap_or(today);
        let sources: Vec<SourceView> = layout
            .sources
            .iter()
            .zip(&rendered.citations)
            .map(|(source, cited)| SourceView::preview(source, cited, settings.sources.style))
            .collect();
        let number = i64::try_from(sources.len()).unwrap_or(0);
        let contents: Vec<Heading> = rendered.outline.iter().filter(|heading| heading.level == 2).cloned().collect();
        Self {
            title: fields.title.clone(),
            dek: fields.dek.clone(),
            language: None,
            crumbs: Vec::new(),
            tags: Vec::new(),
            series: None,
            authors: credited(CreditRole::Author),
            reviewers: credited(CreditRole::Reviewer),
            updated: When::day(today, settings),
            first_published: When::day(first, settings),
            is_updated: shell::date_short(today, settings) != shell::date_short(first, settings),
            minutes: views::count(
                i64::from(crate::render::outline::reading_minutes(rendered.word_count)),
                "minute",
                "minutes",
            ),
            source_count: if sources.is_empty() { String::new() } else { views::count(number, "source", "sources") },
            trusted_count: layout.sources.iter().filter(|source| source.trusted).count(),
            evidence: evidence::profile(layout.sources.iter().map(|source| source.evidence)),
            sections: sections(
                &rendered.html,
                &rendered.outline,
                layout
                    .sources
                    .iter()
                    .zip(&rendered.citations)
                    .map(|(source, cited)| (source.evidence, cited.marks.iter().map(String::as_str).collect())),
            ),
            downloads: Vec::new(),
            lead: None,
            takeaways: fields.takeaways.clone(),
            contents: if contents.len() >= CONTENTS_FROM { contents } else { Vec::new() },
            html: rendered.html.clone(),
            corrections: Vec::new(),
            corrections_href: None,
            sources_open: sources.len() <= SOURCES_OPEN,
            reference_label: views::count(number, "reference", "references"),
            sources,
            trusted_href: trusted_href(settings),
            action: rendered.action.clone(),
            products: layout.products.clone(),
            products_heading: settings.site.products_heading.clone(),
            products_disclosure: settings.site.products_disclosure.clone(),
            related: Vec::new(),
            is_article: article.is_none_or(|article| article.kind == ArticleKind::Article),
        }
    }
}

/// Profiles of the sections, if there is more than one to tell apart.
fn sections<'a>(
    html: &SanitizedHtml,
    outline: &[Heading],
    sources: impl Iterator<Item = (Evidence, Vec<&'a str>)>,
) -> Vec<SectionProfile> {
    let profiles = evidence::by_section(html.as_str(), outline, sources);
    if profiles.len() > 1 { profiles } else { Vec::new() }
}

#[derive(Debug, Template)]
#[template(path = "articles/article.html")]
struct ArticlePage {
    page: PublicShell,
    view: ArticleView,
    data: DataBlock,
    talk: Option<Talk>,
}

/// Loads what stands at `/{slug}`.
///
/// **Errors** moved, withdrawn, or not there.
pub async fn load(app: &App, slug: &str) -> Result<(PublicArticle, std::sync::Arc<Settings>), AppError> {
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    match page::find(&mut conn, slug).await? {
        Found::Public(article) => Ok((*article, settings)),
        Found::Withdrawn { at, reason, .. } => Err(AppError::Gone { withdrawn_at: at, reason }),
        Found::Moved(path) => Err(AppError::Moved(path)),
        Found::Nothing => Err(AppError::NotFound),
    }
}

/// Draws an article's page with its conversation.
pub fn draw(
    app: &App,
    settings: &Settings,
    request: &HttpRequest,
    address: &str,
    article: &PublicArticle,
    talk: Option<Talk>,
    query: &talk::Query,
) -> Result<String, AppError> {
    let mut page = shell::public_at(app, settings, shell::theme_of(request), address, Some(&article.title));
    page.has_errors = talk.as_ref().is_some_and(Talk::has_errors);
    for link in &mut page.nav {
        link.current |= article.topics.iter().any(|topic| urls::topic(&topic.slug) == link.href);
    }
    let description = if article.description.is_empty() { &article.dek } else { &article.description };
    page.description = (!description.is_empty()).then(|| description.clone());
    if article.kind == ArticleKind::Article {
        page.feeds.push(feeds::link(&format!("Comments on {}", article.title), urls::comment_feed(&article.slug)));
    }
    page.noindex = query.is_print || query.is_alone;
    let base = app.base_url(settings);
    if article.kind == ArticleKind::Article {
        page.feeds.push(oembed::link(&base, &article.slug, &article.title));
    }
    page.kind = Some("article");
    page.picture = article.lead.as_ref().map(|lead| SharedPicture {
        href: feeds::absolute(&base, &lead.picture.path),
        width: lead.picture.width,
        height: lead.picture.height,
        alt: lead.alt.clone(),
    });
    page.times = Some((shell::machine_time(article.first_published_at), shell::machine_time(article.updated_at)));
    let mut view = ArticleView::of(article, settings);
    view.sources_open |= query.is_print;
    // The same comments in another order are nothing new to whom the data is for, who is sent to the usual order.
    let told = talk.as_ref().filter(|_| query.sort == Sort::Oldest);
    let data = structured::article(&base, settings, article, told);
    Ok(ArticlePage { page, view, data, talk }.render()?)
}

/// What an article's page shows, for the page store.
#[must_use]
pub fn article_tags(article: &PublicArticle) -> Vec<Tag> {
    let series = article.series.iter().map(|place| Tag::Series(place.series.id));
    article.related.iter().map(|other| Tag::Article(other.id)).chain(series).chain([Tag::Article(article.id)]).collect()
}

/// `/{slug}`
pub async fn show(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let slug = path::slug(&request, "slug")?.to_owned();
    let query = talk::Query::of(&request);
    if query.is_private() || Viewer::may_be_known(&app, &request) {
        let viewer = Viewer::load(&app, &request).await?;
        if query.is_private() || viewer.is_known() {
            rate_limit::count(&app, &request)?;
            let body = comments::fresh_page(&app, &request, &slug, &viewer, &query, talk::FormState::default()).await?;
            return Ok(cached_pages::private(&request, StatusCode::OK, body).await);
        }
    }
    let address = query.address(&slug);
    cached_pages::public(&app, &request, address.clone(), async || {
        let (article, settings) = load(&app, &slug).await?;
        let talk =
            comments::talk_of(&app, &article, &settings, &Viewer::default(), &query, talk::FormState::default(), true)
                .await?;
        let talk = talk.filter(|_| !query.is_alone);
        let body = draw(&app, &settings, &request, &address, &article, talk, &query)?;
        Ok(Page { body, content_type: HTML, tags: article_tags(&article), life: limits::PAGE_WITH_FORM_LIFE })
    })
    .await
}

/// An address that is in no table: where it was moved to, if it was.
///
/// **Errors** moved, or not there.
pub async fn elsewhere(app: &App, request: &HttpRequest) -> AppError {
    let path = request.path();
    if !matches!(request.method().as_str(), "GET" | "HEAD") || path.len() > limits::PATH_CHARS_MAX {
        return AppError::NotFound;
    }
    if let Err(error) = rate_limit::count(app, request) {
        return error;
    }
    let found = async {
        let mut conn = app.db.read().await?;
        links::find_moved(&mut conn, path).await
    };
    match found.await {
        Ok(Some(target)) => AppError::Moved(target),
        Ok(None) => AppError::NotFound,
        Err(error) => error.into(),
    }
}
