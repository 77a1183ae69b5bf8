//! Laying an article out before it is previewed or kept: its text with its sources and pictures, and what is wrong
//! with them. Reads come first, then the rendering on a thread of its own; no transaction is open meanwhile.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};

use crate::articles::links;
use crate::articles::model::Fields;
use crate::articles::terms;
use crate::core::ids::{ArticleId, RevisionId};
use crate::core::status::Retraction;
use crate::db::schema::{revision_renderings, revisions};
use crate::db::{Db, DbError};
use crate::media;
use crate::references;
use crate::references::csl::Item;
use crate::references::lint::{self, Listed};
use crate::references::model::Source;
use crate::references::trust;
use crate::render::citations::{self, Piece};
use crate::render::containers;
use crate::render::finding::{Finding, FindingLevel};
use crate::render::markdown::{self, Picture, RenderError, RenderedArticle, Resolve};
use crate::render::outline::{Heading, HeadingIds};
use crate::settings::{self, Sources};
use crate::urls;

/// An article laid out: what a preview shows and a revision keeps.
#[derive(Debug, Clone)]
pub struct Layout {
    /// What it was made from.
    pub fields: Fields,
    /// The text.
    pub rendered: RenderedArticle,
    /// The cited sources in order of their numbers.
    pub sources: Vec<Source>,
    /// Products with their pictures' addresses.
    pub products: Vec<ShownProduct>,
    /// What is wrong with text, sources, pictures and links, by line; checks of publishing are added by
    /// [`crate::articles::publish::checks`].
    pub findings: Vec<Finding>,
}

/// A product as the page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownProduct {
    /// What it is called.
    pub name: String,
    /// Its price as written; may be empty.
    pub price: String,
    /// Where it is sold.
    pub url: String,
    /// Its picture.
    pub picture: Option<ShownPicture>,
}

/// A picture by its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownPicture {
    /// Path on this site.
    pub path: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// Why a text could not be laid out.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// The text is over a limit; the sentence is for its writer.
    #[error(transparent)]
    Text(#[from] RenderError),
    /// The renderer panicked or the process is stopping.
    #[error("the text could not be laid out")]
    Stopped,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(LayoutError);

/// Lays out the fields of an article; heading ids go on from its last version.
pub async fn lay_out(db: &Db, article: ArticleId, fields: Fields) -> Result<Layout, LayoutError> {
    let kept = last_outline(&mut *db.read().await?, article).await?;
    let mut layout = lay_out_after(db, kept, fields).await?;
    if let Some(title) = terms::part_taken(&mut *db.read().await?, article, &layout.fields).await? {
        let text = "Another article is this part of the series already. Both keep the number.";
        layout.findings.insert(0, Finding::new("series.part", FindingLevel::Warns, 0, text, &title));
    }
    Ok(layout)
}

/// Lays out the fields of a version once more, with the heading ids it has.
pub async fn lay_out_again(db: &Db, version: RevisionId, fields: Fields) -> Result<Layout, LayoutError> {
    let kept: Option<serde_json::Value> = revision_renderings::table
        .find(version)
        .select(revision_renderings::outline)
        .first(&mut *db.read().await?)
        .await
        .optional()?;
    lay_out_after(db, headings(kept), fields).await
}

async fn lay_out_after(db: &Db, kept: Vec<Heading>, fields: Fields) -> Result<Layout, LayoutError> {
    let named = Named::of(&fields);
    let (fields, library, pictures, settings) = {
        let mut conn = db.read().await?;
        let fields = terms::settle(&mut conn, fields).await?;
        let library = references::store::find_cited(&mut conn, &named.keys).await?;
        let pictures = media::store::find_many(&mut conn, &named.media).await?;
        let settings = settings::load(&mut conn).await?;
        (fields, library, pictures, settings)
    };
    let shelf = Shelf::of(library, &pictures);
    let (fields, shelf, rendered) = tokio::task::spawn_blocking(move || {
        let rendered = markdown::article(&fields.body, &shelf, &HeadingIds::from(kept.as_slice()));
        (fields, shelf, rendered)
    })
    .await
    .map_err(|_| LayoutError::Stopped)?;
    let rendered = rendered?;
    let mut conn = db.read().await?;
    let lost = links::unknown(&mut conn, &rendered.internal_links).await?;
    Ok(assemble(fields, rendered, shelf, &Beside { pictures, lost, trusted: settings.sources }))
}

/// What a layout is checked against.
struct Beside {
    pictures: Vec<media::model::Media>,
    lost: Vec<String>,
    trusted: Sources,
}

fn assemble(fields: Fields, rendered: RenderedArticle, mut shelf: Shelf, beside: &Beside) -> Layout {
    let sources: Vec<Source> =
        rendered.citations.iter().filter_map(|cited| shelf.sources.remove(&cited.reference)).collect();
    let mut findings = rendered.findings.clone();
    findings.extend(source_findings(&fields.body, &sources, &beside.trusted));
    for slug in &beside.lost {
        let line = line_of(&fields.body, &format!("](/{slug}"));
        findings.push(Finding::new(
            "link.internal",
            FindingLevel::Warns,
            line,
            "This link leads to a page that isn’t there.",
            &format!("/{slug}"),
        ));
    }
    if let Some(lead) = fields.lead_media_id.and_then(|id| beside.pictures.iter().find(|picture| picture.id == id))
        && lead.alt.is_none()
        && !lead.decorative
    {
        findings.push(Finding::new(
            "image.undescribed",
            FindingLevel::Blocks,
            0,
            "Describe the picture under the title for people who can’t see it.",
            &lead.name,
        ));
    }
    findings.sort_by_key(|finding| finding.line);
    let products = rendered.products.iter().map(|product| show(product, &shelf)).collect();
    Layout { fields, rendered, sources, products, findings }
}

fn source_findings(body: &str, sources: &[Source], trusted: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let line = line_of(body, &format!("@{}", source.key));
        let text = match source.retraction {
            Retraction::Retracted => "This source was retracted. Replace it, or publish with a reason.",
            Retraction::Concern => {
                "The journal has voiced concern about this source. Replace it, or publish with a reason."
            }
            Retraction::None | Retraction::Corrected => continue,
        };
        findings.push(Finding::new("source.retracted", FindingLevel::Blocks, line, text, &source.key));
    }
    let items: Vec<Item> = sources.iter().map(Source::item).collect();
    let listed: Vec<Listed<'_>> = sources
        .iter()
        .zip(&items)
        .zip(1..)
        .map(|((source, item), number)| Listed {
            key: &source.key,
            item,
            number: Some(number),
            trusted: source.trusted,
            judged: trust::is_trusted(item, trusted),
            evidence: source.evidence,
        })
        .collect();
    findings.extend(lint::lint(&listed, body));
    findings
}

/// The line a text first stands on, from 1; 0 when it stands nowhere.
fn line_of(body: &str, text: &str) -> usize {
    body.find(text).and_then(|at| body.get(..at)).map_or(0, |before| before.matches('\n').count() + 1)
}

fn show(product: &containers::Product, shelf: &Shelf) -> ShownProduct {
    let picture = containers::media_id(&product.image).and_then(|id| shelf.pictures.get(&id));
    ShownProduct {
        name: product.name.clone(),
        price: product.price.clone(),
        url: product.url.clone(),
        picture: picture.map(|picture| ShownPicture {
            path: picture.path.clone(),
            width: picture.width,
            height: picture.height,
        }),
    }
}

async fn last_outline(conn: &mut AsyncPgConnection, article: ArticleId) -> Result<Vec<Heading>, DbError> {
    let outline: Option<serde_json::Value> = revisions::table
        .inner_join(revision_renderings::table)
        .filter(revisions::article_id.eq(article))
        .order(revisions::number.desc())
        .select(revision_renderings::outline)
        .first(conn)
        .await
        .optional()?;
    Ok(headings(outline))
}

fn headings(outline: Option<serde_json::Value>) -> Vec<Heading> {
    outline.and_then(|outline| serde_json::from_value(outline).ok()).unwrap_or_default()
}

/// What a text names, found before it is laid out. It may name more than the layout uses (in code, say), never less.
struct Named {
    keys: Vec<String>,
    media: Vec<i64>,
}

impl Named {
    fn of(fields: &Fields) -> Self {
        let mut keys = Vec::new();
        for piece in citations::split(&fields.body) {
            let Piece::Group(items, _) = piece else { continue };
            keys.extend(items.into_iter().map(|item| item.key));
        }
        keys.sort_unstable();
        keys.dedup();
        let mut media: Vec<i64> = fields.lead_media_id.iter().map(|id| id.0).collect();
        for rest in fields.body.split("media:").skip(1) {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            media.extend(digits.parse::<i64>().ok());
        }
        media.sort_unstable();
        media.dedup();
        Self { keys, media }
    }
}

/// The records and pictures a text may use.
struct Shelf {
    by_key: HashMap<String, i64>,
    sources: HashMap<i64, Source>,
    pictures: HashMap<i64, Picture>,
}

impl Shelf {
    fn of(library: Vec<Source>, media: &[media::model::Media]) -> Self {
        let mut shelf = Self { by_key: HashMap::new(), sources: HashMap::new(), pictures: HashMap::new() };
        for source in library {
            let id = source.id.0;
            shelf.by_key.extend(source.doi.iter().map(|doi| (format!("doi:{doi}"), id)));
            shelf.by_key.extend(source.pmid.iter().map(|pmid| (format!("pmid:{pmid}"), id)));
            shelf.by_key.insert(source.key.clone(), id);
            shelf.sources.insert(id, source);
        }
        for picture in media {
            let shown = Picture {
                path: urls::media(&picture.hash, &picture.name),
                width: picture.width(),
                height: picture.height(),
                credit: picture.credit.clone(),
            };
            shelf.pictures.insert(picture.id.0, shown);
        }
        shelf
    }
}

impl Resolve for Shelf {
    fn reference(&self, key: &str) -> Option<i64> {
        self.by_key.get(key).copied()
    }

    fn picture(&self, id: i64) -> Option<Picture> {
        self.pictures.get(&id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_a_text_names_is_looked_up_once() {
        let body = "Less sleep [@adeyemi2020; @doi:10.0000/Sample.4, p. 3] and [@adeyemi2020].\n\n![A](media:7 \"b\"){wide}\n\n::: product\nimage: media:9\n:::\n";
        let named = Named::of(&Fields {
            body: body.into(),
            lead_media_id: Some(crate::core::ids::MediaId(3)),
            ..Fields::default()
        });
        assert_eq!(named.keys, ["adeyemi2020", "doi:10.0000/sample.4"]);
        assert_eq!(named.media, [3, 7, 9]);
    }

    #[test]
    fn findings_say_the_line() {
        assert_eq!(line_of("one\ntwo @key\n", "@key"), 2);
        assert_eq!(line_of("one", "@key"), 0);
    }
}
