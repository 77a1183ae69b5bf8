//! The database: connections, transactions that also purge pages and wake the worker, migrations, notifications.
//!
//! It names no table's meaning. Reads take a connection ([`Db::read`]); every change of state is one
//! [`Db::transact`], which holds the change, its audit row, its jobs and its page purges.

pub mod embedded;
pub mod listen;
pub mod migrate;
#[allow(missing_docs, clippy::wildcard_imports, reason = "generated")]
pub mod schema;
pub mod statement;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::sql_types::Text;
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use tokio::sync::Notify;

use crate::core::clock::Clock;
use crate::core::limits;
use crate::core::page_store::{PageStore, Tag};

/// A connection of the pool; use it as `&mut *conn`.
pub type Conn = Object<AsyncPgConnection>;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// No connection could be had: the database is away, or all connections are busy.
    #[error("the database cannot be reached just now")]
    Unavailable,
    /// A statement failed.
    #[error("a database statement failed")]
    Query(#[from] diesel::result::Error),
}

impl DbError {
    /// Whether a row that had just been read was deleted before this one pointed to it (an erased reader's address, a
    /// comment that was answered): done again, it goes by what is there now.
    #[must_use]
    pub fn is_overtaken(&self) -> bool {
        use diesel::result::{DatabaseErrorKind, Error};
        matches!(self, Self::Query(Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)))
    }

    /// Whether the database was away or overloaded, so that the same request may work in a minute.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable | Self::Query(diesel::result::Error::BrokenTransactionManager) => true,
            Self::Query(diesel::result::Error::DatabaseError(kind, info)) => {
                matches!(
                    kind,
                    diesel::result::DatabaseErrorKind::ClosedConnection
                        | diesel::result::DatabaseErrorKind::ReadOnlyTransaction
                        | diesel::result::DatabaseErrorKind::SerializationFailure
                ) || [
                    "canceling statement",
                    "terminating connection",
                    "the database system is",
                    "No space left",
                    "could not extend",
                    "connection closed",
                    "lock timeout",
                    "shutting down",
                    "error communicating",
                ]
                .iter()
                .any(|sign| info.message().contains(sign))
            }
            Self::Query(_) => false,
        }
    }

    /// The constraint a statement ran into, by its name in the migrations.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Query(diesel::result::Error::DatabaseError(_, info)) => info.constraint_name(),
            Self::Query(_) | Self::Unavailable => None,
        }
    }
}

/// Lets a verb's error type be made from what `?` meets inside a transaction. The type has a variant `Db(DbError)`.
#[macro_export]
macro_rules! from_db_error {
    ($($error:ty),+ $(,)?) => {$(
        impl From<diesel::result::Error> for $error {
            fn from(error: diesel::result::Error) -> Self {
                Self::Db($crate::db::DbError::from(error))
            }
        }
        impl From<$crate::db::DbError> for $error {
            fn from(error: $crate::db::DbError) -> Self {
                Self::Db(error)
            }
        }
    )+};
}

/// What all connections of a process share.
#[derive(Debug)]
pub struct Shared {
    /// Where connections go; a secret, never printed.
    url: Secretive,
    clock: Clock,
    /// The pages that commits purge.
    pub pages: Arc<PageStore>,
    /// Told after a commit that enqueued jobs: the local worker waits on it.
    pub jobs_waiting: Notify,
}

struct Secretive(String);

impl fmt::Debug for Secretive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://…")
    }
}

/// A pool of connections of one thread (a web worker, the job worker) with what all pools share.
#[derive(Clone)]
pub struct Db {
    pool: Pool<AsyncPgConnection>,
    shared: Arc<Shared>,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}

impl Shared {
    /// For the database at `url`. Nothing is connected yet.
    #[must_use]
    pub fn new(url: String, clock: Clock, pages: Arc<PageStore>) -> Arc<Self> {
        Arc::new(Self { url: Secretive(url), clock, pages, jobs_waiting: Notify::new() })
    }

    /// The same database and the same pages under another clock: for commands that play what happened in the past
    /// (the demo site, imports).
    #[must_use]
    pub fn at(&self, clock: Clock) -> Arc<Self> {
        Self::new(self.url.0.clone(), clock, Arc::clone(&self.pages))
    }

    /// A pool for the calling thread. Connections are driven by the runtime that makes them, so a pool
    /// belongs to one thread's runtime (measured: shared pools cost a third of the requests).
    ///
    /// # Panics
    /// Never: deadpool refuses only time-outs without a runtime, and one is named.
    #[must_use]
    pub fn pool(self: &Arc<Self>, connections_max: usize) -> Db {
        let mut config = ManagerConfig::<AsyncPgConnection>::default();
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(|url| {
            let url = url.to_owned();
            Box::pin(async move { connect(&url).await })
        });
        let manager = AsyncDieselConnectionManager::new_with_config(self.url.0.clone(), config);
        let builder = Pool::builder(manager)
            .max_size(connections_max)
            .wait_timeout(Some(limits::DB_POOL_WAIT))
            .create_timeout(Some(limits::DB_CONNECT_TIMEOUT))
            .runtime(deadpool::Runtime::Tokio1);
        #[expect(clippy::expect_used, reason = "deadpool refuses only time-outs without a runtime, and one is named")]
        let pool = builder.build().expect("a runtime is named for the time-outs");
        Db { pool, shared: Arc::clone(self) }
    }

    /// Now: the time the next transaction would have.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// A connection outside every pool: for LISTEN, migrations and commands.
    pub async fn connect(&self) -> ConnectionResult<AsyncPgConnection> {
        connect(&self.url.0).await
    }
}

/// Connects with the time-outs of requirements R7 set on the session.
async fn connect(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let establish = AsyncPgConnection::establish(url);
    let mut conn = tokio::time::timeout(limits::DB_CONNECT_TIMEOUT, establish)
        .await
        .map_err(|_| ConnectionError::BadConnection("the database did not answer in time".into()))??;
    let settings = format!(
        "set application_name = 'stet'; set statement_timeout = {}; set lock_timeout = {}; set idle_in_transaction_session_timeout = {}",
        limits::DB_STATEMENT_TIMEOUT.as_millis(),
        limits::DB_LOCK_TIMEOUT.as_millis(),
        limits::DB_IDLE_IN_TRANSACTION_TIMEOUT.as_millis(),
    );
    conn.batch_execute(&settings).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

impl Db {
    /// A connection for reading. A page takes one and pipelines what does not depend on one another on it
    /// (`let conn = &*conn; try_join!(…)`).
    ///
    /// **Errors** [`DbError::Unavailable`] when none can be had in time.
    pub async fn read(&self) -> Result<Conn, DbError> {
        self.pool.get().await.map_err(|error| {
            tracing::debug!(error.kind = pool_error_kind(&error), "no database connection");
            DbError::Unavailable
        })
    }

    /// Runs one change of state: everything in `change` happens, or nothing.
    ///
    /// At commit the pages of the tags it touched are purged here, and on all nodes by a NOTIFY inside the
    /// transaction; the local worker is woken if it enqueued jobs. When this returns `Ok`, the commit is
    /// durable. A future dropped half-way closes its connection, so that no open transaction goes back to the pool.
    ///
    /// **Errors** what `change` says (rolled back), or [`DbError`].
    pub async fn transact<T, E>(&self, change: impl AsyncFnOnce(&mut Tx) -> Result<T, E>) -> Result<T, E>
    where
        E: From<DbError>,
    {
        self.transact_from("begin", change).await
    }

    /// [`Db::transact`] under advisory locks that are held until it ends: of two with a key in common the second
    /// begins when the first has committed. Taken with the `begin`, so they cost no round trip.
    ///
    /// Its statements are planned once a connection, without their values: none of them may count on a partial
    /// index that a value picks.
    pub async fn transact_under<T, E>(
        &self,
        locks: &[i64],
        change: impl AsyncFnOnce(&mut Tx) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: From<DbError>,
    {
        let mut locks = locks.to_vec();
        locks.sort_unstable(); // in one order everywhere, so that no two wait for one another
        let locks: Vec<String> = locks.iter().map(|lock| format!("pg_advisory_xact_lock({lock})")).collect();
        // Plans live as long as the connection: one made while a table was small must not read it whole for ever.
        let begin = "begin; set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off";
        self.transact_from(&format!("{begin}; select {}", locks.join(", ")), change).await
    }

    async fn transact_from<T, E>(&self, begin: &str, change: impl AsyncFnOnce(&mut Tx) -> Result<T, E>) -> Result<T, E>
    where
        E: From<DbError>,
    {
        let conn = self.read().await?;
        let mut tx = Tx { conn: Some(conn), now: self.shared.clock.now(), touched: Vec::new(), enqueued: false };
        tx.conn().batch_execute(begin).await.map_err(DbError::from)?;
        match change(&mut tx).await {
            Ok(value) => {
                self.commit(tx).await?;
                Ok(value)
            }
            Err(error) => {
                if tx.conn().batch_execute("rollback").await.is_ok() {
                    tx.give_back();
                }
                Err(error)
            }
        }
    }

    async fn commit(&self, mut tx: Tx) -> Result<(), DbError> {
        tx.touched.sort_unstable_by_key(ToString::to_string);
        tx.touched.dedup();
        if !tx.touched.is_empty() {
            let payload = tx.touched.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            diesel::select(pg_notify(listen::PAGES_CHANNEL, payload)).execute(tx.conn()).await?;
        }
        // The select fails where a statement before it failed and the error was swallowed: COMMIT alone
        // would then answer ROLLBACK, which is no error to the driver, and an acknowledged write would be lost.
        tx.conn().batch_execute("select 1; commit").await?;
        self.shared.pages.purge(&tx.touched);
        if tx.enqueued {
            self.shared.jobs_waiting.notify_one();
        }
        tx.give_back();
        Ok(())
    }

    /// What all pools share: the page store, the worker's bell.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }
}

diesel::define_sql_function! {
    /// Sends a notification at commit.
    fn pg_notify(channel: Text, payload: Text);
}

fn pool_error_kind(error: &diesel_async::pooled_connection::deadpool::PoolError) -> &'static str {
    match error {
        deadpool::managed::PoolError::Timeout(_) => "timeout",
        deadpool::managed::PoolError::Backend(_) => "connect",
        deadpool::managed::PoolError::Closed
        | deadpool::managed::PoolError::NoRuntimeSpecified
        | deadpool::managed::PoolError::PostCreateHook(_) => "pool",
    }
}

/// A transaction under way; verbs take it as `&mut Tx`.
pub struct Tx {
    // Invariant: `Some` until the transaction has ended; dropped while `Some`, the connection is closed.
    conn: Option<Conn>,
    /// The time of everything in this transaction.
    pub now: DateTime<Utc>,
    touched: Vec<Tag>,
    enqueued: bool,
}

impl fmt::Debug for Tx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tx").field("now", &self.now).field("touched", &self.touched).finish_non_exhaustive()
    }
}

impl Tx {
    /// The connection to run statements on.
    ///
    /// # Panics
    /// Never: the connection is taken only when the transaction ends, which consumes it.
    pub fn conn(&mut self) -> &mut AsyncPgConnection {
        #[expect(
            clippy::expect_used,
            reason = "the connection is taken only when the transaction has ended, which consumes it"
        )]
        self.conn.as_mut().expect("a transaction has its connection until it ends")
    }

    /// Says that what the public sees under `tag` changes with this transaction.
    /// Not for held comments and drafts: the NOTIFY takes a lock through commit (decisions 5).
    pub fn touch(&mut self, tag: Tag) {
        self.touched.push(tag);
    }

    /// Says that jobs were enqueued: the worker is woken after commit. `jobs::queue` calls it.
    pub fn wake_worker(&mut self) {
        self.enqueued = true;
    }

    fn give_back(mut self) {
        drop(self.conn.take());
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        if let Some(conn) = self.conn.take() {
            drop(Object::take(conn)); // closes it: the server rolls back
        }
    }
}
