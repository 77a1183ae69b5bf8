//! A site with a mail server: helpers of the tests of jobs and mail.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use stet::app::App;
use stet::core::clock::Clock;
use stet::core::page_store::PageStore;
use stet::core::rng::Rng;
use stet::db::{Db, DbError, Shared, Tx};
use stet::mail::outbox::{self, Line};
use stet::mail::send::{Mailer, Wiring};
use stet::mail::transport::Patience;
use stet::worker;

use super::cluster;
use super::site::Site;
use super::smtp::Sink;

/// A site whose jobs run when the test says so.
pub struct Scratch {
    pub site: Site,
    pub app: App,
    pub mailer: Arc<Mailer>,
}

/// A pool on a database of its own with the machine's clock, for tests of the running worker.
pub async fn pool(clock: Clock) -> Db {
    let database = cluster::database().await;
    Shared::new(database.url, clock, Arc::new(PageStore::new(1 << 20))).pool(12)
}

impl Scratch {
    /// Over a new database, mailing to `sink`, or into files without one.
    pub async fn start(sink: Option<&Sink>) -> Self {
        let site = Site::start_with(&[("STET_BASE_URL", "https://harbour.example")]).await;
        let app = site.app.clone();
        let url = sink.map(Sink::url);
        let patience = Patience { connect: Duration::from_millis(500), send: Duration::from_millis(500) };
        let wiring = Wiring {
            smtp_url: url.as_deref(),
            from: Some("desk@harbour.example"),
            host: "harbour.example",
            data_dir: site.data.path(),
            patience,
        };
        let mailer = Arc::new(Mailer::configured(&wiring, site.clock.clone(), Rng::system()).unwrap());
        let scratch = Self { site, app, mailer };
        scratch
            .sql("insert into settings values ('site', '{\"name\": \"Harbour Health\"}', '2026-11-14T10:00:00Z')")
            .await;
        scratch
    }

    /// Runs statements.
    pub async fn sql(&self, statements: &str) {
        let mut conn = self.app.db.read().await.unwrap();
        let conn: &mut AsyncPgConnection = &mut conn;
        conn.batch_execute(statements).await.unwrap();
    }

    /// One number.
    pub async fn number(&self, query: &str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Number {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        let row: Number = diesel::sql_query(format!("select ({query})::bigint as number"))
            .get_result(&mut *self.app.db.read().await.unwrap())
            .await
            .unwrap();
        row.number
    }

    /// A change in a transaction.
    pub async fn change<T>(&self, change: impl AsyncFnOnce(&mut Tx) -> Result<T, DbError>) -> T {
        self.app.db.transact(change).await.unwrap()
    }

    /// Moves the clock.
    pub fn wait(&self, seconds: i64) {
        self.site.later(TimeDelta::seconds(seconds));
    }

    /// Carries out what is due; answers how many attempts that took.
    pub async fn work(&self) -> usize {
        worker::drain(&self.app, &self.mailer).await.unwrap()
    }

    /// The outbox, newest first.
    pub async fn outbox(&self) -> Vec<Line> {
        outbox::list(&mut self.app.db.read().await.unwrap(), None, None).await.unwrap()
    }

    /// An article by Miriam (staff 1), with Ruth (address 1), Jonas (2) and Dele (3), and:
    /// comment 1 by Ruth, comment 2 by Miriam in answer, comment 3 by Jonas in answer to Miriam. All public.
    pub async fn furnish(&self) {
        self.sql(
            "insert into staff (email, email_canonical, name, name_skeleton, slug, title, role, state, password_hash, created_at) values
                ('Miriam@team.example', 'miriam@team.example', 'Miriam Achebe', 'miriamachebe', 'miriam-achebe', 'sleep editor', 'author', 'active', 'x', '2026-11-14T08:00:00Z'),
                ('tomas@team.example', 'tomas@team.example', 'Tomas Hale', 'tomashale', 'tomas-hale', '', 'moderator', 'active', 'x', '2026-11-14T08:00:00Z');
             insert into articles (slug, created_at) values ('night-shift', '2026-11-14T08:00:00Z');
             insert into revisions (article_id, number, cause, title, slug, dek, takeaways, body, language, description, made_at)
                values (1, 1, 'publish', 'Sleeping well on the night shift', 'night-shift', '', '{}', 'Text.', 'en', '', '2026-11-14T08:00:00Z');
             insert into revision_credits values (1, 1, 'author', 0);
             update articles set state = 'published', published_revision_id = 1, first_published_at = '2026-11-14T08:00:00Z',
                    published_at = '2026-11-14T08:00:00Z', updated_at = '2026-11-14T08:00:00Z', comment_count = 3;
             insert into addresses (canonical, email, created_at, confirmed_at) values
                ('ruth.k@mail.example', 'Ruth.K@mail.example', '2026-11-14T08:00:00Z', '2026-11-14T08:00:00Z'),
                ('jonas@mail.example', 'jonas@mail.example', '2026-11-14T08:00:00Z', '2026-11-14T08:00:00Z'),
                ('dele@mail.example', 'dele@mail.example', '2026-11-14T08:00:00Z', '2026-11-14T08:00:00Z');
             insert into readers (address_id, created_at) values (1, '2026-11-14T08:00:00Z'), (2, '2026-11-14T08:00:00Z');",
        )
        .await;
        self.comment(None, "Ruth K.", Some(1), None, "Does this hold for rotating shifts?\nMine turn forwards.").await;
        self.comment(Some(1), "Miriam Achebe", None, Some(1), "Yes: forwards is easier.\n\nGive it three nights.")
            .await;
        self.comment(Some(2), "Jonas", Some(2), None, "Same <here>.").await;
    }

    /// A public comment.
    pub async fn comment(&self, parent: Option<i64>, name: &str, address: Option<i64>, staff: Option<i64>, body: &str) {
        let or_null = |id: Option<i64>| id.map_or("null".to_owned(), |id| id.to_string());
        let (badge, title) = if staff.is_some() { ("'staff'", "sleep editor") } else { ("null", "") };
        self.sql(&format!(
            "insert into comments (article_id, revision_id, parent_id, status, name, name_skeleton, address_id, staff_id, badge, badge_title, body, html,
                                   renderer_version, created_at, published_at, status_changed_at)
             values (1, 1, {}, 'approved', '{name}', 'x', {}, {}, {badge}, '{title}', '{body}', '', 1, '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z', '2026-11-14T09:00:00Z')",
            or_null(parent), or_null(address), or_null(staff),
        ))
        .await;
    }

    /// A subscription of an address: `replies` and `thread` to a comment, `article` to the article.
    pub async fn subscribe(&self, address: i64, scope: &str, comment: Option<i64>) {
        let comment = comment.map_or("null".to_owned(), |id| id.to_string());
        self.sql(&format!("insert into subscriptions (address_id, scope, article_id, comment_id, created_at) values ({address}, '{scope}', 1, {comment}, '2026-11-14T09:00:00Z')")).await;
    }
}
