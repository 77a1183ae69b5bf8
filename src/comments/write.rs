//! The one statement that inserts comments, with the addresses and browsers nobody has seen before.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, BigInt, Binary, Integer, Jsonb, Nullable, Text, Timestamptz};
use diesel_async::RunQueryDsl;

use crate::comments::model::Words;
use crate::core::ids::{AddressId, ArticleId, BrowserId, CommentId, ReaderId, RevisionId, StaffId};
use crate::core::limits;
use crate::core::status::{Badge, CommentStatus};
use crate::core::text::Email;
use crate::db::{DbError, Tx};
use crate::render::markdown::RENDERER_VERSION;

/// A comment to be written.
#[derive(Debug)]
pub(super) struct NewComment<'a> {
    pub article: ArticleId,
    pub revision: RevisionId,
    pub parent: Option<CommentId>,
    pub status: CommentStatus,
    pub status_reason: Option<&'a str>,
    pub screening: serde_json::Value,
    pub name: &'a str,
    pub name_skeleton: &'a str,
    pub body: &'a str,
    pub html: &'a str,
    pub text_digest: Option<&'a [u8]>,
    pub submission_key: Option<&'a str>,
    pub by: By<'a>,
}

impl<'a> NewComment<'a> {
    /// Approved, with no key; of an article, its revision and the comment that is answered; under a name and its
    /// skeleton.
    pub(super) fn of(
        (article, revision, parent): (ArticleId, RevisionId, Option<CommentId>),
        (name, name_skeleton): (&'a str, &'a str),
        words: &'a Words,
        by: By<'a>,
    ) -> Self {
        Self {
            article,
            revision,
            parent,
            status: CommentStatus::Approved,
            status_reason: None,
            screening: serde_json::json!([]),
            name,
            name_skeleton,
            body: words.body(),
            html: words.text.html.as_str(),
            text_digest: None,
            submission_key: None,
            by,
        }
    }
}

/// Who writes it.
#[derive(Debug)]
pub(super) enum By<'a> {
    Reader(ByReader<'a>),
    Staff { id: StaffId, badge: Badge, title: &'a str },
}

#[derive(Debug)]
pub(super) struct ByReader<'a> {
    /// The address; where it is not known yet, it is written down.
    pub address: Result<AddressId, &'a Email>,
    pub reader: Option<ReaderId>,
    /// The browser, else the hash of a new one's token.
    pub browser: Result<BrowserId, Vec<u8>>,
    pub replay_digest: &'a [u8],
    pub network: String,
    pub network_key: &'a [u8],
}

/// A comment that was written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written {
    pub id: CommentId,
    pub root: CommentId,
    pub address: Option<AddressId>,
}

crate::statement! {
    // Addresses in one order everywhere, so that of two transactions with the same ones none waits for the other in
    // turn. `do update` where one has appeared meanwhile, because `do nothing` would not tell its id.
    struct Insert<'a> -> (BigInt, BigInt, Nullable<BigInt>, Nullable<Binary>) {
        "with given as materialized (
            select given.*, now.at, now.renderer_version from unnest(" articles: Array<BigInt> = Vec<ArticleId>,
        ", " revisions: Array<BigInt> = Vec<RevisionId>,
        ", " parents: Array<Nullable<BigInt>> = Vec<Option<CommentId>>,
        ", " statuses: Array<Text> = Vec<CommentStatus>,
        ", " status_reasons: Array<Nullable<Text>> = Vec<Option<&'a str>>,
        ", " screenings: Array<Jsonb> = Vec<&'a serde_json::Value>,
        ", " names: Array<Text> = Vec<&'a str>,
        ", " name_skeletons: Array<Text> = Vec<&'a str>,
        ", " addresses: Array<Nullable<BigInt>> = Vec<Option<AddressId>>,
        ", " canonical: Array<Nullable<Text>> = Vec<Option<&'a str>>,
        ", " emails: Array<Nullable<Text>> = Vec<Option<&'a str>>,
        ", " readers: Array<Nullable<BigInt>> = Vec<Option<ReaderId>>,
        ", " browsers: Array<Nullable<BigInt>> = Vec<Option<BrowserId>>,
        ", " token_hashes: Array<Nullable<Binary>> = Vec<Option<&'a [u8]>>,
        ", " staff: Array<Nullable<BigInt>> = Vec<Option<StaffId>>,
        ", " badges: Array<Nullable<Text>> = Vec<Option<Badge>>,
        ", " badge_titles: Array<Text> = Vec<&'a str>,
        ", " bodies: Array<Text> = Vec<&'a str>,
        ", " htmls: Array<Text> = Vec<&'a str>,
        ", " submission_keys: Array<Nullable<Text>> = Vec<Option<&'a str>>,
        ", " replay_digests: Array<Nullable<Binary>> = Vec<Option<&'a [u8]>>,
        ", " text_digests: Array<Nullable<Binary>> = Vec<Option<&'a [u8]>>,
        ", " networks: Array<Nullable<Text>> = Vec<Option<&'a str>>,
        ", " network_keys: Array<Nullable<Binary>> = Vec<Option<&'a [u8]>>,
        ") with ordinality as given (
                article_id, revision_id, parent_id, status, status_reason, screening, name, name_skeleton, address_id,
                canonical, email, reader_id, browser_id, token_hash, staff_id, badge, badge_title, body, html,
                submission_key, replay_digest, text_digest, network, network_key, place)
             cross join (select " at: Timestamptz = DateTime<Utc>,
        " as at, " renderer_version: Integer = i32,
        " as renderer_version) as now
         ),
         typed as (
            insert into addresses (canonical, email, created_at)
            select canonical, email, at from given where canonical is not null order by canonical
            on conflict (canonical) do update set canonical = excluded.canonical
            returning id, canonical
         ),
         opened as (
            insert into reader_browsers (token_hash, created_at, expires_at)
            select token_hash, at, " browser_expires_at: Timestamptz = DateTime<Utc>,
    } " from given where token_hash is not null order by place
            returning id, token_hash
         )
         insert into comments (
                article_id, revision_id, parent_id, root_id, depth, status, status_reason, screening, name,
                name_skeleton, address_id, reader_id, browser_id, staff_id, badge, badge_title, body, html,
                renderer_version, submission_key, replay_digest, text_digest, network, network_key, created_at,
                published_at, status_changed_at)
         select given.article_id, given.revision_id, given.parent_id, 0, 0, given.status, given.status_reason,
                given.screening, given.name, given.name_skeleton, coalesce(given.address_id, typed.id),
                given.reader_id, coalesce(given.browser_id, opened.id), given.staff_id, given.badge,
                given.badge_title, given.body, given.html, given.renderer_version, given.submission_key,
                given.replay_digest, given.text_digest, given.network, given.network_key, given.at,
                case when given.status = 'approved' then given.at end, given.at
           from given
           left join typed on typed.canonical = given.canonical
           left join opened on opened.token_hash = given.token_hash
          order by given.place
         on conflict do nothing
         returning id, root_id, address_id, replay_digest"
}

type Row = (CommentId, CommentId, Option<AddressId>, Option<Vec<u8>>);

/// Writes comments; in their order, `None` where another comment has the submission key. No two of readers have the
/// same address or replay digest; one of staff is alone.
pub(super) async fn insert(tx: &mut Tx, rows: &[NewComment<'_>]) -> Result<Vec<Option<Written>>, DbError> {
    let by = || rows.iter().map(|row| row.by.reader());
    let staff = || rows.iter().map(|row| row.by.staff());
    let unknown = || by().map(|by| by.and_then(|by| by.address.err()));
    let statement = Insert {
        articles: rows.iter().map(|row| row.article).collect(),
        revisions: rows.iter().map(|row| row.revision).collect(),
        parents: rows.iter().map(|row| row.parent).collect(),
        statuses: rows.iter().map(|row| row.status).collect(),
        status_reasons: rows.iter().map(|row| row.status_reason).collect(),
        screenings: rows.iter().map(|row| &row.screening).collect(),
        names: rows.iter().map(|row| row.name).collect(),
        name_skeletons: rows.iter().map(|row| row.name_skeleton).collect(),
        addresses: by().map(|by| by.and_then(|by| by.address.ok())).collect(),
        canonical: unknown().map(|email| email.map(|email| email.canonical.as_str())).collect(),
        emails: unknown().map(|email| email.map(|email| email.typed.as_str())).collect(),
        readers: by().map(|by| by.and_then(|by| by.reader)).collect(),
        browsers: by().map(|by| by.and_then(|by| by.browser.as_ref().ok().copied())).collect(),
        token_hashes: by().map(|by| by.and_then(|by| by.browser.as_ref().err().map(Vec::as_slice))).collect(),
        staff: staff().map(|staff| staff.map(|(id, _, _)| id)).collect(),
        badges: staff().map(|staff| staff.map(|(_, badge, _)| badge)).collect(),
        badge_titles: staff().map(|staff| staff.map_or("", |(_, _, title)| title)).collect(),
        bodies: rows.iter().map(|row| row.body).collect(),
        htmls: rows.iter().map(|row| row.html).collect(),
        submission_keys: rows.iter().map(|row| row.submission_key).collect(),
        replay_digests: by().map(|by| by.map(|by| by.replay_digest)).collect(),
        text_digests: rows.iter().map(|row| row.text_digest).collect(),
        networks: by().map(|by| by.map(|by| by.network.as_str())).collect(),
        network_keys: by().map(|by| by.map(|by| by.network_key)).collect(),
        at: tx.now,
        renderer_version: RENDERER_VERSION,
        browser_expires_at: tx.now + limits::READER_COOKIE_LIFE,
    };
    let written: Vec<Row> = statement.load(tx.conn()).await?;
    let written: HashMap<Option<Vec<u8>>, Written> =
        written.into_iter().map(|(id, root, address, digest)| (digest, Written { id, root, address })).collect();
    Ok(by().map(|by| written.get(&by.map(|by| by.replay_digest.to_vec())).copied()).collect())
}

impl<'a> By<'a> {
    fn reader(&self) -> Option<&ByReader<'a>> {
        match self {
            Self::Reader(by) => Some(by),
            Self::Staff { .. } => None,
        }
    }

    fn staff(&self) -> Option<(StaffId, Badge, &'a str)> {
        match *self {
            Self::Reader(_) => None,
            Self::Staff { id, badge, title } => Some((id, badge, title)),
        }
    }
}
