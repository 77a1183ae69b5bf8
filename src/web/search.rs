//! `/search`: articles, comments and people by words.
//!
//! The page is rendered for each request and kept by nobody: an approval must change the next answer, and a page kept
//! under every word anybody types would push articles out of the page store (a search costs a few milliseconds).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::articles::search::{self, Excerpt, FoundArticle, FoundPerson, Hits, Place, Words};
use crate::articles::topics;
use crate::comments::search::{self as said, FoundComment};
use crate::core::limits;
use crate::db::Conn;
use crate::settings::Settings;
use crate::text_enum;
use crate::urls;
use crate::web::error::AppError;
use crate::web::page::PublicShell;
use crate::web::views::{self, When};
use crate::web::{cached_pages, rate_limit, shell};

text_enum! {
    /// What is shown of what was found.
    pub enum Part { Articles = "articles", Comments = "comments", People = "people" }
}

/// The address as it was asked for.
#[derive(Debug, Default)]
struct Asked {
    words: Option<Words>,
    part: Option<Part>,
    after: Option<Place>,
}

impl Asked {
    fn of(request: &HttpRequest) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                "q" => asked.words = Words::parse(&value),
                "in" => asked.part = value.parse().ok(),
                "after" => asked.after = value.parse().ok(),
                _ => {}
            }
        }
        asked
    }
}

#[derive(Debug, Template)]
#[template(path = "search.html")]
struct Search {
    page: PublicShell,
    action: String,
    query: String,
    heading: String,
    /// Nothing was looked for yet.
    is_blank: bool,
    tabs: Vec<Tab>,
    hits: Vec<HitView>,
    more_href: Option<String>,
    /// What may have been meant, and its search.
    meant: Option<(String, String)>,
    /// Shown when there is nothing else: name and page.
    topics: Vec<(String, String)>,
}

/// One of the three parts.
#[derive(Debug)]
struct Tab {
    label: &'static str,
    count: String,
    href: String,
    is_current: bool,
}

/// A result.
#[derive(Debug)]
struct HitView {
    href: String,
    title: String,
    excerpt: Excerpt,
    /// Topic of an article: name and page.
    topic: Option<(String, String)>,
    /// What else is known: a person's title; may be empty.
    about: String,
    when: Option<When>,
}

impl HitView {
    fn article(found: FoundArticle, settings: &Settings) -> Self {
        Self {
            href: urls::article(&found.slug),
            title: found.title,
            excerpt: found.excerpt,
            topic: found.topic.map(|(name, slug)| (name, urls::topic(&slug))),
            about: String::new(),
            when: Some(When::day(found.updated_at, settings)),
        }
    }

    fn comment(found: FoundComment, settings: &Settings) -> Self {
        Self {
            href: urls::comment(found.id),
            title: format!("{} on {}", found.name, found.title),
            excerpt: found.excerpt,
            topic: None,
            about: found.badge.map(|_| "Staff".to_owned()).unwrap_or_default(),
            when: Some(When::day(found.created_at, settings)),
        }
    }

    fn person(found: FoundPerson) -> Self {
        let about = [found.title, found.credentials].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        Self {
            href: urls::author(&found.slug),
            title: found.name,
            excerpt: Excerpt::default(),
            topic: None,
            about: about.join(", "),
            when: None,
        }
    }
}

struct Found {
    articles: Hits<FoundArticle>,
    comments: Hits<FoundComment>,
    people: Vec<FoundPerson>,
}

impl Found {
    async fn load(conn: &mut Conn, language: &str, words: &Words, asked: &Asked) -> Result<Self, AppError> {
        let after = |part| asked.after.filter(|_| asked.part == Some(part));
        Ok(Self {
            articles: search::articles(conn, language, words, after(Part::Articles)).await?,
            comments: said::comments(conn, language, words, after(Part::Comments)).await?,
            people: search::people(conn, language, words).await?,
        })
    }

    fn total(&self, part: Part) -> i64 {
        match part {
            Part::Articles => self.articles.total,
            Part::Comments => self.comments.total,
            Part::People => i64::try_from(self.people.len()).unwrap_or(i64::MAX),
        }
    }

    /// The part that is shown when none was asked for: the first that has something.
    fn best(&self) -> Part {
        [Part::Articles, Part::Comments, Part::People]
            .into_iter()
            .find(|part| self.total(*part) > 0)
            .unwrap_or(Part::Articles)
    }

    fn next(&self, part: Part) -> Option<Place> {
        match part {
            Part::Articles => self.articles.next,
            Part::Comments => self.comments.next,
            Part::People => None,
        }
    }

    fn views(self, part: Part, settings: &Settings) -> Vec<HitView> {
        match part {
            Part::Articles => self.articles.items.into_iter().map(|found| HitView::article(found, settings)).collect(),
            Part::Comments => self.comments.items.into_iter().map(|found| HitView::comment(found, settings)).collect(),
            Part::People => self.people.into_iter().map(HitView::person).collect(),
        }
    }
}

/// `/search`
pub async fn show(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    rate_limit::count(&app, &request)?;
    let asked = Asked::of(&request);
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let mut page = shell::public(&app, &settings, &request, Some("Search"));
    page.noindex = true;
    let mut view = Search {
        page,
        action: urls::search_page(),
        query: String::new(),
        heading: "Search".into(),
        is_blank: true,
        tabs: Vec::new(),
        hits: Vec::new(),
        more_href: None,
        meant: None,
        topics: Vec::new(),
    };
    if let Some(words) = &asked.words {
        fill(&mut conn, &settings, &asked, words, &mut view).await?;
    }
    if view.hits.is_empty() {
        let topics = topics::list(&mut conn).await?;
        view.topics = topics.into_iter().map(|topic| (topic.name, urls::topic(&topic.slug))).collect();
    }
    drop(conn);
    Ok(cached_pages::private(&request, StatusCode::OK, view.render()?).await)
}

async fn fill(
    conn: &mut Conn,
    settings: &Settings,
    asked: &Asked,
    words: &Words,
    view: &mut Search,
) -> Result<(), AppError> {
    let language = &settings.site.language;
    let found = Found::load(conn, language, words, asked).await?;
    let part = asked.part.unwrap_or_else(|| found.best());
    let total = found.total(part);
    let query = words.as_str();
    view.is_blank = false;
    query.clone_into(&mut view.query);
    view.heading = if total == 0 {
        format!("Nothing found for “{query}”")
    } else {
        format!("{} for “{query}”", count(total, "result", "results"))
    };
    view.page.title = Some(format!("{query}, search"));
    view.tabs = [(Part::Articles, "Articles"), (Part::Comments, "Comments"), (Part::People, "People")]
        .into_iter()
        .map(|(other, label)| Tab {
            label,
            count: number(found.total(other)),
            href: urls::search_in(query, other.as_str(), None),
            is_current: other == part,
        })
        .collect();
    view.more_href = found.next(part).map(|place| urls::search_in(query, part.as_str(), Some(&place.to_string())));
    let is_nowhere = [Part::Articles, Part::Comments, Part::People].iter().all(|part| found.total(*part) == 0);
    if is_nowhere && let Some(meant) = search::meant(conn, words).await? {
        // Offered only where it leads somewhere.
        let better = Found::load(conn, language, &meant, &Asked::default()).await?;
        if better.total(better.best()) > 0 {
            view.meant = Some((meant.as_str().to_owned(), urls::search(meant.as_str())));
        }
    }
    view.hits = found.views(part, settings);
    Ok(())
}

fn number(count: i64) -> String {
    if count > limits::SEARCH_CANDIDATES {
        format!("{}+", crate::core::text::grouped(usize::try_from(limits::SEARCH_CANDIDATES).unwrap_or(0)))
    } else {
        count.to_string()
    }
}

fn count(count: i64, one: &str, many: &str) -> String {
    if count > limits::SEARCH_CANDIDATES { format!("{} {many}", number(count)) } else { views::count(count, one, many) }
}
