//! `stet serve --demo`: the demo site, an invented publication that shows every part of Stet at real size.
//!
//! Its texts, people, readers and sources stand as files in `src/cli/demo/` and are read by [`content`]. Loading
//! plays them through the verbs that the desk and the pages use, in the order of their times, each under a clock
//! that stands at the act's own time: comments are screened by the rules, held ones decided on by the moderator,
//! addresses confirmed by their links.
//!
//! Nobody is mailed: what an act would have queued for readers or staff is taken out of the queue with the act
//! itself, so that the outbox of a demo begins empty. Subscriptions are kept; what is written on the demo from
//! then on is mailed like on any site.

pub mod content;
mod house;
mod press;
mod stage;
mod talk;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::app::App;
use crate::core::status::Role;
use crate::db::DbError;
use crate::db::schema::{articles, comments, staff};
use crate::staff::roles;

use self::content::{Article, Comment, Content, Version};
use self::press::Press;
use self::stage::Stage;
use self::talk::Talk;

/// Days before the first publication at which the site was set up.
const SETUP_DAYS: i64 = 7;
/// Days before its publication at which an article is begun.
const DRAFTING_DAYS: i64 = 3;

/// What `--demo` did.
#[derive(Debug)]
pub enum Loaded {
    /// The demo site is there; these can sign in.
    Site(Vec<Account>),
    /// Somebody's site was there already: nothing was changed.
    Nothing,
}

/// Somebody of the demo's team. The password is known here and nowhere else.
#[derive(Debug, Clone)]
pub struct Account {
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Where they sign in.
    pub email: String,
    /// Made at loading.
    pub password: String,
}

/// Loads the demo site if there is nothing yet, telling its progress, and the accounts at the end.
pub async fn run(app: &App, say: impl Fn(&str)) -> anyhow::Result<()> {
    match load(app, &say).await? {
        Loaded::Nothing => {
            say(
                "This site has content already, so the demo site was not loaded. To see the demo, start Stet with another, empty data folder: --data-dir FOLDER",
            );
        }
        Loaded::Site(accounts) => tell(&accounts, say),
    }
    Ok(())
}

/// Loads the demo site if there is nothing yet.
///
/// **Errors** when a part of it was refused; the site is then incomplete, and its database is to be thrown away.
pub async fn load(app: &App, say: impl Fn(&str)) -> anyhow::Result<Loaded> {
    if has_content(app).await? {
        return Ok(Loaded::Nothing);
    }
    let content = content::load()?;
    say("Loading the demo site");
    play(app, &content, say)
        .await
        .map(Loaded::Site)
        .context("the demo site could not be loaded whole. Empty the data folder and start again")
}

/// Whether anybody works, writes or comments here.
async fn has_content(app: &App) -> Result<bool, DbError> {
    let mut conn = app.db.read().await?;
    let people = diesel::select(exists(staff::table.select(staff::id)));
    let texts = diesel::select(exists(articles::table.select(articles::id)));
    let talk = diesel::select(exists(comments::table.select(comments::id)));
    Ok(people.get_result(&mut *conn).await?
        || texts.get_result(&mut *conn).await?
        || talk.get_result(&mut *conn).await?)
}

async fn play(app: &App, content: &Content, say: impl Fn(&str)) -> anyhow::Result<Vec<Account>> {
    let oldest = content.articles.iter().map(|article| article.front.published_days_ago).max().unwrap_or(0);
    let mut stage = Stage::new(app, TimeDelta::days(oldest + SETUP_DAYS));
    let accounts = house::hire(&mut stage, content).await?;
    say(&format!("  {} people on the team", accounts.len()));
    let furnished = house::furnish(&stage, content).await?;
    say(&format!(
        "  {} sources, {} pictures, {} topics",
        furnished.sources,
        furnished.media.len(),
        furnished.topics.len()
    ));
    let mut press = Press::new(&stage, furnished);
    let mut talk = Talk::new(&stage, content);
    let versions = content
        .articles
        .iter()
        .map(|article| Ok((article, article.versions()?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    for (at, act) in acts(&stage, content, &versions) {
        match act {
            Act::Begin(article) => press.begin(at, article).await.with_context(|| article.front.slug.clone())?,
            Act::Publish(article, version) => {
                press.publish(at, article, version).await.with_context(|| article.front.slug.clone())?;
            }
            Act::Post(comment) => talk.post(at, comment).await.with_context(|| comment.key.clone())?,
            Act::Confirm(comment) => talk.confirm(at, comment).await.with_context(|| comment.key.clone())?,
            Act::Decide(comment) => talk.decide(at, comment).await.with_context(|| comment.key.clone())?,
            Act::Remove(comment) => talk.remove(at, comment).await.with_context(|| comment.key.clone())?,
        }
    }
    talk.vote().await?;
    talk.check().await?;
    say(&format!("  {} articles and pages, {} comments", content.articles.len(), content.comments.len()));
    Ok(accounts)
}

/// One thing somebody did.
#[derive(Debug, Clone, Copy)]
enum Act<'a> {
    /// An article is begun.
    Begin(&'a Article),
    /// A version of it is published.
    Publish(&'a Article, &'a Version),
    /// A comment is posted.
    Post(&'a Comment),
    /// Its writer follows the link of the confirmation mail, if the address is still to be proved.
    Confirm(&'a Comment),
    /// The moderator decides on it, if a rule held it and it does not end there.
    Decide(&'a Comment),
    /// It is removed or taken back.
    Remove(&'a Comment),
}

/// Everything that happened, oldest first.
fn acts<'a>(
    stage: &Stage<'_>,
    content: &'a Content,
    versions: &'a [(&'a Article, Vec<Version>)],
) -> Vec<(DateTime<Utc>, Act<'a>)> {
    let mut acts = Vec::new();
    for (article, versions) in versions {
        acts.push((stage.ago(TimeDelta::days(article.front.published_days_ago + DRAFTING_DAYS)), Act::Begin(article)));
        acts.extend(
            versions
                .iter()
                .map(|version| (stage.ago(TimeDelta::days(version.days_ago)), Act::Publish(article, version))),
        );
    }
    for (comment, turn) in content.comments.iter().zip(0_i64..) {
        let posted = stage.ago(TimeDelta::minutes(comment.posted_minutes_ago));
        acts.push((posted, Act::Post(comment)));
        acts.push((posted + TimeDelta::minutes(2), Act::Confirm(comment)));
        acts.push((posted + TimeDelta::minutes(4 + turn * 7 % 11), Act::Decide(comment)));
        acts.push((stage.ago(TimeDelta::minutes(talk::last_answered(content, comment) - 20)), Act::Remove(comment)));
    }
    acts.sort_by_key(|(at, _)| *at);
    acts
}

fn tell(accounts: &[Account], say: impl Fn(&str)) {
    let width =
        |text: fn(&Account) -> &str| accounts.iter().map(|account| text(account).chars().count()).max().unwrap_or(0);
    let (name_width, role_width, email_width) =
        (width(|account| &account.name), width(|account| roles::label(account.role)), width(|account| &account.email));
    say("");
    say("The demo site is ready. These people can sign in at /desk; their passwords are shown this once:");
    for Account { name, role, email, password } in accounts {
        say(&format!("  {name:name_width$}  {:role_width$}  {email:email_width$}  {password}", roles::label(*role)));
    }
    say("");
}
