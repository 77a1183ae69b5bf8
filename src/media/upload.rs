//! Adding a picture.

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use serde_json::json;

use crate::audit::{self, Entry};
use crate::core::ids::MediaId;
use crate::core::text;
use crate::db::schema::media;
use crate::db::{DbError, Tx};
use crate::media::store::MediaStore;
use crate::media::svg::{self, SvgError};

/// Bytes of an SVG file: drawings are small, and the largest icon sheets stay below.
pub const SVG_BYTES_MAX: usize = 2 * 1024 * 1024;

/// What a person says of a picture.
#[derive(Debug, Clone, Default)]
pub struct NewMedia<'a> {
    /// The file's name as it came.
    pub name: &'a str,
    /// What it shows; `None`: not said yet.
    pub alt: Option<&'a str>,
    /// Nothing to describe.
    pub decorative: bool,
    /// Caption; may be empty.
    pub caption: &'a str,
    /// Credit; may be empty.
    pub credit: &'a str,
}

/// Why a picture was not added. Each is a sentence for its form.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// A kind of file that cannot be taken.
    #[error("Stet can take SVG files so far. Save the picture as SVG and try again")]
    Kind,
    /// Too large.
    #[error("That file is too large. The limit is {SVG_BYTES_MAX} bytes")]
    TooLarge,
    /// An SVG with something in it that may not be there.
    #[error(transparent)]
    Svg(#[from] SvgError),
    /// The file could not be kept.
    #[error("the file could not be kept on the disk")]
    Disk(#[from] std::io::Error),
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(UploadError);

/// Makes a picture safe to serve. Takes milliseconds: call it off the request threads, before the transaction.
pub fn clean(bytes: &[u8]) -> Result<svg::Drawing, UploadError> {
    if bytes.len() > SVG_BYTES_MAX {
        return Err(UploadError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| UploadError::Kind)?;
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if !start.starts_with('<') {
        return Err(UploadError::Kind);
    }
    Ok(svg::clean(start)?)
}

/// Keeps a cleaned picture and its record. The same file again is the same picture; what is said of it the first time stays.
pub async fn add(
    tx: &mut Tx,
    actor: audit::Actor,
    store: &MediaStore,
    drawing: &svg::Drawing,
    what: NewMedia<'_>,
) -> Result<MediaId, UploadError> {
    let hash = store.keep(drawing.text.as_bytes())?;
    let created_by = match actor {
        audit::Actor::Staff(id) => Some(id),
        audit::Actor::Reader | audit::Actor::System | audit::Actor::Console => None,
    };
    let alt = what.alt.map(text::tidy_line).filter(|alt| !alt.is_empty() && !what.decorative);
    let id: Option<MediaId> = diesel::insert_into(media::table)
        .values((
            media::hash.eq(&hash),
            media::name.eq(file_name(what.name)),
            media::content_type.eq("image/svg+xml"),
            media::width.eq(i32::try_from(drawing.width).unwrap_or(1)),
            media::height.eq(i32::try_from(drawing.height).unwrap_or(1)),
            media::size_bytes.eq(i64::try_from(drawing.text.len()).unwrap_or(i64::MAX)),
            media::alt.eq(alt),
            media::decorative.eq(what.decorative),
            media::caption.eq(text::tidy_line(what.caption)),
            media::credit.eq(text::tidy_line(what.credit)),
            media::created_by.eq(created_by),
            media::created_at.eq(tx.now),
        ))
        .on_conflict_do_nothing()
        .returning(media::id)
        .get_result(tx.conn())
        .await
        .optional()?;
    let Some(id) = id else {
        return Ok(media::table.filter(media::hash.eq(&hash)).select(media::id).get_result(tx.conn()).await?);
    };
    audit::append(
        tx,
        Entry {
            actor,
            action: "media.add",
            subject: "media",
            subject_id: Some(id.0),
            detail: json!({}),
            evidence: None,
        },
    )
    .await?;
    Ok(id)
}

/// A name the database takes, ending in `.svg`.
fn file_name(name: &str) -> String {
    let stem = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = stem.strip_suffix(".svg").or_else(|| stem.strip_suffix(".SVG")).unwrap_or(stem);
    let slug: String = text::slugify(stem).chars().take(90).collect();
    let slug = slug.trim_matches('-');
    format!("{}.svg", if slug.is_empty() { "picture" } else { slug })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        assert_eq!(file_name("C:\\Pictures\\Mond über dem Hafen.SVG"), "mond-uber-dem-hafen.svg");
        assert_eq!(file_name("../../x.svg"), "x.svg");
        assert_eq!(file_name("***"), "picture.svg");
    }

    #[test]
    fn other_kinds_are_refused_by_name() {
        assert!(matches!(clean(b"\x89PNG\r\n\x1a\n"), Err(UploadError::Kind)));
        assert!(matches!(clean(b"hello"), Err(UploadError::Kind)));
        assert!(matches!(clean(&vec![b' '; SVG_BYTES_MAX + 1]), Err(UploadError::TooLarge)));
    }
}
