//! The first run: a one-time link from the console makes the site's owner. There is no open install page (goal sheet O02).

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;

use crate::audit::{self, Actor, Entry};
use crate::core::ids::StaffId;
use crate::core::limits;
use crate::core::rng::{Rng, Token};
use crate::core::status::{LinkPurpose, ModerationMode, Role};
use crate::core::text::Email;
use crate::db::schema::staff_links;
use crate::db::{DbError, Tx};
use crate::settings;
use crate::staff::model::{self, CreateError, NewPerson, Standing};
use crate::staff::password::Hashed;
use crate::staff::session::{self, Opened, Whence};

/// A link that opens the setup page, while the site has no owner: links of earlier starts work on beside it.
/// `None` once there is an owner.
pub async fn ensure_link(tx: &mut Tx, rng: Rng) -> Result<Option<Token>, DbError> {
    if model::has_owner(tx.conn()).await? {
        return Ok(None);
    }
    let token = rng.token();
    diesel::insert_into(staff_links::table)
        .values((
            staff_links::purpose.eq(LinkPurpose::Setup),
            staff_links::token_hash.eq(token.hash()),
            staff_links::created_at.eq(tx.now),
        ))
        .execute(tx.conn())
        .await?;
    let surplus: Vec<i64> = staff_links::table
        .filter(staff_links::purpose.eq(LinkPurpose::Setup))
        .order(staff_links::id.desc())
        .offset(limits::SETUP_LINKS_MAX)
        .select(staff_links::id)
        .load(tx.conn())
        .await?;
    diesel::delete(staff_links::table.filter(staff_links::id.eq_any(surplus))).execute(tx.conn()).await?;
    Ok(Some(token))
}

/// Whether a token opens the setup page: it was printed by a start, and there is no owner yet.
pub async fn is_open(conn: &mut AsyncPgConnection, token: &Token) -> Result<bool, DbError> {
    let link = staff_links::table
        .filter(staff_links::token_hash.eq(token.hash()))
        .filter(staff_links::purpose.eq(LinkPurpose::Setup))
        .filter(staff_links::used_at.is_null());
    let known: bool = diesel::select(diesel::dsl::exists(link)).get_result(conn).await?;
    Ok(known && !model::has_owner(conn).await?)
}

/// What the setup page asks for, checked.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The site's name.
    pub site_name: &'a str,
    /// The site's address; `None` where the process's configuration fixes it.
    pub base_url: Option<&'a str>,
    /// BCP 47 language.
    pub language: &'a str,
    /// The owner's name.
    pub name: &'a str,
    /// The owner's e-mail address.
    pub email: &'a Email,
    /// The owner's password.
    pub password: &'a Hashed,
    /// Who waits for a moderator.
    pub moderation: ModerationMode,
}

/// Why the site was not claimed.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The link is none, or somebody was quicker.
    #[error("this setup link does not work any more")]
    Closed,
    /// The owner's name is not usable.
    #[error(transparent)]
    Person(CreateError),
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(ClaimError);

/// Makes the owner and saves what the page asked; every setup link is void from then on. The owner is signed in.
///
/// **Errors** [`ClaimError`].
pub async fn claim(
    tx: &mut Tx,
    rng: Rng,
    token: &Token,
    claim: &Claim<'_>,
    whence: &Whence<'_>,
) -> Result<Opened, ClaimError> {
    // Two claims at once: the second waits here and finds its link used.
    let used = diesel::update(
        staff_links::table.filter(staff_links::purpose.eq(LinkPurpose::Setup)).filter(staff_links::used_at.is_null()),
    )
    .set(staff_links::used_at.eq(tx.now))
    .returning(staff_links::token_hash)
    .get_results::<Vec<u8>>(tx.conn())
    .await?;
    if !used.contains(&token.hash()) || model::has_owner(tx.conn()).await? {
        return Err(ClaimError::Closed);
    }
    let owner = NewPerson::new(claim.name, Role::Owner, Standing::Active(claim.email, claim.password));
    let id = model::insert(tx, Actor::Console, &owner).await.map_err(|error| match error {
        CreateError::OwnerExists => ClaimError::Closed,
        CreateError::Db(error) => ClaimError::Db(error),
        CreateError::NoName
        | CreateError::LongName
        | CreateError::NameTaken
        | CreateError::EmailTaken
        | CreateError::LongText => ClaimError::Person(error),
    })?;
    save(tx, id, claim).await?;
    Ok(session::open(tx, rng, id, whence).await?)
}

async fn save(tx: &mut Tx, owner: StaffId, claim: &Claim<'_>) -> Result<(), DbError> {
    let mut stored = settings::load(tx.conn()).await?;
    stored.site.name = claim.site_name.to_owned();
    stored.site.language = claim.language.to_owned();
    if let Some(address) = claim.base_url {
        stored.site.base_url = Some(address.to_owned());
    }
    stored.comments.moderation = claim.moderation;
    settings::save(tx, &stored.site).await?;
    settings::save(tx, &stored.comments).await?;
    let detail = json!({ "moderation": claim.moderation, "language": claim.language });
    audit::append(
        tx,
        Entry {
            actor: Actor::Staff(owner),
            action: "site.setup",
            subject: "setting",
            subject_id: None,
            detail,
            evidence: None,
        },
    )
    .await?;
    Ok(())
}
