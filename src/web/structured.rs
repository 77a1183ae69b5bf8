//! Structured data for search engines (schema.org as JSON-LD), from the same values the page shows.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use url::Url;

use crate::articles::model::Person;
use crate::articles::page::{CorrectionNote, Credited, ListedSource, PublicArticle};
use crate::core::ids::CommentId;
use crate::core::status::{ArticleKind, CreditRole};
use crate::references::{model, style};
use crate::render::plain;
use crate::settings::Settings;
use crate::urls;
use crate::web::shell;
use crate::web::talk::{CommentView, Talk};
use crate::web::views::DataBlock;

fn absolute(base: &Url, path: &str) -> String {
    base.join(path).map(String::from).unwrap_or_default()
}

/// An article with its people, dates, sources, corrections, breadcrumbs, and the comments on this page of it. A house
/// page is a page alone.
#[must_use]
pub fn article(base: &Url, settings: &Settings, article: &PublicArticle, talk: Option<&Talk>) -> DataBlock {
    let address = absolute(base, &urls::article(&article.slug));
    let crumbs: Vec<(String, String)> =
        article.topics.iter().map(|topic| (topic.name.clone(), urls::topic(&topic.slug))).collect();
    let mut graph = Vec::new();
    if article.kind == ArticleKind::Article {
        graph.push(text(base, settings, article, &address, talk));
    }
    graph.push(page(base, settings, article, &address));
    if !crumbs.is_empty() {
        graph.push(breadcrumbs(base, &crumbs));
    }
    DataBlock::of(&json!({ "@context": "https://schema.org", "@graph": graph }))
}

fn people(base: &Url, article: &PublicArticle, role: CreditRole) -> Vec<Value> {
    let person = |credit: &Credited| {
        let mut person = Map::new();
        person.insert("@type".into(), "Person".into());
        person.insert("name".into(), credit.name.as_str().into());
        person.insert("url".into(), absolute(base, &urls::author(&credit.slug)).into());
        if !credit.line().is_empty() {
            person.insert("description".into(), credit.line().into());
        }
        Value::Object(person)
    };
    article.credited(role).map(person).collect()
}

/// The page: whom it was reviewed by and when.
fn page(base: &Url, settings: &Settings, article: &PublicArticle, address: &str) -> Value {
    let modified = shell::machine_time(article.updated_at);
    let mut page = json!({
        "@type": if settings.site.is_medical && article.kind == ArticleKind::Article { "MedicalWebPage" } else { "WebPage" },
        "@id": address,
        "url": address,
        "name": article.title,
        "inLanguage": article.language,
        "datePublished": shell::machine_time(article.first_published_at),
        "dateModified": modified,
        "isPartOf": { "@type": "WebSite", "name": settings.site.name, "url": absolute(base, "/") },
    });
    let reviewers = people(base, article, CreditRole::Reviewer);
    if let Some(page) = page.as_object_mut() {
        if article.kind == ArticleKind::Article {
            page.insert("mainEntity".into(), json!({ "@id": format!("{address}#article") }));
        }
        if !reviewers.is_empty() {
            page.insert("reviewedBy".into(), reviewers.into());
            // What is public was reviewed as it stands: a change readers are told of passes the reviewer.
            page.insert("lastReviewed".into(), modified.into());
        }
    }
    page
}

/// The article.
fn text(base: &Url, settings: &Settings, article: &PublicArticle, address: &str, talk: Option<&Talk>) -> Value {
    let mut about = json!({
        "@type": "Article",
        "@id": format!("{address}#article"),
        "headline": article.title,
        "inLanguage": article.language,
        "datePublished": shell::machine_time(article.first_published_at),
        "dateModified": shell::machine_time(article.updated_at),
        "author": people(base, article, CreditRole::Author),
        "publisher": { "@type": "Organization", "name": settings.site.name, "url": absolute(base, "/") },
        "mainEntityOfPage": { "@id": address },
        "wordCount": article.word_count,
        "commentCount": article.comment_count,
        "citation": article.sources.iter().map(source).collect::<Vec<Value>>(),
    });
    let description = if article.description.is_empty() { &article.dek } else { &article.description };
    let corrections: Vec<Value> = article.corrections.iter().map(|note| correction(base, article, note)).collect();
    let comments = talk.map(|talk| comments(base, &format!("{address}#article"), talk)).unwrap_or_default();
    let image = article.lead.as_ref().map(|lead| {
        json!({ "@type": "ImageObject", "url": absolute(base, &lead.picture.path), "width": lead.picture.width, "height": lead.picture.height })
    });
    let keywords: Vec<&str> = article.tags.iter().map(|tag| tag.name.as_str()).collect();
    let series = article.series.as_ref().map(|place| {
        json!({ "@type": "CreativeWorkSeries", "name": place.series.name, "url": absolute(base, &urls::series(&place.series.slug)) })
    });
    let known = [
        ("keywords", (!keywords.is_empty()).then(|| keywords.into())),
        ("isPartOf", series),
        ("position", article.series.as_ref().map(|place| place.number.into())),
        ("description", (!description.is_empty()).then(|| description.as_str().into())),
        ("abstract", (!article.takeaways.is_empty()).then(|| article.takeaways.join(" ").into())),
        ("correction", (!corrections.is_empty()).then(|| corrections.into())),
        ("comment", (!comments.is_empty()).then(|| comments.into())),
        ("image", image),
    ];
    if let Some(about) = about.as_object_mut() {
        about.extend(known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    about
}

fn source(source: &ListedSource) -> Value {
    let item = model::read(&source.csl);
    let mut work = json!({ "@type": "CreativeWork", "position": source.number, "name": style::title(&item) });
    if let (Some(work), Some(link)) = (work.as_object_mut(), style::links(&item).into_iter().next()) {
        work.insert("url".into(), link.url.into());
    }
    work
}

fn correction(base: &Url, article: &PublicArticle, note: &CorrectionNote) -> Value {
    json!({
        "@type": "CorrectionComment",
        "text": note.text,
        "datePublished": shell::machine_time(note.published_at),
        "url": absolute(base, &urls::changes(&article.slug, note.revision_number)),
    })
}

/// The comments of a page as a tree: what everyone can see, each with what it answers.
fn comments(base: &Url, article: &str, talk: &Talk) -> Vec<Value> {
    let shown: Vec<&CommentView> = talk
        .threads
        .iter()
        .flat_map(|thread| {
            let replies = thread.replies.all.iter().map(|reply| &reply.comment);
            std::iter::once(&thread.top).chain(replies).chain(&thread.last)
        })
        .filter(|comment| comment.show == "public")
        .collect();
    let mut below: HashMap<Option<CommentId>, Vec<Value>> = HashMap::new();
    // Last first: when a comment is written, those that answer it are.
    for comment in shown.iter().rev() {
        let id = absolute(base, &urls::comment(comment.id));
        let parent = comment.parent.filter(|parent| shown.iter().any(|other| other.id == *parent));
        let answers =
            comment.parent.map_or_else(|| article.to_owned(), |parent| absolute(base, &urls::comment(parent)));
        let mut node = json!({
            "@type": "Comment",
            "@id": id,
            "url": id,
            "author": { "@type": "Person", "name": comment.name },
            "datePublished": comment.when_iso,
            "text": plain::text(&comment.html),
            "parentItem": { "@id": answers },
        });
        if let (Some(node), Some(mut replies)) = (node.as_object_mut(), below.remove(&Some(comment.id))) {
            replies.reverse();
            node.insert("comment".into(), replies.into());
        }
        below.entry(parent).or_default().push(node);
    }
    let mut tops = below.remove(&None).unwrap_or_default();
    tops.reverse();
    tops
}

/// Breadcrumbs of a page: home, then these.
#[must_use]
pub fn crumbs(base: &Url, crumbs: &[(String, String)]) -> DataBlock {
    let mut list = breadcrumbs(base, crumbs);
    if let Some(list) = list.as_object_mut() {
        list.insert("@context".into(), "https://schema.org".into());
    }
    DataBlock::of(&list)
}

fn breadcrumbs(base: &Url, crumbs: &[(String, String)]) -> Value {
    let home = ("Home".to_owned(), urls::home());
    let items: Vec<Value> = std::iter::once(&home)
        .chain(crumbs)
        .zip(1..)
        .map(|((name, path), position): (_, u32)| {
            json!({ "@type": "ListItem", "position": position, "name": name, "item": absolute(base, path) })
        })
        .collect();
    json!({ "@type": "BreadcrumbList", "itemListElement": items })
}

/// Somebody's page.
#[must_use]
pub fn person(base: &Url, path: &str, person: &Person, bio: &str) -> DataBlock {
    let mut about = json!({ "@type": "Person", "name": person.name, "url": absolute(base, path) });
    let known =
        [("jobTitle", person.title.as_str()), ("honorificSuffix", person.credentials.as_str()), ("description", bio)];
    if let Some(about) = about.as_object_mut() {
        let known = known.into_iter().filter(|(_, value)| !value.is_empty());
        about.extend(known.map(|(name, value)| (name.to_owned(), Value::from(value))));
    }
    DataBlock::of(&json!({ "@context": "https://schema.org", "@type": "ProfilePage", "mainEntity": about }))
}
