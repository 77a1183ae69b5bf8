//! Structured data for search engines (schema.org as JSON-LD), from the same values the page shows.

use serde_json::{Value, json};
use url::Url;

use crate::articles::page::{Credited, PublicArticle};
use crate::core::status::CreditRole;
use crate::references::{model, style};
use crate::settings::Settings;
use crate::urls;
use crate::web::shell;
use crate::web::views::DataBlock;

/// An article with its people, dates, sources and breadcrumbs.
#[must_use]
pub fn article(base: &Url, settings: &Settings, article: &PublicArticle) -> DataBlock {
    let absolute = |path: &str| base.join(path).map(String::from).unwrap_or_default();
    let person = |credit: &Credited| json!({ "@type": "Person", "name": credit.name, "url": absolute(&urls::author(&credit.slug)), "jobTitle": credit.line() });
    let address = absolute(&urls::article(&article.slug));
    let people = |role| article.credited(role).map(person).collect::<Vec<Value>>();
    let mut about = json!({
        "@type": "Article",
        "@id": format!("{address}#article"),
        "headline": article.title,
        "description": if article.description.is_empty() { &article.dek } else { &article.description },
        "inLanguage": article.language,
        "datePublished": shell::machine_time(article.first_published_at),
        "dateModified": shell::machine_time(article.updated_at),
        "author": people(CreditRole::Author),
        "publisher": { "@type": "Organization", "name": settings.site.name, "url": absolute("/") },
        "mainEntityOfPage": address,
        "wordCount": article.word_count,
        "commentCount": article.comment_count,
        "abstract": article.takeaways.join(" "),
        "citation": article.sources.iter().map(source).collect::<Vec<Value>>(),
    });
    if let (Some(lead), Some(about)) = (&article.lead, about.as_object_mut()) {
        about.insert("image".into(), Value::from(absolute(&lead.picture.path)));
    }
    let page = json!({
        "@type": "WebPage",
        "@id": address,
        "name": article.title,
        "mainEntity": { "@id": format!("{address}#article") },
        "reviewedBy": people(CreditRole::Reviewer),
        "dateModified": shell::machine_time(article.updated_at),
    });
    let home = ("Home".to_owned(), "/".to_owned());
    let crumbs =
        std::iter::once(home).chain(article.topics.iter().map(|topic| (topic.name.clone(), urls::topic(&topic.slug))));
    let crumbs: Vec<Value> = crumbs
        .zip(1..)
        .map(|((name, path), position): (_, u32)| json!({ "@type": "ListItem", "position": position, "name": name, "item": absolute(&path) }))
        .collect();
    let crumbs = json!({ "@type": "BreadcrumbList", "itemListElement": crumbs });
    DataBlock::of(&json!({ "@context": "https://schema.org", "@graph": [about, page, crumbs] }))
}

fn source(source: &crate::articles::page::ListedSource) -> Value {
    let item = model::read(&source.csl);
    let url = style::links(&item).into_iter().next().map(|link| link.url);
    json!({ "@type": "CreativeWork", "name": style::title(&item), "url": url })
}
