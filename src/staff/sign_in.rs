//! Signing in: throttled by rows that hold over restarts and nodes, with one answer and one cost whether the
//! account exists or not (requirements S10, S11). No account is ever locked (D5).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;
use serde_json::json;
use std::time::Duration;

use crate::audit::Actor;
use crate::core::ids::StaffId;
use crate::core::limits;
use crate::core::rng::{Rng, Token};
use crate::core::secret::Secret;
use crate::core::status::StaffState;
use crate::core::text::Email;
use crate::db::schema::{sign_in_failures, staff};
use crate::db::{Db, DbError, Tx};
use crate::staff::authority::Session;
use crate::staff::model;
use crate::staff::password::{Compared, HashError, Passwords};
use crate::staff::session::{self, Opened, Whence, span};

/// What sign-in needs of the process.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// The database.
    pub db: &'a Db,
    /// argon2.
    pub passwords: &'a Passwords,
    /// The site's key.
    pub secret: &'a Secret,
    /// Chance.
    pub rng: Rng,
}

/// What was sent.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// As typed.
    pub email: &'a str,
    /// As typed.
    pub password: &'a str,
    /// From where.
    pub whence: Whence<'a>,
    /// The session the browser had: it ends when another begins.
    pub replaces: Option<&'a Token>,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Wrong, whatever of it.
    #[error("that email and password don’t match")]
    Mismatch {
        /// Tries of this account from here before a pause.
        tries_left: i64,
    },
    /// A ceiling is reached; nothing was compared.
    #[error("too many tries")]
    TooMany {
        /// Until the next try is taken.
        wait: Duration,
    },
    /// Too many passwords are being compared just now.
    #[error("too many people are signing in just now")]
    Busy,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(SignInError);

struct Account {
    id: StaffId,
    hash: String,
}

struct Keys {
    account: Vec<u8>,
    // Of the network, or of the browser when it is known to be this person's: somebody else's failures from the
    // same network, or at the same account, then do not count against them.
    place: Vec<u8>,
    is_known_device: bool,
}

/// Signs a person in with password.
///
/// A try is written down before the password is compared, so that many at once count as many.
///
/// **Errors** [`SignInError`].
pub async fn sign_in(desk: Desk<'_>, attempt: &Attempt<'_>) -> Result<Opened, SignInError> {
    let email = Email::parse(attempt.email);
    let (account, keys) = look_up(desk, attempt, email.as_ref()).await?;
    let (failure, tries_left) = desk.db.transact(async |tx| count(tx, &keys).await).await?;
    let compared =
        desk.passwords.compare(attempt.password, account.as_ref().map(|account| account.hash.as_str())).await;
    let outdated = match (&account, compared) {
        (Some(_), Ok(Compared::Right { outdated })) => outdated,
        (_, Ok(_)) => return Err(SignInError::Mismatch { tries_left }),
        (_, Err(HashError::Busy | HashError::Failed)) => {
            desk.db.transact(async |tx| forgive(tx, failure, None).await).await?;
            return Err(SignInError::Busy);
        }
    };
    let Some(account) = account else { return Err(SignInError::Mismatch { tries_left }) };
    let renewed = if outdated { desk.passwords.hash_again(attempt.password).await.ok() } else { None };
    desk.db
        .transact(async |tx| {
            // Between reading and now the account may have been suspended or its password changed.
            let same = staff::table
                .find(account.id)
                .filter(staff::state.eq(StaffState::Active))
                .filter(staff::password_hash.eq(&account.hash));
            let still: Option<StaffId> = same.select(staff::id).for_update().first(tx.conn()).await.optional()?;
            if still.is_none() {
                return Err(SignInError::Mismatch { tries_left });
            }
            forgive(tx, failure, Some(&keys)).await?;
            if let Some(token) = attempt.replaces {
                session::end_by_token(tx, token).await?;
            }
            if let Some(renewed) = &renewed {
                diesel::update(staff::table.find(account.id))
                    .set(staff::password_hash.eq(renewed.as_str()))
                    .execute(tx.conn())
                    .await?;
            }
            let opened = session::open(tx, desk.rng, account.id, &attempt.whence).await?;
            let detail =
                json!({ "session": opened.id, "known_browser": keys.is_known_device, "rehashed": renewed.is_some() });
            model::log(tx, Actor::Staff(account.id), "staff.sign_in", account.id, detail).await?;
            Ok(opened)
        })
        .await
}

/// Compares the password of somebody signed in, before an act that asks for it again: under the same ceilings.
///
/// **Errors** [`SignInError`].
pub async fn confirm(
    desk: Desk<'_>,
    session: &Session,
    password: &str,
    whence: &Whence<'_>,
) -> Result<(), SignInError> {
    let (canonical, hash): (Option<String>, Option<String>) = staff::table
        .find(session.staff_id())
        .select((staff::email_canonical, staff::password_hash))
        .first(&mut *desk.db.read().await?)
        .await?;
    let account = desk.secret.mac("account", canonical.unwrap_or_default().as_bytes()).to_vec();
    let keys = Keys { account, place: whence.network.key(desk.secret), is_known_device: true };
    let (failure, tries_left) = desk.db.transact(async |tx| count(tx, &keys).await).await?;
    match desk.passwords.compare(password, hash.as_deref()).await {
        Ok(Compared::Right { .. }) => Ok(desk.db.transact(async |tx| forgive(tx, failure, Some(&keys)).await).await?),
        Ok(Compared::Wrong) => Err(SignInError::Mismatch { tries_left }),
        Err(HashError::Busy | HashError::Failed) => {
            desk.db.transact(async |tx| forgive(tx, failure, None).await).await?;
            Err(SignInError::Busy)
        }
    }
}

/// The same statements whether or not there is such an account.
async fn look_up(
    desk: Desk<'_>,
    attempt: &Attempt<'_>,
    email: Option<&Email>,
) -> Result<(Option<Account>, Keys), DbError> {
    let typed = attempt.email.trim().to_lowercase();
    let canonical = email.map_or(typed.as_str(), |email| email.canonical.as_str());
    let network = attempt.whence.network.key(desk.secret);
    let mut conn = desk.db.read().await?;
    let row: Option<(StaffId, Option<String>)> = staff::table
        .filter(staff::email_canonical.eq(canonical))
        .filter(staff::state.eq(StaffState::Active))
        .select((staff::id, staff::password_hash))
        .first(&mut *conn)
        .await
        .optional()?;
    let account = row.and_then(|(id, hash)| hash.map(|hash| Account { id, hash }));
    let known = match attempt.whence.device {
        Some(device) => {
            let id = account.as_ref().map_or(StaffId(0), |account| account.id);
            let now = desk.db.shared().now();
            session::is_known_device(&mut conn, id, device, now).await?.then(|| device.hash())
        }
        None => None,
    };
    let is_known_device = known.is_some();
    let place = known.map_or(network, |device| desk.secret.mac("device", &device).to_vec());
    Ok((account, Keys { account: desk.secret.mac("account", canonical.as_bytes()).to_vec(), place, is_known_device }))
}

/// Writes the try down, if it is still within the ceilings; answers its row and how many more there may be.
async fn count(tx: &mut Tx, keys: &Keys) -> Result<(i64, i64), SignInError> {
    // One at a time for an account: two tries at once must not both be the tenth.
    let lock = keys.account.iter().take(8).fold(0_i64, |number, byte| (number << 8) | i64::from(*byte));
    diesel::sql_query("select pg_advisory_xact_lock($1)").bind::<BigInt, _>(lock).execute(tx.conn()).await?;
    let in_window = times(tx, limits::SIGN_IN_WINDOW, limits::SIGN_INS_PER_ACCOUNT_AND_NETWORK, |query| {
        query
            .filter(sign_in_failures::account_key.eq(keys.account.clone()))
            .filter(sign_in_failures::network_key.eq(keys.place.clone()))
    })
    .await?;
    refuse_past(tx.now, &in_window, limits::SIGN_INS_PER_ACCOUNT_AND_NETWORK, limits::SIGN_IN_WINDOW)?;
    let from_here = times(tx, limits::SIGN_IN_HOUR, limits::SIGN_INS_AN_HOUR, |query| {
        query.filter(sign_in_failures::network_key.eq(keys.place.clone()))
    })
    .await?;
    refuse_past(tx.now, &from_here, limits::SIGN_INS_AN_HOUR, limits::SIGN_IN_HOUR)?;
    if !keys.is_known_device {
        let at_account = times(tx, limits::SIGN_IN_HOUR, limits::SIGN_INS_AN_HOUR, |query| {
            query.filter(sign_in_failures::account_key.eq(keys.account.clone()))
        })
        .await?;
        refuse_past(tx.now, &at_account, limits::SIGN_INS_AN_HOUR, limits::SIGN_IN_HOUR)?;
    }
    let failure: i64 = diesel::insert_into(sign_in_failures::table)
        .values((
            sign_in_failures::account_key.eq(&keys.account),
            sign_in_failures::network_key.eq(&keys.place),
            sign_in_failures::failed_at.eq(tx.now),
        ))
        .returning(sign_in_failures::id)
        .get_result(tx.conn())
        .await?;
    let used = i64::try_from(in_window.len()).unwrap_or(i64::MAX).saturating_add(1);
    Ok((failure, limits::SIGN_INS_PER_ACCOUNT_AND_NETWORK.saturating_sub(used)))
}

type Query<'a> = sign_in_failures::BoxedQuery<'a, diesel::pg::Pg>;

/// Times of the newest failures in a window, newest first, at most `ceiling`.
async fn times<'a>(
    tx: &mut Tx,
    window: Duration,
    ceiling: i64,
    narrow: impl FnOnce(Query<'a>) -> Query<'a>,
) -> Result<Vec<DateTime<Utc>>, DbError> {
    let since = tx.now - span(window);
    let query = sign_in_failures::table
        .into_boxed()
        .filter(sign_in_failures::failed_at.gt(since))
        .order(sign_in_failures::failed_at.desc())
        .limit(ceiling);
    let rows = narrow(query).select(sign_in_failures::failed_at).load(tx.conn()).await?;
    Ok(rows)
}

/// Refused while the window holds `ceiling` failures; the oldest of them leaving it ends the pause.
fn refuse_past(
    now: DateTime<Utc>,
    newest_first: &[DateTime<Utc>],
    ceiling: i64,
    window: Duration,
) -> Result<(), SignInError> {
    let Some(oldest) = usize::try_from(ceiling - 1).ok().and_then(|at| newest_first.get(at)) else { return Ok(()) };
    let wait = (*oldest + span(window) - now).max(TimeDelta::seconds(1));
    Err(SignInError::TooMany { wait: wait.to_std().unwrap_or(window) })
}

/// Takes a try off the count: it was right, or was never compared. With it go the account's from the same place.
async fn forgive(tx: &mut Tx, failure: i64, keys: Option<&Keys>) -> Result<(), DbError> {
    diesel::delete(sign_in_failures::table.find(failure)).execute(tx.conn()).await?;
    if let Some(keys) = keys {
        let pair = sign_in_failures::table
            .filter(sign_in_failures::account_key.eq(&keys.account))
            .filter(sign_in_failures::network_key.eq(&keys.place));
        diesel::delete(pair).execute(tx.conn()).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds_ago(now: DateTime<Utc>, ages: &[i64]) -> Vec<DateTime<Utc>> {
        ages.iter().map(|age| now - TimeDelta::seconds(*age)).collect()
    }

    #[test]
    fn the_pause_ends_when_the_oldest_failure_leaves_the_window() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(1);
        let window = Duration::from_secs(300);
        assert!(refuse_past(now, &seconds_ago(now, &[1, 2]), 3, window).is_ok());
        let Err(SignInError::TooMany { wait }) = refuse_past(now, &seconds_ago(now, &[1, 2, 100]), 3, window) else {
            panic!("refused at the ceiling")
        };
        assert_eq!(wait, Duration::from_secs(200));
        let Err(SignInError::TooMany { wait }) = refuse_past(now, &seconds_ago(now, &[1, 2, 300]), 3, window) else {
            panic!("refused at the ceiling")
        };
        assert_eq!(wait, Duration::from_secs(1));
    }
}
