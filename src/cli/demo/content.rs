//! What the demo site is made of: the files beside this one, embedded and read into types.
//!
//! Days and minutes are counted back from the moment of loading, so that the demo is as fresh on the day it is
//! installed as on the day it was written. Names hold the parts together: an article cites by the `id` of a record
//! in `references.json`, shows a picture as `media:NAME` with the name of a file in `figures/`, and people and
//! comments are known by their `key`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;

use crate::core::status::{
    ArticleKind, CommentStatus, CommentsMode, CorrectionClass, Evidence, Role, SubscriptionScope,
};

/// The sources as CSL-JSON, in the form that `stet import references` takes.
pub const REFERENCES_JSON: &str = include_str!("references.json");

/// The pictures, all drawn for the demo.
pub const FIGURES: &[Figure] = &[
    Figure { name: "alertness-curve", svg: include_str!("figures/alertness-curve.svg") },
    Figure { name: "coffee-cup", svg: include_str!("figures/coffee-cup.svg") },
    Figure { name: "lunchbox", svg: include_str!("figures/lunchbox.svg") },
    Figure { name: "moon-harbour", svg: include_str!("figures/moon-harbour.svg") },
    Figure { name: "product-glasses", svg: include_str!("figures/product-glasses.svg") },
    Figure { name: "product-mask", svg: include_str!("figures/product-mask.svg") },
    Figure { name: "product-planner", svg: include_str!("figures/product-planner.svg") },
    Figure { name: "rotation-chart", svg: include_str!("figures/rotation-chart.svg") },
];

/// The files in `articles/`, articles and house pages alike.
const ARTICLES: &[(&str, &str)] = &[
    ("sleeping-well-on-the-night-shift", include_str!("articles/sleeping-well-on-the-night-shift.md")),
    ("caffeine-timed", include_str!("articles/caffeine-timed.md")),
    ("eating-at-3-am", include_str!("articles/eating-at-3-am.md")),
    ("gut-barrier-tests", include_str!("articles/gut-barrier-tests.md")),
    ("blackout-on-a-budget", include_str!("articles/blackout-on-a-budget.md")),
    ("breathing-under-pressure", include_str!("articles/breathing-under-pressure.md")),
    ("a-walk-after-dinner", include_str!("articles/a-walk-after-dinner.md")),
    ("worry-at-bedtime", include_str!("articles/worry-at-bedtime.md")),
    ("how-we-grade-evidence", include_str!("articles/how-we-grade-evidence.md")),
    ("about", include_str!("articles/about.md")),
    ("how-we-moderate", include_str!("articles/how-we-moderate.md")),
    ("privacy", include_str!("articles/privacy.md")),
    ("why-comments-are-removed", include_str!("articles/why-comments-are-removed.md")),
    ("what-trusted-source-means", include_str!("articles/what-trusted-source-means.md")),
];

const SITE: &str = include_str!("site.toml");
const STAFF: &str = include_str!("staff.toml");
const COMMENTS: &str = include_str!("comments.toml");

/// What stands before a picture's name in an article.
const MEDIA: &str = "media:";

/// A picture of the demo site.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// What articles call it.
    pub name: &'static str,
    /// The file.
    pub svg: &'static str,
}

/// The whole demo site.
#[derive(Debug, Clone)]
pub struct Content {
    /// What the owner set at the desk.
    pub site: Site,
    /// The team, owner first.
    pub staff: Vec<Person>,
    /// Articles and house pages.
    pub articles: Vec<Article>,
    /// Everyone who commented.
    pub readers: Vec<Reader>,
    /// All comments, by age: an answer always stands after what it answers.
    pub comments: Vec<Comment>,
}

/// What the owner set at the desk.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Name of the publication.
    pub name: String,
    /// The line in the footer; says that nothing here is real.
    pub tagline: String,
    /// The sentence above the comments.
    pub house_rules: String,
    /// Slug of the page that sentence links to.
    pub house_rules_link: String,
    /// Topic and page slugs in the masthead, in order.
    pub menu: Vec<String>,
    /// Slug of the article that leads the front page.
    pub lead: String,
    /// The line beside the products.
    pub shop_disclosure: String,
    /// Hosts whose pages count as trusted sources.
    pub trusted_hosts: Vec<String>,
    /// DOI prefixes that count as trusted sources.
    pub trusted_doi_prefixes: Vec<String>,
    /// Words that hold a comment for a person.
    pub held_words: Vec<String>,
    /// Keys of sources by kind of study.
    pub evidence: BTreeMap<Evidence, Vec<String>>,
    /// The topics.
    pub topics: Vec<Topic>,
}

/// A topic of the site.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Its part of the address.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// One sentence about it.
    pub text: String,
}

/// Somebody on the team.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What articles and comments call them; also the slug of their page.
    pub key: String,
    /// Their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// What their badge says.
    pub title: String,
    /// The line under their name.
    pub credentials: String,
    /// Where they sign in.
    pub email: String,
    /// A few sentences for their page.
    pub bio: String,
}

/// An article or a house page.
#[derive(Debug, Clone)]
pub struct Article {
    /// What stands above the text.
    pub front: Front,
    /// The text as it is today, in Stet's Markdown; pictures by name.
    pub body: String,
}

/// What stands above an article's text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Front {
    /// Its address.
    pub slug: String,
    /// Title.
    pub title: String,
    /// One sentence below the title.
    pub dek: String,
    /// Key takeaways, at most seven.
    pub takeaways: Vec<String>,
    /// Article or house page.
    pub kind: ArticleKind,
    /// Slug of its topic; pages have none.
    #[serde(default)]
    pub topic: Option<String>,
    /// Finer subjects, by name.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The series it is a part of.
    #[serde(default)]
    pub series: Option<SeriesPart>,
    /// Keys of who wrote it.
    pub authors: Vec<String>,
    /// Key of who reviewed it.
    #[serde(default)]
    pub reviewer: Option<String>,
    /// When it was first published.
    pub published_days_ago: i64,
    /// When readers last saw a change of substance.
    pub updated_days_ago: i64,
    /// Whether it takes comments.
    pub comments: CommentsMode,
    /// Slugs for "Keep reading", in order.
    pub related: Vec<String>,
    /// The picture at the top.
    #[serde(default)]
    pub lead_image: Option<LeadImage>,
    /// What was changed after publication, newest first.
    #[serde(default)]
    changes: Vec<Change>,
}

/// An article's place in a series.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesPart {
    /// The series by name.
    pub name: String,
    /// The number of the part.
    pub part: i32,
}

/// The picture at the top of an article.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadImage {
    /// Name of a figure.
    pub media: String,
    /// What it shows, for who can't see it.
    pub alt: String,
}

/// A published change, as it stands in the front matter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    note: String,
    staff: String,
    days_ago: i64,
    class: CorrectionClass,
    text: String,
    edits: Vec<Edit>,
}

/// One replaced passage. `now` stands exactly once in the text after the change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    now: String,
    was: String,
}

/// The text as it was published at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The whole text.
    pub body: String,
    /// What the version says it is, in the list of versions.
    pub note: String,
    /// Key of who made it.
    pub staff: String,
    /// When it was published.
    pub days_ago: i64,
    /// What readers are told; nothing for the first version.
    pub told: Option<(CorrectionClass, String)>,
}

/// Somebody who comments.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reader {
    /// What comments call them.
    pub key: String,
    /// The name they sign with.
    pub name: String,
    /// Their address, under `.example`.
    pub email: String,
    /// Whether they confirmed that it is theirs.
    pub confirmed: bool,
}

/// A comment and where it ends up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comment {
    /// What its answers call it.
    pub key: String,
    /// Slug of its article.
    pub article: String,
    /// Key of the comment it answers.
    #[serde(default)]
    pub parent: Option<String>,
    /// Key of the reader who wrote it; either this or `staff`.
    #[serde(default)]
    pub reader: Option<String>,
    /// Key of the person on the team who wrote it.
    #[serde(default)]
    pub staff: Option<String>,
    /// When it was posted.
    pub posted_minutes_ago: i64,
    /// Where it ends.
    #[serde(default = "approved")]
    pub state: CommentStatus,
    /// The rule that held it or set it aside (`first-comment`, `links`, `word`, `after-removal`, `speed`), or why it was
    /// removed (`unsafe-advice`, `abusive`, `withdrawn`: by its writer).
    #[serde(default)]
    pub reason: Option<String>,
    /// Whether it is worth pinning above the thread.
    #[serde(default)]
    pub pinned: bool,
    /// Keys of readers it helped, all of them confirmed.
    #[serde(default)]
    pub helpful: Vec<String>,
    /// What mail its writer asked for.
    #[serde(default)]
    pub notify: Option<SubscriptionScope>,
    /// The text, in the Markdown of comments.
    pub body: String,
}

/// Reads the embedded files. An error names the file; a test keeps it from happening.
pub fn load() -> anyhow::Result<Content> {
    let site = toml::from_str(SITE).context("site.toml")?;
    let Team { staff } = toml::from_str(STAFF).context("staff.toml")?;
    let Talk { readers, mut comments } = toml::from_str(COMMENTS).context("comments.toml")?;
    for comment in &mut comments {
        comment.body.truncate(comment.body.trim_end().len());
    }
    comments.sort_by_key(|comment| std::cmp::Reverse(comment.posted_minutes_ago));
    let articles =
        ARTICLES.iter().map(|(name, text)| parse_article(text).with_context(|| format!("articles/{name}.md")));
    let articles = articles.collect::<anyhow::Result<_>>()?;
    Ok(Content { site, staff, articles, readers, comments })
}

/// The text with each `media:NAME` made `media:ID`, as the article grammar has it.
///
/// # Errors
/// A name that is not in `ids`.
pub fn place_media(text: &str, ids: &BTreeMap<String, i64>) -> anyhow::Result<String> {
    let mut placed = String::with_capacity(text.len());
    let mut parts = text.split(MEDIA);
    placed.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (name, rest) = split_name(part);
        let id = ids.get(name).ok_or_else(|| anyhow!("there is no figure called {name:?}"))?;
        placed.push_str(MEDIA);
        placed.push_str(&id.to_string());
        placed.push_str(rest);
    }
    Ok(placed)
}

/// Names of the figures a text shows.
#[must_use]
pub fn media_names(text: &str) -> BTreeSet<&str> {
    text.split(MEDIA).skip(1).map(|part| split_name(part).0).collect()
}

impl Article {
    /// The published versions, oldest first; the last one is [`Article::body`].
    ///
    /// # Errors
    /// A change whose passage does not stand exactly once in the text after it.
    pub fn versions(&self) -> anyhow::Result<Vec<Version>> {
        let mut body = self.body.clone();
        let mut versions = Vec::with_capacity(self.front.changes.len() + 1);
        for change in &self.front.changes {
            let before = change.undo(&body)?;
            versions.push(Version {
                body: std::mem::replace(&mut body, before),
                note: change.note.clone(),
                staff: change.staff.clone(),
                days_ago: change.days_ago,
                told: Some((change.class, change.text.clone())),
            });
        }
        versions.push(Version {
            body,
            note: "First published".to_owned(),
            staff: self.front.authors.first().cloned().unwrap_or_default(),
            days_ago: self.front.published_days_ago,
            told: None,
        });
        versions.reverse();
        Ok(versions)
    }
}

impl Change {
    /// The text as it was before this change.
    fn undo(&self, body: &str) -> anyhow::Result<String> {
        let mut before = body.to_owned();
        for edit in &self.edits {
            let found = before.matches(&edit.now).count();
            if found != 1 {
                bail!("{:?}: {:?} stands {found} times in the text", self.note, edit.now);
            }
            before = before.replacen(&edit.now, &edit.was, 1);
        }
        Ok(before)
    }
}

/// The file with the team.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Team {
    staff: Vec<Person>,
}

/// The file with the conversations.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Talk {
    readers: Vec<Reader>,
    comments: Vec<Comment>,
}

/// Front matter between `+++` lines, then the text.
fn parse_article(text: &str) -> anyhow::Result<Article> {
    let text = text.strip_prefix("+++\n").ok_or_else(|| anyhow!("does not begin with a line +++"))?;
    let (front, body) = text.split_once("\n+++\n").ok_or_else(|| anyhow!("the front matter has no end"))?;
    let front = toml::from_str(front).context("front matter")?;
    Ok(Article { front, body: body.trim().to_owned() + "\n" })
}

/// A figure's name at the start of a text, and what follows it.
fn split_name(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(text.len());
    text.split_at(end)
}

fn approved() -> CommentStatus {
    CommentStatus::Approved
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail where it stands")]
    use super::*;
    use crate::render::markdown::{self, Picture, RenderedArticle, Resolve};
    use crate::render::outline::HeadingIds;

    const LONG: &str = "sleeping-well-on-the-night-shift";

    fn content() -> Content {
        load().unwrap()
    }

    fn article(slug: &str) -> Article {
        content().articles.into_iter().find(|article| article.front.slug == slug).unwrap()
    }

    fn records() -> Vec<serde_json::Value> {
        serde_json::from_str(REFERENCES_JSON).unwrap()
    }

    /// Keys inside `[@a; @b, p. 4]`, in order, with repeats.
    fn citations(text: &str) -> Vec<&str> {
        let groups = text.split("[@").skip(1).map(|rest| rest.split_once(']').unwrap().0);
        let keys = groups.flat_map(|group| group.split("; "));
        keys.map(|item| item.trim_start_matches('@').split(',').next().unwrap()).collect()
    }

    fn slugs(content: &Content) -> BTreeSet<&str> {
        content.articles.iter().map(|article| article.front.slug.as_str()).collect()
    }

    #[test]
    fn every_article_is_in_the_file_of_its_slug_and_says_who_wrote_it() {
        let content = content();
        assert_eq!(content.articles.len(), ARTICLES.len());
        let staff: BTreeSet<_> = content.staff.iter().map(|person| person.key.as_str()).collect();
        let topics: BTreeSet<_> = content.site.topics.iter().map(|topic| topic.slug.as_str()).collect();
        for (article, (name, _)) in content.articles.iter().zip(ARTICLES) {
            let front = &article.front;
            assert_eq!(&front.slug, name);
            assert!(!front.title.is_empty() && !front.dek.is_empty() && !front.authors.is_empty(), "{name}");
            assert!(front.authors.iter().chain(&front.reviewer).all(|key| staff.contains(key.as_str())), "{name}");
            assert!(front.takeaways.len() <= 7 && front.published_days_ago >= front.updated_days_ago, "{name}");
            assert_eq!(front.topic.is_some(), front.kind == ArticleKind::Article, "{name}");
            assert!(front.topic.iter().all(|topic| topics.contains(topic.as_str())), "{name}");
        }
    }

    #[test]
    fn every_article_says_that_it_is_a_sample() {
        for Article { front, body } in content().articles {
            if front.kind == ArticleKind::Article {
                assert!(body.contains("**This is a sample article**"), "{}", front.slug);
            }
        }
    }

    #[test]
    fn every_citation_has_a_record_in_each_version() {
        let records = records();
        let keys: BTreeSet<_> = records.iter().map(|record| record["id"].as_str().unwrap()).collect();
        assert!(keys.len() >= 80);
        assert_eq!(keys.len(), records.len(), "two records have one key");
        for article in content().articles {
            for version in article.versions().unwrap() {
                for key in citations(&version.body) {
                    assert!(keys.contains(key), "{}: {key}", article.front.slug);
                }
            }
        }
    }

    #[test]
    fn every_source_is_labelled_as_a_sample_and_leads_nowhere() {
        let mut identifiers = BTreeSet::new();
        for record in records() {
            let id = record["id"].as_str().unwrap();
            assert!(record.to_string().to_lowercase().contains("sample"), "{id}");
            if let Some(doi) = record["DOI"].as_str() {
                assert!(doi.starts_with("10.0000/sample.") && identifiers.insert(doi.to_owned()), "{id}");
            }
            if let Some(pmid) = record["PMID"].as_str() {
                assert!(pmid.starts_with("99") && pmid.len() == 8 && identifiers.insert(pmid.to_owned()), "{id}");
            }
            if let Some(url) = record["URL"].as_str() {
                let host = url::Url::parse(url).unwrap().host_str().unwrap().to_owned();
                assert!(host.ends_with(".example"), "{id}");
            }
        }
        let bare = |record: &&serde_json::Value| ["DOI", "PMID", "URL"].iter().all(|field| record[field].is_null());
        assert!(records().iter().filter(bare).count() >= 3);
    }

    #[test]
    fn the_long_article_has_what_a_health_article_has() {
        let Article { front, body } = article(LONG);
        let distinct: BTreeSet<_> = citations(&body).into_iter().collect();
        assert!(distinct.len() >= 40, "{}", distinct.len());
        assert!(body.split_whitespace().count() >= 3_500);
        assert!(body.lines().filter(|line| line.starts_with("Table: ")).count() >= 3);
        assert!(body.lines().filter(|line| line.starts_with("![")).count() >= 2);
        for kind in ["[!NOTE]", "[!TIP]", "[!WARNING]", "[!CAUTION]", "::: product", "::: action", "::: accordion "] {
            assert!(body.contains(kind), "{kind}");
        }
        assert!(front.takeaways.len() >= 3 && front.lead_image.is_some());
    }

    #[test]
    fn six_other_articles_have_five_sources_each() {
        let content = content();
        let cited = content.articles.iter().filter(|article| article.front.slug != LONG);
        let cited = cited.filter(|article| citations(&article.body).iter().collect::<BTreeSet<_>>().len() >= 5);
        assert!(cited.count() >= 6);
    }

    #[test]
    fn the_melatonin_figure_was_corrected_and_the_history_says_so() {
        let versions = article(LONG).versions().unwrap();
        assert!(versions.len() >= 3);
        assert_eq!(versions.last().unwrap().body, article(LONG).body);
        let [.., before, after] = versions.as_slice() else { panic!("{versions:?}") };
        assert!(before.body.contains("adds about 42 minutes for most people"));
        assert!(!after.body.contains("adds about 42 minutes for most people"));
        let (class, text) = after.told.as_ref().unwrap();
        assert_eq!(*class, CorrectionClass::Correction);
        assert!(text.contains("42") && text.contains("24"));
    }

    #[test]
    fn histories_are_in_order_and_end_when_the_article_was_updated() {
        let staff: BTreeSet<_> = content().staff.into_iter().map(|person| person.key).collect();
        for article in content().articles {
            let (slug, versions) = (&article.front.slug, article.versions().unwrap());
            assert!(versions.is_sorted_by(|older, newer| older.days_ago > newer.days_ago), "{slug}");
            assert!(versions.iter().all(|version| staff.contains(&version.staff)), "{slug}");
            if versions.len() > 1 {
                assert_eq!(versions.last().unwrap().days_ago, article.front.updated_days_ago, "{slug}");
            }
        }
    }

    #[test]
    fn every_picture_has_a_file_and_every_file_is_shown() {
        let ids: BTreeMap<_, _> = FIGURES.iter().zip(1..).map(|(figure, id)| (figure.name.to_owned(), id)).collect();
        let mut shown = BTreeSet::new();
        for Article { front, body } in content().articles {
            shown.extend(media_names(&body).into_iter().map(str::to_owned));
            if let Some(LeadImage { media, alt }) = front.lead_image {
                assert!(!alt.is_empty());
                shown.insert(media);
            }
            let placed = place_media(&body, &ids).unwrap();
            assert!(media_names(&placed).iter().all(|name| name.parse::<i64>().is_ok()), "{}", front.slug);
        }
        assert!(shown.iter().eq(ids.keys()), "{shown:?}");
    }

    #[test]
    fn a_picture_without_a_file_is_refused() {
        assert!(place_media("![x](media:nowhere)", &BTreeMap::new()).is_err());
    }

    #[test]
    fn figures_are_static_and_describe_themselves() {
        for Figure { name, svg } in FIGURES {
            assert!(svg.contains("<title "), "{name}");
            for forbidden in ["<style", "<script", "href", "<a ", "<image", "<foreignObject", " style=", "url("] {
                assert!(!svg.contains(forbidden), "{name}: {forbidden}");
            }
            let handler = |word: &str| word.starts_with("on") && word.contains('=');
            assert!(!svg.split_whitespace().any(handler), "{name}");
        }
    }

    /// What an article may name: the records of the demo by key, its figures by number.
    struct Library(BTreeMap<String, i64>);

    impl Library {
        fn whole() -> Self {
            Self(records().into_iter().map(|record| record["id"].as_str().unwrap().to_owned()).zip(1..).collect())
        }
    }

    impl Resolve for Library {
        fn reference(&self, key: &str) -> Option<i64> {
            self.0.get(key).copied()
        }

        fn picture(&self, id: i64) -> Option<Picture> {
            Some(Picture { path: format!("/media/hash/{id}.svg"), width: 800, height: 372, credit: String::new() })
        }
    }

    fn lay_out(text: &str, kept: &HeadingIds) -> RenderedArticle {
        let media = FIGURES.iter().map(|figure| figure.name.to_owned()).zip(1..).collect();
        markdown::article(&place_media(text, &media).unwrap(), &Library::whole(), kept).unwrap()
    }

    #[test]
    fn every_version_of_every_article_is_laid_out_without_a_finding() {
        for article in content().articles {
            let mut kept = HeadingIds::default();
            for version in article.versions().unwrap() {
                let page = lay_out(&version.body, &kept);
                assert_eq!(page.findings, [], "{}, {}", article.front.slug, version.note);
                kept = HeadingIds::from(page.outline.as_slice());
            }
        }
    }

    #[test]
    fn the_long_article_is_laid_out_with_all_its_parts() {
        let page = lay_out(&article(LONG).body, &HeadingIds::default());
        assert!(page.citations.len() >= 40 && page.table_count >= 3 && page.figure_count == 2);
        assert_eq!(page.products.len(), 3);
        assert!(page.products.iter().all(|product| !product.image.is_empty()) && page.action.is_some());
        assert!(page.html.as_str().contains("4\u{2013}8"), "the run 4 to 8 is one mark");
    }

    #[test]
    fn links_between_articles_lead_to_articles() {
        let content = content();
        let slugs = slugs(&content);
        for Article { front, body } in &content.articles {
            for rest in body.split("](/").skip(1) {
                let target = rest.split([')', '#']).next().unwrap();
                assert!(slugs.contains(target) || target == "corrections", "{}: {target}", front.slug);
            }
            assert!(front.related.iter().all(|slug| slugs.contains(slug.as_str())), "{}", front.slug);
        }
        assert!(slugs.contains(content.site.house_rules_link.as_str()) && slugs.contains(content.site.lead.as_str()));
        let topic = |slug: &String| content.site.topics.iter().any(|topic| topic.slug == *slug);
        assert!(content.site.menu.iter().all(|slug| topic(slug) || slugs.contains(slug.as_str())));
    }

    #[test]
    fn every_comment_has_a_writer_and_stands_after_what_it_answers() {
        let content = content();
        let updated: BTreeMap<_, _> = content.articles.iter().map(|a| (a.front.slug.as_str(), &a.front)).collect();
        let mut seen: BTreeMap<&str, &Comment> = BTreeMap::new();
        for comment in &content.comments {
            let key = comment.key.as_str();
            let by_reader = content.readers.iter().any(|reader| comment.reader.as_ref() == Some(&reader.key));
            let by_staff = content.staff.iter().any(|person| comment.staff.as_ref() == Some(&person.key));
            assert!(by_reader != by_staff, "{key}: exactly one known writer");
            if let Some(parent) = &comment.parent {
                assert_eq!(seen[parent.as_str()].article, comment.article, "{key}");
            }
            let front = updated[comment.article.as_str()];
            assert!(comment.posted_minutes_ago < front.published_days_ago * 1_440, "{key}: before its article");
            assert_eq!(front.comments, CommentsMode::Open, "{key}");
            assert_eq!(comment.reason.is_some(), comment.state != CommentStatus::Approved, "{key}");
            assert!((2..=5_000).contains(&comment.body.chars().count()), "{key}");
            assert!(seen.insert(key, comment).is_none(), "{key} twice");
        }
    }

    #[test]
    fn the_long_article_has_a_conversation_three_levels_deep_with_every_state() {
        let content = content();
        let here: Vec<_> = content.comments.iter().filter(|comment| comment.article == LONG).collect();
        assert!(here.len() >= 25);
        let find = |key: &str| here.iter().find(|comment| comment.key == key).unwrap();
        let depth = |comment: &Comment| {
            let mut up = comment.parent.as_deref().map(find);
            let mut depth = 0;
            while let Some(parent) = up {
                depth += 1;
                up = parent.parent.as_deref().map(find);
            }
            depth
        };
        assert!(here.iter().any(|comment| depth(comment) >= 2));
        for state in CommentStatus::ALL {
            assert!(here.iter().any(|comment| comment.state == *state), "{state}");
        }
        assert!(here.iter().filter(|comment| comment.staff.is_some()).count() >= 5);
        assert_eq!(here.iter().filter(|comment| comment.pinned).count(), 1);
        let tombstones = here.iter().filter(|comment| comment.state == CommentStatus::Trash);
        for gone in tombstones {
            let answered = |answer: &&&Comment| answer.parent.as_ref() == Some(&gone.key);
            assert!(here.iter().any(|answer| answered(&answer) && answer.state == CommentStatus::Approved));
        }
    }

    #[test]
    fn held_comments_are_what_their_rule_holds() {
        let content = content();
        let confirmed = |comment: &Comment| {
            let writer = content.readers.iter().find(|reader| comment.reader.as_ref() == Some(&reader.key));
            writer.unwrap().confirmed
        };
        let held = |comment: &&Comment| comment.state == CommentStatus::Held;
        for comment in content.comments.iter().filter(held) {
            let (key, body) = (&comment.key, comment.body.to_lowercase());
            match comment.reason.as_deref().unwrap() {
                "first-comment" => assert!(!confirmed(comment), "{key}"),
                "links" => assert!(body.matches("https://").count() >= 2, "{key}"),
                "word" => assert!(content.site.held_words.iter().any(|word| body.contains(word)), "{key}"),
                "after-removal" => assert!(content.comments.iter().any(|removed| {
                    let recent = (comment.posted_minutes_ago..30 * 1_440).contains(&removed.posted_minutes_ago);
                    removed.reader == comment.reader && removed.state == CommentStatus::Trash && recent
                })),
                other => panic!("{key}: no rule {other}"),
            }
        }
        for comment in content.comments.iter().filter(|comment| comment.state == CommentStatus::Approved) {
            assert!(comment.body.matches("https://").count() < 2, "{}", comment.key);
            assert!(comment.staff.is_some() || confirmed(comment), "{}", comment.key);
        }
    }

    #[test]
    fn people_are_invented_and_every_role_of_the_house_is_there() {
        let content = content();
        assert_eq!(content.staff[0].role, Role::Owner);
        for role in [Role::Editor, Role::Author, Role::Reviewer, Role::Moderator] {
            assert!(content.staff.iter().any(|person| person.role == role), "{role}");
        }
        let staff = content.staff.iter().map(|person| &person.email);
        let emails: Vec<_> = staff.chain(content.readers.iter().map(|reader| &reader.email)).collect();
        assert!(emails.iter().all(|email| email.ends_with(".example")));
        assert_eq!(emails.iter().collect::<BTreeSet<_>>().len(), emails.len());
        assert!(content.site.tagline.contains("invented"));
    }
}
