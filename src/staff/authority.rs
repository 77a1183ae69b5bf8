//! Who acts, and what they may do, as values: a verb that needs a right takes it as an argument.
//!
//! A [`Session`] is made only by `staff::session` from the database; a capability only from a session, by the
//! table in [`super::roles`]. Capabilities with an object (own articles) are asked with `covers` before the act.

use std::sync::Arc;

use subtle::ConstantTimeEq;

use crate::audit::Actor;
use crate::core::ids::{SessionId, StaffId};
use crate::core::status::Role;
use crate::settings::People;

use super::roles::{self, Act, Scope};

/// A signed-in person. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Session(Arc<Signed>);

// Invariant: made in this folder only, from an active account's row.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) id: Option<SessionId>,
    pub(super) staff_id: StaffId,
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) title: String,
    pub(super) email_masked: String,
    pub(super) csrf: String,
    pub(super) people: People,
}

impl Session {
    pub(super) fn new(signed: Signed) -> Self {
        Self(Arc::new(signed))
    }

    /// The session's record; `None` where the console acts for a person (the demo loader).
    #[must_use]
    pub fn id(&self) -> Option<SessionId> {
        self.0.id
    }

    /// Who it is.
    #[must_use]
    pub fn staff_id(&self) -> StaffId {
        self.0.staff_id
    }

    /// The name readers see.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The role.
    #[must_use]
    pub fn role(&self) -> Role {
        self.0.role
    }

    /// The role as the desk names it.
    #[must_use]
    pub fn role_label(&self) -> &'static str {
        roles::label(self.0.role)
    }

    /// The title readers see beside the name, such as "Sleep physician"; may be empty.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// The e-mail address with most of its local part left out.
    #[must_use]
    pub fn email_masked(&self) -> &str {
        &self.0.email_masked
    }

    /// The token every form of this session carries in its field `csrf` (decisions 8).
    #[must_use]
    pub fn csrf(&self) -> &str {
        &self.0.csrf
    }

    /// Whether a form came from a page of this session. Takes equal time whatever was sent.
    #[must_use]
    pub fn csrf_matches(&self, sent: &str) -> bool {
        !self.0.csrf.is_empty() && bool::from(self.0.csrf.as_bytes().ct_eq(sent.as_bytes()))
    }

    /// How far this person may go with an act: for menus and buttons. Verbs ask for a capability instead.
    #[must_use]
    pub fn scope(&self, act: Act) -> Option<Scope> {
        roles::scope(self.0.role, act, &self.0.people)
    }

    /// Whether the person may do this to some object at least.
    #[must_use]
    pub fn may(&self, act: Act) -> bool {
        self.scope(act).is_some()
    }

    /// As the audit log names them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Staff(self.staff_id())
    }
}

/// The person's role does not allow this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("your role does not allow this")]
pub struct Forbidden;

/// What all capabilities have in common: made from a session or refused.
pub trait Capability: Sized {
    /// The capability, if the person's role has it.
    ///
    /// **Errors** [`Forbidden`] where the table of roles says no.
    fn of(session: &Session) -> Result<Self, Forbidden>;
}

/// Anybody signed in.
impl Capability for Session {
    fn of(session: &Session) -> Result<Self, Forbidden> {
        Ok(session.clone())
    }
}

macro_rules! capabilities {
    ($($(#[$meta:meta])* $name:ident = $reach:expr),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone)]
        pub struct $name {
            // Invariant: the scope is what the table of roles gives this session.
            session: Session,
            scope: Scope,
        }

        impl Capability for $name {
            fn of(session: &Session) -> Result<Self, Forbidden> {
                let reach: fn(&Session) -> Option<Scope> = $reach;
                let scope = reach(session).ok_or(Forbidden)?;
                Ok(Self { session: session.clone(), scope })
            }
        }

        impl $name {
            /// Who holds it.
            #[must_use]
            pub fn session(&self) -> &Session {
                &self.session
            }

            /// Who holds it, by id.
            #[must_use]
            pub fn staff_id(&self) -> StaffId {
                self.session.staff_id()
            }

            /// As the audit log names them.
            #[must_use]
            pub fn actor(&self) -> Actor {
                self.session.actor()
            }

            /// Everything, or own articles only.
            #[must_use]
            pub fn scope(&self) -> Scope {
                self.scope
            }

            /// `None` when it reaches everything, else the person whose articles it is bound to: for queries.
            #[must_use]
            pub fn bound_to(&self) -> Option<StaffId> {
                match self.scope {
                    Scope::All => None,
                    Scope::Own => Some(self.session.staff_id()),
                }
            }

            /// Whether it reaches an article of these people (credited as author, or who began it).
            #[must_use]
            pub fn covers(&self, people: &[StaffId]) -> bool {
                self.bound_to().is_none_or(|own| people.contains(&own))
            }
        }
    )+};
}

capabilities!(
    /// May write articles and add sources; edits own articles, or everybody's.
    MayEdit = |session| session.may(Act::Write).then(|| session.scope(Act::EditOthers).unwrap_or(Scope::Own)),
    /// May decide on comments and answer them: all, or those under own articles.
    MayDecide = |session| session.scope(Act::Decide),
    /// May read drafts, revisions and previews.
    MaySeeDrafts = |session| session.scope(Act::SeeDrafts),
    /// May put an article before readers and take it back.
    MayPublish = |session| session.scope(Act::Publish),
    /// May say that an article was reviewed.
    MayReview = |session| session.scope(Act::Review),
    /// May ban readers and set word lists and rules.
    MayRule = |session| session.scope(Act::Rule),
    /// May invite people, give roles, suspend.
    MayManageStaff = |session| session.scope(Act::ManageStaff),
    /// May change settings.
    MayChangeSettings = |session| session.scope(Act::ChangeSettings),
    /// May read the outbox and send failed mail again.
    MaySeeMail = |session| session.scope(Act::SeeMail),
    /// May read the activity log.
    MaySeeAudit = |session| session.scope(Act::SeeAudit),
    /// May hand the site over or delete it.
    MayHandOver = |session| session.scope(Act::HandOver),
);

/// Work nobody asked for just now: the schedule, the worker, a rule. May do what its verbs take it for.
#[derive(Debug, Clone, Copy, Default)]
pub struct System(());

impl System {
    /// For the worker, the console and commands. Never for a request.
    #[must_use]
    pub fn new() -> Self {
        Self(())
    }

    /// As the audit log names it.
    #[must_use]
    pub fn actor(self) -> Actor {
        Actor::System
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: Role) -> Session {
        Session::new(Signed {
            id: Some(SessionId(1)),
            staff_id: StaffId(7),
            name: "A".into(),
            role,
            title: String::new(),
            email_masked: String::new(),
            csrf: "abc".into(),
            people: People::default(),
        })
    }

    #[test]
    fn an_author_reaches_own_articles_only() {
        let author = person(Role::Author);
        let decide = MayDecide::of(&author).unwrap();
        assert!(decide.covers(&[StaffId(3), StaffId(7)]));
        assert!(!decide.covers(&[StaffId(3)]) && !decide.covers(&[]));
        let edit = MayEdit::of(&author).unwrap();
        assert!(edit.covers(&[StaffId(7)]) && !edit.covers(&[StaffId(3)]));
        assert_eq!(edit.bound_to(), Some(StaffId(7)));
        assert_eq!(MayPublish::of(&author).unwrap_err(), Forbidden);
    }

    #[test]
    fn an_editor_reaches_every_article_and_no_settings() {
        let editor = person(Role::Editor);
        assert!(MayDecide::of(&editor).unwrap().covers(&[]));
        assert!(MayEdit::of(&editor).unwrap().covers(&[StaffId(3)]));
        assert!(MayChangeSettings::of(&editor).is_err() && MayManageStaff::of(&editor).is_err());
    }

    #[test]
    fn a_moderator_writes_nothing() {
        let moderator = person(Role::Moderator);
        assert!(MayEdit::of(&moderator).is_err() && MaySeeDrafts::of(&moderator).is_err());
        assert!(MayDecide::of(&moderator).is_ok() && MayRule::of(&moderator).is_ok());
    }

    #[test]
    fn only_the_sessions_own_token_matches() {
        let session = person(Role::Owner);
        assert!(session.csrf_matches("abc"));
        assert!(!session.csrf_matches("") && !session.csrf_matches("abd") && !session.csrf_matches("abcd"));
    }
}
