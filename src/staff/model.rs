//! People on the team as records: adding, finding, roles, suspension.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Actor, Entry};
use crate::core::ids::StaffId;
use crate::core::limits;
use crate::core::page_store::Tag;
use crate::core::status::{Role, StaffState};
use crate::core::text::{self, Email};
use crate::db::schema::{staff, staff_links};
use crate::db::{DbError, Tx};
use crate::staff::authority::MayManageStaff;
use crate::staff::password::Hashed;
use crate::staff::session;

/// A person on the team.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = staff)]
pub struct Person {
    /// Its id.
    pub id: StaffId,
    /// The name readers see.
    pub name: String,
    /// Its part of `/authors/{slug}`.
    pub slug: String,
    /// Such as "Sleep physician"; may be empty.
    pub title: String,
    /// The line under an article; may be empty.
    pub credentials: String,
    /// A few sentences; may be empty.
    pub bio: String,
    /// As typed; none for a profile.
    pub email: Option<String>,
    /// What they may do.
    pub role: Role,
    /// Whether they may sign in.
    pub state: StaffState,
    /// When they were added.
    pub created_at: DateTime<Utc>,
    /// When they were last here, to five minutes.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// Who adds or changes people.
#[derive(Debug, Clone, Copy)]
pub enum By<'a> {
    /// Somebody signed in.
    Manager(&'a MayManageStaff),
    /// A command on the server's console.
    Console,
}

impl By<'_> {
    /// As the audit log names them.
    #[must_use]
    pub fn actor(self) -> Actor {
        match self {
            Self::Manager(manager) => manager.actor(),
            Self::Console => Actor::Console,
        }
    }

    fn is(self, id: StaffId) -> bool {
        matches!(self, Self::Manager(manager) if manager.staff_id() == id)
    }
}

/// How a new person begins.
#[derive(Debug, Clone, Copy)]
pub enum Standing<'a> {
    /// Credited on articles, never signs in.
    Profile,
    /// Gets a link to choose a password.
    Invited(&'a Email),
    /// Signs in with this password.
    Active(&'a Email, &'a Hashed),
}

/// A person to be added.
#[derive(Debug, Clone, Copy)]
pub struct NewPerson<'a> {
    /// The name readers see.
    pub name: &'a str,
    /// What they may do.
    pub role: Role,
    /// Such as "Sleep physician"; may be empty.
    pub title: &'a str,
    /// The line under an article; may be empty.
    pub credentials: &'a str,
    /// A few sentences; may be empty.
    pub bio: &'a str,
    /// How they begin.
    pub standing: Standing<'a>,
}

impl<'a> NewPerson<'a> {
    /// A person of whom nothing more is known.
    #[must_use]
    pub fn new(name: &'a str, role: Role, standing: Standing<'a>) -> Self {
        Self { name, role, title: "", credentials: "", bio: "", standing }
    }
}

/// Why a person was not added; the text is what the one who adds reads.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// No name, or none that can be seen.
    #[error("Enter a name")]
    NoName,
    /// Longer than [`limits::NAME_CHARS_MAX`].
    #[error("Name must be {max} characters or fewer", max = limits::NAME_CHARS_MAX)]
    LongName,
    /// Somebody on the team has this name or one that looks like it.
    #[error("Somebody on the team already has this name, or one that looks the same")]
    NameTaken,
    /// Somebody on the team has this address.
    #[error("Somebody on the team already has this email")]
    EmailTaken,
    /// Title, credentials or bio are longer than their columns.
    #[error("The title, credentials or text about the person is too long")]
    LongText,
    /// There is one owner; the site is handed over, not shared.
    #[error("The site already has an owner")]
    OwnerExists,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}

impl From<DbError> for CreateError {
    fn from(error: DbError) -> Self {
        match error.constraint() {
            Some("staff_name_skeleton_idx") => Self::NameTaken,
            Some("staff_email_canonical_idx") => Self::EmailTaken,
            Some("staff_one_owner_idx") => Self::OwnerExists,
            Some(_) | None => Self::Db(error),
        }
    }
}

impl From<diesel::result::Error> for CreateError {
    fn from(error: diesel::result::Error) -> Self {
        DbError::from(error).into()
    }
}

/// Adds a person. Names are unique as they look (requirements D7).
///
/// **Errors** [`CreateError`].
pub async fn create(tx: &mut Tx, by: By<'_>, new: &NewPerson<'_>) -> Result<StaffId, CreateError> {
    if matches!(by, By::Manager(_)) && new.role == Role::Owner {
        return Err(CreateError::OwnerExists);
    }
    insert(tx, by.actor(), new).await
}

pub(super) async fn insert(tx: &mut Tx, actor: Actor, new: &NewPerson<'_>) -> Result<StaffId, CreateError> {
    let name = name(new.name)?;
    let too_long = |text: &str, max: usize| text.chars().count() > max;
    if too_long(new.title, limits::STAFF_TITLE_CHARS_MAX)
        || too_long(new.credentials, limits::CREDENTIALS_CHARS_MAX)
        || too_long(new.bio, limits::BIO_CHARS_MAX)
    {
        return Err(CreateError::LongText);
    }
    let (state, email, hash) = match new.standing {
        Standing::Profile => (StaffState::Profile, None, None),
        Standing::Invited(email) => (StaffState::Invited, Some(email), None),
        Standing::Active(email, hash) => (StaffState::Active, Some(email), Some(hash)),
    };
    let now = tx.now;
    let slug = free_slug(tx.conn(), &name).await?;
    let id: StaffId = diesel::insert_into(staff::table)
        .values((
            staff::name.eq(&name),
            staff::name_skeleton.eq(text::skeleton(&name)),
            staff::slug.eq(slug),
            staff::title.eq(text::tidy_line(new.title)),
            staff::credentials.eq(text::tidy_line(new.credentials)),
            staff::bio.eq(text::tidy_multiline(new.bio)),
            staff::role.eq(new.role),
            staff::state.eq(state),
            staff::email.eq(email.map(|email| &email.typed)),
            staff::email_canonical.eq(email.map(|email| &email.canonical)),
            staff::password_hash.eq(hash.map(Hashed::as_str)),
            staff::password_changed_at.eq(hash.map(|_| now)),
            staff::created_at.eq(now),
        ))
        .returning(staff::id)
        .get_result(tx.conn())
        .await?;
    tx.touch(Tag::Team);
    log(tx, actor, "staff.create", id, json!({ "role": new.role, "state": state })).await?;
    Ok(id)
}

fn name(typed: &str) -> Result<String, CreateError> {
    let name = text::tidy_name(typed);
    if name.is_empty() || text::skeleton(&name).is_empty() {
        return Err(CreateError::NoName);
    }
    if name.chars().count() > limits::NAME_CHARS_MAX {
        return Err(CreateError::LongName);
    }
    Ok(name)
}

async fn free_slug(conn: &mut AsyncPgConnection, name: &str) -> Result<String, DbError> {
    let plain = text::slugify(name);
    let base = if plain.is_empty() { "person" } else { plain.as_str() };
    let taken: Vec<String> = staff::table
        .select(staff::slug)
        .filter(staff::slug.eq(base).or(staff::slug.like(format!("{base}-%"))))
        .limit(limits::PEOPLE_LISTED_MAX)
        .load(conn)
        .await?;
    if !taken.iter().any(|slug| slug == base) {
        return Ok(base.to_owned());
    }
    let numbered =
        (2..=i64::from(u16::MAX)).map(|number| format!("{base}-{number}")).find(|slug| !taken.contains(slug));
    Ok(numbered.unwrap_or_else(|| base.to_owned()))
}

pub(super) async fn log(
    tx: &mut Tx,
    actor: Actor,
    action: &str,
    id: StaffId,
    detail: serde_json::Value,
) -> Result<(), DbError> {
    audit::append(tx, Entry { actor, action, subject: "staff", subject_id: Some(id.0), detail, evidence: None })
        .await?;
    Ok(())
}

/// A person by id.
pub async fn find(conn: &mut AsyncPgConnection, id: StaffId) -> Result<Option<Person>, DbError> {
    Ok(staff::table.find(id).select(Person::as_select()).first(conn).await.optional()?)
}

/// A person by e-mail address.
pub async fn find_by_email(conn: &mut AsyncPgConnection, email: &Email) -> Result<Option<Person>, DbError> {
    Ok(staff::table
        .filter(staff::email_canonical.eq(&email.canonical))
        .select(Person::as_select())
        .first(conn)
        .await
        .optional()?)
}

/// Everybody, by name; at most [`limits::PEOPLE_LISTED_MAX`].
pub async fn list(conn: &mut AsyncPgConnection) -> Result<Vec<Person>, DbError> {
    Ok(staff::table
        .select(Person::as_select())
        .order((staff::name, staff::id))
        .limit(limits::PEOPLE_LISTED_MAX)
        .load(conn)
        .await?)
}

/// Names of these people, in no order.
pub async fn list_names(conn: &mut AsyncPgConnection, ids: &[StaffId]) -> Result<Vec<(StaffId, String)>, DbError> {
    Ok(staff::table.filter(staff::id.eq_any(ids)).select((staff::id, staff::name)).load(conn).await?)
}

/// Whether the site has an owner: until then only the setup link opens anything.
pub async fn has_owner(conn: &mut AsyncPgConnection) -> Result<bool, DbError> {
    Ok(diesel::select(diesel::dsl::exists(staff::table.filter(staff::role.eq(Role::Owner)))).get_result(conn).await?)
}

/// Why a person was not changed; the text is what the one who changes reads.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such person.
    #[error("There is no such person")]
    Unknown,
    /// The owner hands the site over; nobody takes it away.
    #[error("The owner’s account can’t be changed by others")]
    IsOwner,
    /// There is one owner.
    #[error("The site already has an owner")]
    OwnerExists,
    /// Nobody changes their own role or suspends themselves.
    #[error("You can’t do this to your own account")]
    IsSelf,
    /// The account is in a state where this means nothing.
    #[error("This account can’t be changed that way")]
    WrongState,
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(ChangeError);

/// The row, locked, if this person may be changed by `by`.
async fn lock(tx: &mut Tx, by: By<'_>, id: StaffId) -> Result<Person, ChangeError> {
    let person: Person = staff::table
        .find(id)
        .select(Person::as_select())
        .for_update()
        .first(tx.conn())
        .await
        .optional()?
        .ok_or(ChangeError::Unknown)?;
    if by.is(id) {
        return Err(ChangeError::IsSelf);
    }
    if person.role == Role::Owner {
        return Err(ChangeError::IsOwner);
    }
    Ok(person)
}

/// Gives another role; the person's sessions end at once (requirements S9).
///
/// **Errors** [`ChangeError`].
pub async fn set_role(tx: &mut Tx, by: By<'_>, id: StaffId, role: Role) -> Result<(), ChangeError> {
    if role == Role::Owner {
        return Err(ChangeError::OwnerExists);
    }
    let person = lock(tx, by, id).await?;
    if person.role == role {
        return Ok(());
    }
    diesel::update(staff::table.find(id)).set(staff::role.eq(role)).execute(tx.conn()).await?;
    session::end_all(tx, id, None).await?;
    log(tx, by.actor(), "staff.role", id, json!({ "from": person.role, "to": role })).await?;
    Ok(())
}

/// Takes the right to sign in: sessions end at once, known browsers are forgotten, open links are void.
/// What the person wrote stays under their name.
///
/// **Errors** [`ChangeError`].
pub async fn suspend(tx: &mut Tx, by: By<'_>, id: StaffId) -> Result<(), ChangeError> {
    let person = lock(tx, by, id).await?;
    match person.state {
        StaffState::Active | StaffState::Invited => {}
        StaffState::Suspended | StaffState::Profile => return Err(ChangeError::WrongState),
    }
    diesel::update(staff::table.find(id)).set(staff::state.eq(StaffState::Suspended)).execute(tx.conn()).await?;
    session::end_all(tx, id, None).await?;
    session::forget_devices(tx, id).await?;
    diesel::update(staff_links::table.filter(staff_links::staff_id.eq(id)).filter(staff_links::used_at.is_null()))
        .set(staff_links::used_at.eq(tx.now))
        .execute(tx.conn())
        .await?;
    log(tx, by.actor(), "staff.suspend", id, json!({ "from": person.state })).await?;
    Ok(())
}

/// Gives the right to sign in back: with the old password, or by a new invitation where there was none.
///
/// **Errors** [`ChangeError`].
pub async fn reinstate(tx: &mut Tx, by: By<'_>, id: StaffId) -> Result<(), ChangeError> {
    let person = lock(tx, by, id).await?;
    if person.state != StaffState::Suspended {
        return Err(ChangeError::WrongState);
    }
    let has_password: bool = staff::table.find(id).select(staff::password_hash.is_not_null()).first(tx.conn()).await?;
    let state = if has_password { StaffState::Active } else { StaffState::Invited };
    diesel::update(staff::table.find(id)).set(staff::state.eq(state)).execute(tx.conn()).await?;
    log(tx, by.actor(), "staff.reinstate", id, json!({ "to": state })).await?;
    Ok(())
}
