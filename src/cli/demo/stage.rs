//! Where the demo's acts take place: the site's database under a clock of its own, and everybody who acts.

use std::collections::BTreeMap;

use anyhow::anyhow;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::app::App;
use crate::core::clock::Clock;
use crate::core::status::Role;
use crate::db::schema::jobs;
use crate::db::{Conn, Db, DbError, Tx};
use crate::staff::authority::{Capability, Session};

/// Connections of the loader: it does one thing after the other.
const CONNECTIONS: usize = 2;

/// The site at the time of the act that is played.
#[derive(Debug)]
pub(super) struct Stage<'a> {
    /// The site as it is served.
    pub(super) app: &'a App,
    /// Its database at the time of the act.
    pub(super) db: Db,
    /// Everybody on the team, by key.
    pub(super) people: BTreeMap<&'a str, Session>,
    clock: Clock,
    /// When the demo is loaded.
    end: DateTime<Utc>,
}

impl<'a> Stage<'a> {
    /// The site as it was so long ago, when there was nobody.
    pub(super) fn new(app: &'a App, ago: TimeDelta) -> Self {
        let end = app.now();
        let clock = Clock::fixed(end - ago);
        let db = app.db.shared().at(clock.clone()).pool(CONNECTIONS);
        Self { app, db, people: BTreeMap::new(), clock, end }
    }

    /// So long before the demo is loaded.
    pub(super) fn ago(&self, span: TimeDelta) -> DateTime<Utc> {
        self.end - span
    }

    /// The time of the act that is played.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Moves on to the time of an act; never back.
    pub(super) fn go_to(&self, at: DateTime<Utc>) {
        self.clock.advance((at - self.clock.now()).max(TimeDelta::zero()));
    }

    /// A connection to read on.
    pub(super) async fn read(&self) -> Result<Conn, DbError> {
        self.db.read().await
    }

    /// One change. The mails it would lead to are taken out of the queue with it.
    pub(super) async fn act<T>(&self, change: impl AsyncFnOnce(&mut Tx) -> anyhow::Result<T>) -> anyhow::Result<T> {
        self.db
            .transact(async |tx| {
                let value = change(tx).await?;
                diesel::delete(jobs::table.filter(jobs::kind.like("notify.%"))).execute(tx.conn()).await?;
                anyhow::Ok(value)
            })
            .await
    }

    /// Somebody on the team.
    pub(super) fn person(&self, key: &str) -> anyhow::Result<&Session> {
        self.people.get(key).ok_or_else(|| anyhow!("nobody on the team is called {key:?}"))
    }

    /// A right of this person, or of somebody in the role whose task it is where the person has none.
    pub(super) fn right<C: Capability>(&self, key: &str, role: Role) -> anyhow::Result<C> {
        C::of(self.person(key)?).or_else(|_| self.right_of(role))
    }

    /// A right of somebody in this role.
    pub(super) fn right_of<C: Capability>(&self, role: Role) -> anyhow::Result<C> {
        let person = self.people.values().find(|session| session.role() == role);
        Ok(C::of(person.ok_or_else(|| anyhow!("the team has no {role}"))?)?)
    }
}
