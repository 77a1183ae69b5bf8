//! Sessions and known browsers: opaque tokens, hashed at rest, ended on the server at once (requirements S9).

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use std::time::Duration;

use crate::core::ids::{SessionId, StaffId};
use crate::core::limits;
use crate::core::network::Network;
use crate::core::rng::{Rng, Token};
use crate::core::secret::Secret;
use crate::core::status::{Role, StaffState};
use crate::core::text::Email;
use crate::db::schema::{staff, staff_devices, staff_sessions};
use crate::db::{DbError, Tx};
use crate::settings::People;
use crate::staff::authority::{Session, Signed};
use crate::staff::model;

/// From where a person signs in.
#[derive(Debug, Clone, Copy)]
pub struct Whence<'a> {
    /// The network; only its shortened form is kept.
    pub network: Network,
    /// The `User-Agent` header, of which "Firefox on Linux" is kept.
    pub user_agent: &'a str,
    /// The cookie `stet_device`, if the browser has one.
    pub device: Option<&'a Token>,
}

/// A session that was just opened.
#[derive(Debug)]
pub struct Opened {
    /// Its record.
    pub id: SessionId,
    /// Whose it is.
    pub staff_id: StaffId,
    /// For the cookie `stet_session`.
    pub token: Token,
    /// For the cookie `stet_device`, when the browser was not known.
    pub device: Option<Token>,
}

/// Opens a session. The person's browser is remembered.
pub async fn open(tx: &mut Tx, rng: Rng, staff_id: StaffId, from: &Whence<'_>) -> Result<Opened, DbError> {
    let now = tx.now;
    let token = rng.token();
    let id: SessionId = diesel::insert_into(staff_sessions::table)
        .values((
            staff_sessions::staff_id.eq(staff_id),
            staff_sessions::token_hash.eq(token.hash()),
            staff_sessions::created_at.eq(now),
            staff_sessions::last_seen_at.eq(now),
            staff_sessions::expires_at.eq(now + span(limits::SESSION_LIFE)),
            staff_sessions::network.eq(from.network.shown()),
            staff_sessions::browser.eq(browser(from.user_agent)),
        ))
        .returning(staff_sessions::id)
        .get_result(tx.conn())
        .await?;
    end_surplus(tx, staff_id).await?;
    diesel::update(staff::table.find(staff_id)).set(staff::last_seen_at.eq(now)).execute(tx.conn()).await?;
    let device = remember(tx, rng, staff_id, from.device).await?;
    Ok(Opened { id, staff_id, token, device })
}

async fn end_surplus(tx: &mut Tx, staff_id: StaffId) -> Result<(), DbError> {
    let surplus: Vec<SessionId> = staff_sessions::table
        .filter(staff_sessions::staff_id.eq(staff_id))
        .filter(staff_sessions::ended_at.is_null())
        .order((staff_sessions::last_seen_at.desc(), staff_sessions::id.desc()))
        .offset(limits::SESSIONS_PER_PERSON)
        .select(staff_sessions::id)
        .load(tx.conn())
        .await?;
    diesel::update(staff_sessions::table.filter(staff_sessions::id.eq_any(surplus)))
        .set(staff_sessions::ended_at.eq(tx.now))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether this browser is one the person has signed in from.
pub async fn is_known_device(
    conn: &mut AsyncPgConnection,
    staff_id: StaffId,
    device: &Token,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let known = staff_devices::table
        .filter(staff_devices::token_hash.eq(device.hash()))
        .filter(staff_devices::staff_id.eq(staff_id))
        .filter(staff_devices::last_seen_at.gt(now - span(limits::DEVICE_COOKIE_LIFE)));
    Ok(diesel::select(diesel::dsl::exists(known)).get_result(conn).await?)
}

/// A new token where the browser was not known to be this person's.
async fn remember(tx: &mut Tx, rng: Rng, staff_id: StaffId, device: Option<&Token>) -> Result<Option<Token>, DbError> {
    if let Some(device) = device {
        let known = staff_devices::table
            .filter(staff_devices::token_hash.eq(device.hash()))
            .filter(staff_devices::staff_id.eq(staff_id));
        let seen = diesel::update(known).set(staff_devices::last_seen_at.eq(tx.now)).execute(tx.conn()).await?;
        if seen > 0 {
            return Ok(None);
        }
    }
    let token = rng.token();
    diesel::insert_into(staff_devices::table)
        .values((
            staff_devices::staff_id.eq(staff_id),
            staff_devices::token_hash.eq(token.hash()),
            staff_devices::created_at.eq(tx.now),
            staff_devices::last_seen_at.eq(tx.now),
        ))
        .execute(tx.conn())
        .await?;
    let surplus: Vec<i64> = staff_devices::table
        .filter(staff_devices::staff_id.eq(staff_id))
        .order((staff_devices::last_seen_at.desc(), staff_devices::id.desc()))
        .offset(limits::DEVICES_PER_PERSON)
        .select(staff_devices::id)
        .load(tx.conn())
        .await?;
    diesel::delete(staff_devices::table.filter(staff_devices::id.eq_any(surplus))).execute(tx.conn()).await?;
    Ok(Some(token))
}

/// Forgets every browser of a person.
pub(super) async fn forget_devices(tx: &mut Tx, staff_id: StaffId) -> Result<(), DbError> {
    diesel::delete(staff_devices::table.filter(staff_devices::staff_id.eq(staff_id))).execute(tx.conn()).await?;
    Ok(())
}

/// A session as a request finds it.
#[derive(Debug)]
pub struct Found {
    /// The person signed in.
    pub session: Session,
    /// Its last use is older than [`limits::SESSION_SEEN_EVERY`]: call [`saw`].
    pub is_due: bool,
}

/// The session of a cookie, while it lives: not ended, not idle too long, not too old, of an active account.
pub async fn find(
    conn: &mut AsyncPgConnection,
    secret: &Secret,
    token: &Token,
    now: DateTime<Utc>,
    people: &People,
) -> Result<Option<Found>, DbError> {
    type Row = (SessionId, StaffId, DateTime<Utc>, String, Role, String, Option<String>);
    let hash = token.hash();
    let row: Option<Row> = staff_sessions::table
        .inner_join(staff::table)
        .filter(staff_sessions::token_hash.eq(&hash))
        .filter(staff_sessions::ended_at.is_null())
        .filter(staff_sessions::expires_at.gt(now))
        .filter(staff_sessions::last_seen_at.gt(now - span(limits::SESSION_IDLE)))
        .filter(staff::state.eq(StaffState::Active))
        .select((
            staff_sessions::id,
            staff::id,
            staff_sessions::last_seen_at,
            staff::name,
            staff::role,
            staff::title,
            staff::email_canonical,
        ))
        .first(conn)
        .await
        .optional()?;
    Ok(row.map(|(id, staff_id, last_seen_at, name, role, title, email)| {
        let csrf = BASE64URL_NOPAD.encode(&secret.mac("csrf", &hash));
        let email_masked = email.as_deref().map(Email::masked).unwrap_or_default();
        let session = Session::new(Signed {
            id: Some(id),
            staff_id,
            name,
            role,
            title,
            email_masked,
            csrf,
            people: people.clone(),
        });
        Found { session, is_due: last_seen_at <= now - span(limits::SESSION_SEEN_EVERY) }
    }))
}

/// Writes down that a session was used.
pub async fn saw(tx: &mut Tx, session: &Session) -> Result<(), DbError> {
    let Some(id) = session.id() else { return Ok(()) };
    diesel::update(staff_sessions::table.find(id))
        .set(staff_sessions::last_seen_at.eq(tx.now))
        .execute(tx.conn())
        .await?;
    diesel::update(staff::table.find(session.staff_id()))
        .set(staff::last_seen_at.eq(tx.now))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A session on the console in the name of an active person or a profile: for commands that do what people do
/// (the demo site, imports). It has no record and no form of it is ever valid.
pub async fn act_as(
    conn: &mut AsyncPgConnection,
    staff_id: StaffId,
    people: &People,
) -> Result<Option<Session>, DbError> {
    let person = model::find(conn, staff_id).await?;
    Ok(person.filter(|person| matches!(person.state, StaffState::Active | StaffState::Profile)).map(|person| {
        Session::new(Signed {
            id: None,
            staff_id,
            name: person.name,
            role: person.role,
            title: person.title,
            email_masked: String::new(),
            csrf: String::new(),
            people: people.clone(),
        })
    }))
}

/// Signs out: this session ends.
pub async fn sign_out(tx: &mut Tx, session: &Session) -> Result<(), DbError> {
    if let Some(id) = session.id() {
        end_own(tx, session, id).await?;
        model::log(tx, session.actor(), "staff.sign_out", session.staff_id(), json!({ "session": id })).await?;
    }
    Ok(())
}

/// Ends one of the person's own sessions; `false` when it is not theirs or had ended.
pub async fn revoke(tx: &mut Tx, session: &Session, id: SessionId) -> Result<bool, DbError> {
    let ended = end_own(tx, session, id).await?;
    if ended {
        model::log(tx, session.actor(), "staff.session.revoke", session.staff_id(), json!({ "session": id })).await?;
    }
    Ok(ended)
}

/// Ends all of the person's sessions but this one; answers how many.
pub async fn revoke_others(tx: &mut Tx, session: &Session) -> Result<usize, DbError> {
    let ended = end_all(tx, session.staff_id(), session.id()).await?;
    model::log(tx, session.actor(), "staff.session.revoke_others", session.staff_id(), json!({ "sessions": ended }))
        .await?;
    Ok(ended)
}

async fn end_own(tx: &mut Tx, session: &Session, id: SessionId) -> Result<bool, DbError> {
    let own = staff_sessions::table
        .find(id)
        .filter(staff_sessions::staff_id.eq(session.staff_id()))
        .filter(staff_sessions::ended_at.is_null());
    Ok(diesel::update(own).set(staff_sessions::ended_at.eq(tx.now)).execute(tx.conn()).await? > 0)
}

/// Ends the session of a cookie, whoever's it is: a sign-in replaces the browser's session.
pub(super) async fn end_by_token(tx: &mut Tx, token: &Token) -> Result<(), DbError> {
    let open = staff_sessions::table
        .filter(staff_sessions::token_hash.eq(token.hash()))
        .filter(staff_sessions::ended_at.is_null());
    diesel::update(open).set(staff_sessions::ended_at.eq(tx.now)).execute(tx.conn()).await?;
    Ok(())
}

/// Ends every session of a person, or all but one; answers how many.
pub(super) async fn end_all(tx: &mut Tx, staff_id: StaffId, but: Option<SessionId>) -> Result<usize, DbError> {
    let open = staff_sessions::table
        .filter(staff_sessions::staff_id.eq(staff_id))
        .filter(staff_sessions::ended_at.is_null())
        .filter(staff_sessions::id.ne(but.unwrap_or(SessionId(0))));
    Ok(diesel::update(open).set(staff_sessions::ended_at.eq(tx.now)).execute(tx.conn()).await?)
}

/// A session in the person's own list.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = staff_sessions)]
pub struct Listed {
    /// Its record.
    pub id: SessionId,
    /// Such as "Firefox on Linux".
    pub browser: Option<String>,
    /// Shortened; forgotten on schedule.
    pub network: Option<String>,
    /// When the person signed in.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to five minutes.
    pub last_seen_at: DateTime<Utc>,
}

/// A person's open sessions, the last used first; at most [`limits::SESSIONS_PER_PERSON`].
pub async fn list(conn: &mut AsyncPgConnection, staff_id: StaffId, now: DateTime<Utc>) -> Result<Vec<Listed>, DbError> {
    let rows = staff_sessions::table
        .filter(staff_sessions::staff_id.eq(staff_id))
        .filter(staff_sessions::ended_at.is_null())
        .filter(staff_sessions::expires_at.gt(now))
        .filter(staff_sessions::last_seen_at.gt(now - span(limits::SESSION_IDLE)))
        .order((staff_sessions::last_seen_at.desc(), staff_sessions::id.desc()))
        .limit(limits::SESSIONS_PER_PERSON)
        .select(Listed::as_select())
        .load(conn)
        .await?;
    Ok(rows)
}

pub(super) fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}

/// "Firefox on Linux" from a `User-Agent` header: enough to tell one's own browsers apart.
#[must_use]
pub fn browser(user_agent: &str) -> String {
    let named = |names: &[(&str, &'static str)]| {
        names.iter().find(|(sign, _)| user_agent.contains(sign)).map(|(_, name)| *name)
    };
    let program = named(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS", "Firefox"),
        ("CriOS", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = named(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(program), None) => program.to_owned(),
        (None, _) => "Another program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_without_their_details() {
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0";
        let phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
        assert_eq!(browser(firefox), "Firefox on Linux");
        assert_eq!(browser(edge), "Edge on Windows");
        assert_eq!(browser(phone), "Safari on iPhone");
        assert_eq!(browser("curl/8.0 <script>"), "Another program");
    }
}
