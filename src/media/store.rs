//! Where pictures' bytes are: files named by their SHA-256 under the data folder; and the reads of their records.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use data_encoding::HEXLOWER;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use sha2::{Digest, Sha256};

use crate::core::ids::MediaId;
use crate::db::DbError;
use crate::db::schema::media;
use crate::media::model::Media;

/// The files under `media/` of the data folder.
#[derive(Debug, Clone)]
pub struct MediaStore {
    folder: PathBuf,
}

impl MediaStore {
    /// In this data folder.
    #[must_use]
    pub fn new(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("media") }
    }

    /// Keeps bytes; answers their hash. A file is whole and on the disk before it has its name. Blocks: the files are
    /// small and uploads rare, but call it off the request threads.
    pub fn keep(&self, bytes: &[u8]) -> io::Result<String> {
        let hash = HEXLOWER.encode(&Sha256::digest(bytes));
        let path = self.path(&hash).ok_or(io::ErrorKind::InvalidInput)?;
        if path.exists() {
            return Ok(hash);
        }
        let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
        fs::create_dir_all(folder)?;
        let unfinished = folder.join(format!("{hash}.{}", std::process::id()));
        let mut file = fs::File::create(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)?;
        fs::File::open(folder)?.sync_all()?;
        Ok(hash)
    }

    /// The bytes under a hash; `None` when there are none.
    pub fn read(&self, hash: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(path) = self.path(hash) else { return Ok(None) };
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `None` for what is no hash: no address can lead out of the folder.
    fn path(&self, hash: &str) -> Option<PathBuf> {
        let is_hash =
            hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let start = hash.get(..2).filter(|_| is_hash)?;
        Some(self.folder.join(start).join(hash))
    }
}

/// The pictures with these ids, in any order; unknown ones are left out.
pub async fn find_many(conn: &mut AsyncPgConnection, ids: &[i64]) -> Result<Vec<Media>, DbError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(media::table.filter(media::id.eq_any(ids)).select(Media::as_select()).load(conn).await?)
}

/// The picture with this content and name.
pub async fn find(conn: &mut AsyncPgConnection, hash: &str, name: &str) -> Result<Option<Media>, DbError> {
    let found = media::table
        .filter(media::hash.eq(hash))
        .filter(media::name.eq(name))
        .select(Media::as_select())
        .first(conn)
        .await
        .optional()?;
    Ok(found)
}

/// All pictures, newest first, at most `limit`, those with an id below `before`.
pub async fn list(conn: &mut AsyncPgConnection, before: Option<MediaId>, limit: i64) -> Result<Vec<Media>, DbError> {
    let pictures = media::table
        .filter(media::id.lt(before.map_or(i64::MAX, |id| id.0)))
        .order(media::id.desc())
        .limit(limit)
        .select(Media::as_select())
        .load(conn)
        .await?;
    Ok(pictures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_kept_once_and_no_name_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = MediaStore::new(folder.path());
        let hash = store.keep(b"<svg/>").unwrap();
        assert_eq!(store.keep(b"<svg/>").unwrap(), hash);
        assert_eq!(store.read(&hash).unwrap().as_deref(), Some(b"<svg/>".as_slice()));
        assert_eq!(fs::read_dir(folder.path().join("media").join(&hash[..2])).unwrap().count(), 1);
        for wrong in ["", "..", "../../etc/passwd", &"0".repeat(64), &hash.to_uppercase(), &format!("{hash}/..")] {
            assert_eq!(store.read(wrong).unwrap(), None, "{wrong}");
        }
    }
}
