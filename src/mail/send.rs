//! Sending one mail of the outbox: build, hand over, write down what came of it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::dsl::exists;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use lettre::message::Mailbox;

use crate::core::clock::Clock;
use crate::core::ids::MailId;
use crate::core::limits;
use crate::core::rng::Rng;
use crate::core::status::MailState;
use crate::db::schema::mail_messages;
use crate::db::{Db, DbError};
use crate::jobs::job::{Gate, Outcome};
use crate::jobs::queue;
use crate::mail::breaker::Breaker;
use crate::mail::message;
use crate::mail::outbox::{self, Mail};
use crate::mail::transport::{BadUrl, Eml, Failure, Patience, Smtp, Transport};

/// What sends mail: the way out, the sender's address, and what is known of the server.
#[derive(Debug)]
pub struct Mailer {
    transport: Transport,
    from: Mailbox,
    breaker: Breaker,
    taken: Taken,
    clock: Clock,
    rng: Rng,
}

/// When the server last took a mail, and whether it has refused everything since. A server that refuses all for now
/// (4xx) is asked with one mail every 90 seconds, however old the mails are, and sent the rest once it takes one
/// (requirements R4); a single mail it refuses beside others waits longer and longer.
#[derive(Debug, Default)]
struct Taken {
    last: Mutex<Option<DateTime<Utc>>>,
    refuses_all: AtomicBool,
}

impl Taken {
    /// A mail was taken; answers whether others were refused before it.
    fn took(&self, now: DateTime<Utc>) -> bool {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        self.refuses_all.swap(false, Ordering::AcqRel)
    }

    /// A mail was refused for now; answers whether the server refuses everything, as far as is known.
    fn refused(&self, mail: &Mail) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let refuses_all = last.is_none_or(|last| last < mail.created_at);
        self.refuses_all.fetch_or(refuses_all, Ordering::AcqRel);
        refuses_all
    }
}

/// Settings mail cannot be sent with.
#[derive(Debug, thiserror::Error)]
pub enum BadMailer {
    /// `STET_MAIL_FROM` is no address.
    #[error("STET_MAIL_FROM must be an address, such as desk@harbour.example or Harbour Health <desk@harbour.example>")]
    Sender,
    /// `STET_SMTP_URL` cannot be used.
    #[error("STET_SMTP_URL: {0}")]
    Server(#[from] BadUrl),
}

/// Where mail goes and whom it comes from, as configured.
#[derive(Debug, Clone, Copy)]
pub struct Wiring<'a> {
    /// `STET_SMTP_URL`; `None`: files in the data folder.
    pub smtp_url: Option<&'a str>,
    /// `STET_MAIL_FROM`; `None`: `stet@` and the site's host.
    pub from: Option<&'a str>,
    /// The site's host: the name given to mail servers.
    pub host: &'a str,
    /// The data folder; files go to `mail` in it.
    pub data_dir: &'a Path,
    /// How long servers are waited for.
    pub patience: Patience,
}

impl Mailer {
    /// Sends through `transport`, from `from` (`STET_MAIL_FROM`, with or without a name).
    pub fn new(transport: Transport, from: &str, clock: Clock, rng: Rng) -> Result<Self, BadMailer> {
        let from: Mailbox = from.parse().map_err(|_| BadMailer::Sender)?;
        if from.name.iter().any(|name| name.contains(char::is_control)) {
            return Err(BadMailer::Sender);
        }
        Ok(Self { transport, from, breaker: Breaker::new(clock.clone()), taken: Taken::default(), clock, rng })
    }

    /// A mailer as configured. Nothing is connected yet.
    pub fn configured(wiring: &Wiring<'_>, clock: Clock, rng: Rng) -> Result<Self, BadMailer> {
        let transport = match wiring.smtp_url {
            Some(url) => Transport::Smtp(Box::new(Smtp::from_url(url, wiring.host, wiring.patience, clock.clone())?)),
            None => Transport::Eml(Eml::new(wiring.data_dir.join("mail"))),
        };
        let usual = format!("stet@{}", if wiring.host.contains('.') { wiring.host } else { "localhost.localdomain" });
        Self::new(transport, wiring.from.unwrap_or(&usual), clock, rng)
    }

    /// How many mails may be under way: the queue asks before it claims one.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.breaker.gate()
    }

    /// Since when the mail server cannot be reached; `None` while it can. For the desk.
    #[must_use]
    pub fn away_since(&self) -> Option<DateTime<Utc>> {
        self.breaker.away_since()
    }

    /// Where mails go.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    fn sender(&self, site_name: &str) -> Mailbox {
        let mut from = self.from.clone();
        if from.name.is_none() {
            from.name = Some(site_name.chars().filter(|c| !c.is_control()).collect());
        }
        from
    }
}

/// Sends one mail that is still wanted and writes down what came of it, in statements of their own: a mail the
/// server has taken is marked before anything else happens.
///
/// 4xx: tried again with a growing pause, for [`limits::MAIL_TRIED_FOR`] (see `Taken`). 5xx: given up at once. No connection:
/// waits with all others for the breaker.
pub async fn deliver(mailer: &Mailer, db: &Db, site_name: &str, mail: &Mail) -> Outcome {
    if let Some(after) = mailer.breaker.wait() {
        return Outcome::Later { after };
    }
    let headers = mail.headers();
    let built = message::build(&mailer.sender(site_name), &mail.content(&headers), mail.created_at);
    let sent = match &built {
        Ok(message) => mailer.transport.send(mail.id, message).await,
        Err(unsendable) => Err(Failure::Final(unsendable.to_string())),
    };
    if built.is_ok() && !matches!(sent, Err(Failure::Connection(_))) {
        mailer.breaker.answered();
    }
    let now = mailer.clock.now();
    match sent {
        Ok(()) => {
            record(db, mail.id, Record::over(MailState::Sent, None, now)).await;
            if mailer.taken.took(now) {
                hasten(db, now).await;
            }
            Outcome::Done
        }
        Err(Failure::Final(why)) => give_up(db, mail.id, why, now).await,
        Err(Failure::Passing(why))
            if (now - mail.created_at).to_std().is_ok_and(|age| age > limits::MAIL_TRIED_FOR) =>
        {
            give_up(db, mail.id, why, now).await
        }
        Err(Failure::Passing(why)) => {
            let is_scout = mailer.taken.refused(mail) && !is_another_due(db, mail.id, now).await;
            let age = if is_scout { TimeDelta::zero() } else { now - mail.created_at };
            let after = pause(age, mail.attempts, mailer.rng);
            record(db, mail.id, Record::again(why.clone(), now + after)).await;
            Outcome::Retry { after: Some(after), reason: why }
        }
        Err(Failure::Connection(why)) => {
            let after = mailer.breaker.failed();
            record(db, mail.id, Record::again(why, now + after)).await;
            Outcome::Later { after }
        }
    }
}

/// Whether another mail is tried soon, so that this one need not find out whether the server is well again. A
/// database that does not answer is as good as none: the mail is tried.
async fn is_another_due(db: &Db, mail: MailId, now: DateTime<Utc>) -> bool {
    let another = async {
        let another = mail_messages::table
            .filter(mail_messages::state.eq(MailState::Queued))
            .filter(mail_messages::id.ne(mail))
            .filter(mail_messages::next_try_at.between(now, now + SCOUT_PAUSE));
        Ok::<bool, DbError>(diesel::select(exists(another)).get_result(&mut *db.read().await?).await?)
    };
    another.await.unwrap_or(false)
}

/// The server takes mail again: what waits is sent now. What this misses goes out at its own time.
async fn hasten(db: &Db, now: DateTime<Utc>) {
    let hastened = async { queue::hasten(&mut *db.read().await?, outbox::SEND, now).await };
    match hastened.await {
        Ok(mails) => {
            tracing::info!(mails, "the mail server takes mail again: what waited is sent now");
            db.shared().jobs_waiting.notify_one();
        }
        Err(error) => tracing::warn!(%error, "waiting mails are sent at their own time"),
    }
}

async fn give_up(db: &Db, mail: MailId, why: String, now: DateTime<Utc>) -> Outcome {
    record(db, mail, Record::over(MailState::Failed, Some(why.clone()), now)).await;
    Outcome::GiveUp { reason: why }
}

/// Takes a mail back that nobody wants any more.
pub async fn withdraw(db: &Db, mail: MailId, why: &str, now: DateTime<Utc>) {
    record(db, mail, Record::over(MailState::Withdrawn, Some(why.to_owned()), now)).await;
}

/// One mail at least is tried in this time while the server refuses all.
const SCOUT_PAUSE: TimeDelta = TimeDelta::seconds(90);

/// The pause after an answer that may pass. In the first hour at most 90 seconds, so that a server that is well
/// again has everything within 120 (requirements R4); later a tenth of the mail's age, at most half an hour.
fn pause(age: TimeDelta, attempts: i32, rng: Rng) -> Duration {
    let age = age.to_std().unwrap_or_default();
    let first =
        Duration::from_secs(15).saturating_mul(2_u32.saturating_pow(u32::try_from(attempts).unwrap_or(0).min(4)));
    let most =
        if age < Duration::from_hours(1) { Duration::from_secs(75) } else { (age / 10).min(Duration::from_mins(30)) };
    let plain = first.min(most);
    plain + Duration::from_millis(rng.below(u64::try_from(plain.as_millis() / 5).unwrap_or(0)))
}

/// What came of a try; an error outlives a later success.
struct Record {
    state: MailState,
    why: Option<String>,
    next_try_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

impl Record {
    fn over(state: MailState, why: Option<String>, now: DateTime<Utc>) -> Self {
        Self { state, next_try_at: None, finished_at: Some(now), why }
    }

    fn again(why: String, at: DateTime<Utc>) -> Self {
        Self { state: MailState::Queued, next_try_at: Some(at), finished_at: None, why: Some(why) }
    }
}

// Worth many tries: a mail that was sent and could not be marked would be sent once more.
async fn record(db: &Db, mail: MailId, record: Record) {
    for pause in limits::FINISH_PAUSES {
        if write(db, mail, &record).await.is_ok() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
    tracing::error!(
        mail.id = mail.0,
        "what came of a mail could not be written; it may be sent again with the same Message-ID"
    );
}

async fn write(db: &Db, mail: MailId, record: &Record) -> Result<(), DbError> {
    let tried = i32::from(record.state != MailState::Withdrawn);
    diesel::update(mail_messages::table)
        .filter(mail_messages::id.eq(mail))
        .filter(mail_messages::state.eq(MailState::Queued))
        .set((
            mail_messages::state.eq(record.state),
            mail_messages::next_try_at.eq(record.next_try_at),
            mail_messages::finished_at.eq(record.finished_at),
            record.why.as_ref().map(|why| mail_messages::last_error.eq(why)),
            mail_messages::attempts.eq(mail_messages::attempts + tried),
        ))
        .execute(&mut *db.read().await?)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_the_first_hour_no_mail_waits_longer_than_90_seconds() {
        for attempts in [0, 1, 5, 200, i32::MAX] {
            let waited = pause(TimeDelta::minutes(59), attempts, Rng::system());
            assert!(waited >= Duration::from_secs(15) && waited <= Duration::from_secs(90), "{waited:?}");
        }
        assert!(pause(TimeDelta::days(2), 40, Rng::system()) >= Duration::from_secs(240));
    }
}
