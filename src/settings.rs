//! What the owner sets in the desk. One row a subject in table `settings`; a subject that was never saved has
//! its defaults, which are the recommended ones.

use std::sync::Arc;

use chrono_tz::Tz;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::core::kept::Kept;
use crate::core::page_store::{PageStore, Tag};
use crate::core::status::{CitationStyle, ModerationMode};
use crate::db::schema::settings;
use crate::db::{DbError, Tx};

/// The site: names, address, language, time, menus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Site {
    /// Name in the masthead, titles and mails.
    pub name: String,
    /// One sentence in the footer.
    pub footer_line: String,
    /// Address as readers type it, such as `https://harbour.example`; a flag, the environment or the file win over it.
    pub base_url: Option<String>,
    /// BCP 47 language of the site.
    pub language: String,
    /// IANA name of the zone dates are printed in.
    pub time_zone: String,
    /// Links of the masthead, at most six.
    pub menu: Vec<MenuLink>,
    /// Links of the footer.
    pub footer_menu: Vec<MenuLink>,
    /// Heading of the products block.
    pub products_heading: String,
    /// Disclosure beside it; required wherever products are shown.
    pub products_disclosure: String,
    /// Articles are about health: search engines are told that pages are medical ones.
    pub is_medical: bool,
}

/// A link of a menu: a path of ours or an https address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuLink {
    /// What it says.
    pub label: String,
    /// Where it goes.
    pub href: String,
}

impl Site {
    /// The zone dates are printed in; UTC where its name is unknown.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.time_zone.parse().unwrap_or(Tz::UTC)
    }
}

impl Default for Site {
    fn default() -> Self {
        Self {
            name: "A new site".into(),
            footer_line: String::new(),
            base_url: None,
            language: "en".into(),
            time_zone: "UTC".into(),
            menu: Vec::new(),
            footer_menu: Vec::new(),
            products_heading: "From our shop".into(),
            products_disclosure: "We earn from these. Editors don’t choose them.".into(),
            is_medical: false,
        }
    }
}

/// How comments are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Comments {
    /// Who waits for a moderator.
    pub moderation: ModerationMode,
    /// Line of house rules under the heading.
    pub house_rules: String,
    /// Visual depth counting the top level, 1 to 5 (decisions 16).
    pub depth: u8,
    /// Minutes a writer may edit: 0, 5, 15 or 60 (decisions 17).
    pub edit_window_minutes: u32,
    /// Links a newcomer may post without waiting.
    pub newcomer_links: usize,
    /// Approved comments after which a confirmed person is no newcomer to the link rule.
    pub newcomer_until: i64,
    /// Open reports of different confirmed readers that hold a comment; 0: none ever does (moderation.md 13).
    pub reports_to_hold: i64,
    /// Whether writers are told of private details in a comment before it is posted.
    pub privacy_hint: bool,
    /// Domains of short-lived addresses, such as `mailinator.com`; comments from them wait.
    pub throwaway_domains: Vec<String>,
    /// Site-wide pause: the sentence readers see, `None` when open.
    pub paused: Option<String>,
}

impl Comments {
    /// Whether a canonical address is of a domain on the list, or of a part of one.
    #[must_use]
    pub fn is_throwaway(&self, canonical: &str) -> bool {
        let domain = canonical.rsplit('@').next().unwrap_or_default();
        self.throwaway_domains.iter().any(|listed| {
            domain.strip_suffix(listed.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

impl Default for Comments {
    fn default() -> Self {
        Self {
            moderation: ModerationMode::Newcomers,
            house_rules: "Questions and experience are both welcome. Don’t share someone else’s private details."
                .into(),
            depth: 2,
            edit_window_minutes: 15,
            newcomer_links: crate::core::limits::NEWCOMER_LINKS_FREE,
            newcomer_until: 20,
            reports_to_hold: 3,
            privacy_hint: true,
            throwaway_domains: Vec::new(),
            paused: None,
        }
    }
}

/// How sources are printed, and which count as trusted (reader.md 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sources {
    /// How references are printed.
    pub style: CitationStyle,
    /// Hosts, such as `who.int`; subdomains count.
    pub trusted_hosts: Vec<String>,
    /// DOI prefixes, such as `10.1056`.
    pub trusted_doi_prefixes: Vec<String>,
    /// Journal names, compared without case.
    pub trusted_journals: Vec<String>,
    /// Path of the page that says what the badge means; empty: the badge is no link.
    pub page: String,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            style: CitationStyle::Ama,
            trusted_hosts: Vec::new(),
            trusted_doi_prefixes: Vec::new(),
            trusted_journals: Vec::new(),
            page: String::new(),
        }
    }
}

/// What the owner lets roles do beyond the table of roles (editor.md 8).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct People {
    /// Authors publish their own articles themselves.
    pub authors_publish: bool,
    /// Editors ban readers and set rules.
    pub editors_rule: bool,
}

/// All settings together, as a page needs them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// The site.
    pub site: Site,
    /// Comments.
    pub comments: Comments,
    /// Trusted sources.
    pub sources: Sources,
    /// What roles may beyond their table.
    pub people: People,
}

/// A subject that can be saved.
pub trait Subject: Serialize + DeserializeOwned + Default {
    /// Its key in the table.
    const KEY: &'static str;
}

impl Subject for Site {
    const KEY: &'static str = "site";
}
impl Subject for Comments {
    const KEY: &'static str = "comments";
}
impl Subject for Sources {
    const KEY: &'static str = "sources";
}
impl Subject for People {
    const KEY: &'static str = "people";
}

/// How far stored texts are drawn: not for the desk, kept by the worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Renderer {
    /// The renderer that has gone through every version and comment; 0: none yet.
    pub version: i32,
}

impl Subject for Renderer {
    const KEY: &'static str = "renderer";
}

/// One subject as it is stored now.
pub async fn load_one<S: Subject>(conn: &mut AsyncPgConnection) -> Result<S, DbError> {
    let rows: Vec<(String, serde_json::Value)> =
        settings::table.filter(settings::key.eq(S::KEY)).select((settings::key, settings::value)).load(conn).await?;
    Ok(pick(&rows))
}

/// All settings as they are stored now.
pub async fn load(conn: &mut AsyncPgConnection) -> Result<Settings, DbError> {
    let rows: Vec<(String, serde_json::Value)> =
        settings::table.select((settings::key, settings::value)).load(conn).await?;
    Ok(Settings { site: pick(&rows), comments: pick(&rows), sources: pick(&rows), people: pick(&rows) })
}

fn pick<S: Subject>(rows: &[(String, serde_json::Value)]) -> S {
    let Some((_, value)) = rows.iter().find(|(key, _)| key == S::KEY) else { return S::default() };
    serde_json::from_value(value.clone()).unwrap_or_else(|_| {
        tracing::error!(
            setting.key = S::KEY,
            "a setting cannot be read and its defaults are used: save it again in the desk"
        );
        S::default()
    })
}

/// Saves one subject; every page is purged.
pub async fn save<S: Subject>(tx: &mut Tx, subject: &S) -> Result<(), DbError> {
    let value =
        serde_json::to_value(subject).map_err(|error| diesel::result::Error::SerializationError(Box::new(error)))?;
    diesel::insert_into(settings::table)
        .values((settings::key.eq(S::KEY), settings::value.eq(&value), settings::updated_at.eq(tx.now)))
        .on_conflict(settings::key)
        .do_update()
        .set((settings::value.eq(&value), settings::updated_at.eq(tx.now)))
        .execute(tx.conn())
        .await?;
    tx.touch(Tag::Site);
    Ok(())
}

/// The settings in memory, read again after the tag `site` was purged.
#[derive(Debug)]
pub struct Cached(Kept<Settings>);

impl Cached {
    /// Nothing read yet.
    #[must_use]
    pub fn new(pages: Arc<PageStore>) -> Self {
        Self(Kept::new(pages, Tag::Site))
    }

    /// The settings, from memory while nothing has changed them.
    pub async fn settings(&self, conn: &mut AsyncPgConnection) -> Result<Arc<Settings>, DbError> {
        self.0.get(async || load(conn).await).await
    }

    /// The settings last read, however old, else the defaults: for pages that are drawn while the database is away.
    #[must_use]
    pub fn last_known(&self) -> Arc<Settings> {
        self.0.last_known().unwrap_or_default()
    }
}
