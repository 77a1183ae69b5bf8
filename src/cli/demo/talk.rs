//! Conversations of the demo: comments as readers post them from their browsers, judged by the site's own rules.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use anyhow::{Context, anyhow, ensure};
use chrono::{DateTime, Utc};

use crate::cli::demo::content::{Comment, Content, Reader};
use crate::cli::demo::stage::Stage;
use crate::comments::create::{self, Created, Guest, Post, Submission};
use crate::comments::helpful::{self, Vote};
use crate::comments::model::{self, Notify, Words};
use crate::comments::withdraw;
use crate::core::ids::CommentId;
use crate::core::network::Network;
use crate::core::rng::Token;
use crate::core::status::{CommentStatus, Role, SubscriptionScope};
use crate::core::text::Email;
use crate::moderation::decide::{self, Decision};
use crate::moderation::model::Reason;
use crate::moderation::pin;
use crate::moderation::queue::{self, Card};
use crate::moderation::word_lists;
use crate::notifications;
use crate::readers::model as readers;
use crate::readers::{browser, confirm};
use crate::settings::Settings;
use crate::staff::authority::MayDecide;

/// Seconds that somebody reads before writing.
const READING_SECONDS: i64 = 180;
/// Seconds that a program needs.
const PROGRAM_SECONDS: i64 = 1;

/// What was said so far.
#[derive(Debug)]
pub(super) struct Talk<'a> {
    stage: &'a Stage<'a>,
    content: &'a Content,
    settings: Arc<Settings>,
    site: create::Site,
    /// Comments by key.
    posted: BTreeMap<&'a str, CommentId>,
    /// The cookie in each reader's browser.
    cookies: BTreeMap<&'a str, Token>,
}

/// Minutes before loading at which a comment was answered last, or posted.
pub(super) fn last_answered(content: &Content, comment: &Comment) -> i64 {
    let answers = content.comments.iter().filter(|answer| answer.parent.as_ref() == Some(&comment.key));
    answers.map(|answer| answer.posted_minutes_ago).min().unwrap_or(comment.posted_minutes_ago)
}

impl<'a> Talk<'a> {
    /// With nothing said.
    pub(super) fn new(stage: &'a Stage<'a>, content: &'a Content) -> Self {
        let mut settings = Settings::default();
        settings.comments.house_rules.clone_from(&content.site.house_rules);
        let parts = &stage.app.parts;
        let site = create::Site {
            words: Arc::new(word_lists::Cached::new(Arc::clone(&stage.app.db.shared().pages))),
            comments_a_minute: parts.ceilings.comments_a_minute,
            rng: parts.rng,
        };
        Self { stage, content, settings: Arc::new(settings), site, posted: BTreeMap::new(), cookies: BTreeMap::new() }
    }

    /// Posts a comment; where it goes, the rules say.
    pub(super) async fn post(&mut self, at: DateTime<Utc>, comment: &'a Comment) -> anyhow::Result<()> {
        self.stage.go_to(at);
        let mut conn = self.stage.read().await?;
        let place = model::place(&mut conn, &comment.article).await?.context("its article is not published")?;
        let references = model::references(&mut conn, place.revision, &comment.body).await?;
        drop(conn);
        let words = Words::parse(&comment.body, &references).map_err(refused)?;
        words.check_links().map_err(refused)?;
        let parent = comment.parent.as_deref().map(|key| self.posted(key)).transpose()?;
        let post = Post { place: &place, parent, words: &words, submission_key: None };
        let created = match (&comment.staff, &comment.reader) {
            (Some(key), _) => {
                let who = self.stage.person(key)?;
                self.stage.act(async |tx| Ok(create::create_as_staff(tx, who, post).await?)).await?
            }
            (None, Some(key)) => self.post_as_reader(key, comment, post).await?,
            (None, None) => return Err(anyhow!("nobody wrote it")),
        };
        self.posted.insert(&comment.key, created.id);
        if comment.pinned {
            let moderator = self.moderator()?;
            self.stage.act(async |tx| Ok(pin::pin(tx, &moderator, created.id, None).await?)).await?;
        }
        Ok(())
    }

    async fn post_as_reader(&mut self, key: &'a str, comment: &Comment, post: Post<'_>) -> anyhow::Result<Created> {
        let (reader, number) = self.reader(key)?;
        let mut conn = self.stage.read().await?;
        let app = self.stage.app;
        let site = &app.settings(&mut conn).await?.site.name;
        let name = model::guest_name(&mut conn, &app.parts.team, site, &reader.name).await?.map_err(refused)?;
        let browser = match self.cookies.get(key) {
            Some(token) => browser::find(&mut conn, token, self.stage.now()).await?,
            None => None,
        };
        drop(conn);
        let email = email(reader)?;
        let is_program = comment.state == CommentStatus::Spam && comment.reason.as_deref() == Some("speed");
        let guest = Guest {
            name: &name,
            email: &email,
            browser,
            network: network(number),
            notify: comment.notify.map_or(Notify::None, notify),
            is_trapped: false,
            dwell_seconds: Some(if is_program { PROGRAM_SECONDS } else { READING_SECONDS }),
        };
        let submission = Submission::of(post, guest, Arc::clone(&self.settings), self.stage.app.secret());
        let site = &self.site;
        let created = self.stage.act(async |tx| Ok(create::create(tx, site, &[&submission]).await?)).await?;
        let created = created.into_iter().next().context("its outcome is missing")??;
        if let Some(token) = &created.new_browser {
            self.cookies.insert(key, token.clone());
        }
        Ok(created)
    }

    /// The writer follows the link of a confirmation mail and ticks everything that waits under the address, unless
    /// this browser has proved it already.
    pub(super) async fn confirm(&self, at: DateTime<Utc>, comment: &Comment) -> anyhow::Result<()> {
        let Some(key) = comment.reader.as_deref() else { return Ok(()) };
        let (reader, _) = self.reader(key)?;
        let Some(token) = self.cookies.get(key).filter(|_| reader.confirmed) else { return Ok(()) };
        self.stage.go_to(at);
        let mut conn = self.stage.read().await?;
        let browser = browser::find(&mut conn, token, self.stage.now()).await?.context("its browser was forgotten")?;
        if browser.reader.is_some() {
            return Ok(());
        }
        let address =
            readers::find_address(&conn, &email(reader)?.canonical).await?.context("its address is not known")?;
        drop(conn);
        let (rng, now) = (self.stage.app.rng(), self.stage.now());
        self.stage
            .act(async |tx| {
                let link = notifications::confirm::make_link(tx, rng, address.id).await?;
                let waiting = confirm::find(tx.conn(), &link, now).await?.context("the link leads nowhere")?;
                let ticked: Vec<CommentId> = waiting.comments.iter().map(|comment| comment.id).collect();
                confirm::confirm(tx, &link, &ticked, Some(browser.id)).await?;
                Ok(())
            })
            .await
    }

    /// The moderator decides on a comment that a rule did not put where it ends: those that are public, or were
    /// until they were removed, are approved, others filed as spam.
    pub(super) async fn decide(&self, at: DateTime<Utc>, comment: &Comment) -> anyhow::Result<()> {
        self.stage.go_to(at);
        let card = self.card(comment).await?;
        let was_public = last_answered(self.content, comment) != comment.posted_minutes_ago;
        let to = match comment.state {
            CommentStatus::Approved => CommentStatus::Approved,
            CommentStatus::Spam => CommentStatus::Spam,
            CommentStatus::Trash if was_public => CommentStatus::Approved,
            CommentStatus::Trash | CommentStatus::Held => return Ok(()),
        };
        if card.status == to {
            return Ok(());
        }
        self.move_to(&card, to, None).await
    }

    /// Removes a comment for its reason, or lets its writer take it back; nothing for those that stay.
    pub(super) async fn remove(&self, at: DateTime<Utc>, comment: &Comment) -> anyhow::Result<()> {
        if comment.state != CommentStatus::Trash {
            return Ok(());
        }
        self.stage.go_to(at);
        let card = self.card(comment).await?;
        let reason = match comment.reason.as_deref() {
            Some("withdrawn") => return self.withdraw(comment, card.id).await,
            Some("unsafe-advice") => Reason::Unsafe,
            Some("abusive") => Reason::Abuse,
            other => return Err(anyhow!("nobody removes comments for {other:?}")),
        };
        self.move_to(&card, CommentStatus::Trash, Some(reason)).await
    }

    /// Readers say which comments helped them, from the browsers they wrote in.
    pub(super) async fn vote(&self) -> anyhow::Result<()> {
        for comment in &self.content.comments {
            let id = self.posted(&comment.key)?;
            for key in &comment.helpful {
                let token = self.cookies.get(key.as_str()).with_context(|| format!("{key} has no browser"))?;
                let browser = browser::find(&mut *self.stage.read().await?, token, self.stage.now())
                    .await?
                    .with_context(|| format!("the browser of {key} was forgotten"))?;
                self.stage.act(async |tx| Ok(helpful::vote(tx, Some(&browser), id, Vote::Helpful).await?)).await?;
            }
        }
        Ok(())
    }

    async fn move_to(&self, card: &Card, to: CommentStatus, reason: Option<Reason>) -> anyhow::Result<()> {
        let moderator = self.moderator()?;
        let decision = Decision { comment: card.id, to, version: card.version, reason, submission_key: None };
        self.stage.act(async |tx| Ok(decide::decide(tx, &moderator, decision).await?)).await?;
        Ok(())
    }

    async fn withdraw(&self, comment: &Comment, id: CommentId) -> anyhow::Result<()> {
        let token =
            comment.reader.as_deref().and_then(|key| self.cookies.get(key)).context("its writer has no browser")?;
        let browser = browser::find(&mut *self.stage.read().await?, token, self.stage.now())
            .await?
            .context("its browser was forgotten")?;
        self.stage.act(async |tx| Ok(withdraw::withdraw(tx, &browser, id).await?)).await?;
        Ok(())
    }

    /// Makes sure that every comment is where the content says: rules and content are changed by different people.
    pub(super) async fn check(&self) -> anyhow::Result<()> {
        for comment in &self.content.comments {
            let status = self.card(comment).await?.status;
            ensure!(status == comment.state, "{} ended as {status}, not as {}", comment.key, comment.state);
        }
        Ok(())
    }

    async fn card(&self, comment: &Comment) -> anyhow::Result<Card> {
        let id = self.posted(&comment.key)?;
        queue::find(&mut *self.stage.read().await?, &self.moderator()?, id).await?.context("it is not in any queue")
    }

    fn moderator(&self) -> anyhow::Result<MayDecide> {
        self.stage.right_of(Role::Moderator)
    }

    fn posted(&self, key: &str) -> anyhow::Result<CommentId> {
        self.posted.get(key).copied().ok_or_else(|| anyhow!("{key} was not posted yet"))
    }

    /// A reader and their place in the list.
    fn reader(&self, key: &str) -> anyhow::Result<(&'a Reader, u16)> {
        let mut numbered = self.content.readers.iter().zip(1..);
        numbered.find(|(reader, _)| reader.key == key).ok_or_else(|| anyhow!("no reader is called {key:?}"))
    }
}

fn refused(error: model::FieldError) -> anyhow::Error {
    anyhow!(error.message)
}

fn email(reader: &Reader) -> anyhow::Result<Email> {
    Email::parse(&reader.email).ok_or_else(|| anyhow!("{:?} is no address", reader.email))
}

/// A network each, of those set aside for documentation (RFC 3849).
fn network(number: u16) -> Network {
    Network::of(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 1)))
}

fn notify(scope: SubscriptionScope) -> Notify {
    match scope {
        SubscriptionScope::Replies => Notify::Replies,
        SubscriptionScope::Thread => Notify::Thread,
        SubscriptionScope::Article => Notify::Article,
    }
}
