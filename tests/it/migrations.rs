//! Migrations: up, down, up give one schema; the code's picture of it is true; every foreign key has its index.

use std::collections::BTreeMap;

use diesel_async::{AsyncConnection as _, AsyncMigrationHarness, AsyncPgConnection};
use diesel_migrations::MigrationHarness as _;
use stet::db::migrate::{self, MIGRATIONS};
use tokio_postgres::Client;

use crate::support::cluster;

// Everything a migration can make, as lines: columns, constraints, indexes, triggers, functions, comments.
const SCHEMA: &str = "
    select 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') || ' ' || ordinal_position
      from information_schema.columns where table_schema = 'public'
    union all select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
      from pg_constraint where connamespace = 'public'::regnamespace
    union all select 'index ' || indexdef from pg_indexes where schemaname = 'public'
    union all select 'trigger ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
    union all select 'function ' || pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace
    union all select 'comment ' || objoid::regclass || ' ' || objsubid || ' ' || description
      from pg_description where classoid = 'pg_class'::regclass and objoid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
    order by 1";

async fn schema(client: &Client) -> Vec<String> {
    client.query(SCHEMA, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn up_down_up_is_up() {
    let url = cluster::empty_database().await;
    let client = cluster::connect(&url).await;
    let applied = migrate::migrate(&url, true).await.unwrap();
    let first = schema(&client).await;
    assert!(applied.len() >= 5 && first.len() > 300, "{} migrations, {} lines", applied.len(), first.len());
    let mut harness = AsyncMigrationHarness::new(AsyncPgConnection::establish(&url).await.unwrap());
    harness.revert_all_migrations(MIGRATIONS).unwrap();
    let left: Vec<String> =
        schema(&client).await.into_iter().filter(|line| !line.contains("__diesel_schema_migrations")).collect();
    assert_eq!(left, Vec::<String>::new());
    migrate::migrate(&url, true).await.unwrap();
    assert_eq!(schema(&client).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_one_migrates() {
    let url = cluster::empty_database().await;
    let (one, other) = tokio::join!(migrate::migrate(&url, true), migrate::migrate(&url, true));
    let mut counts = [one.unwrap().len(), other.unwrap().len()];
    counts.sort_unstable();
    assert_eq!(counts[0], 0);
    assert!(counts[1] >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_left_alone() {
    let database = cluster::database().await;
    let client = cluster::connect(&database.owner_url).await;
    client.batch_execute("insert into __diesel_schema_migrations (version) values ('29990101000000')").await.unwrap();
    let error = migrate::migrate(&database.owner_url, true).await.unwrap_err();
    assert!(error.to_string().contains("29990101000000"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_may_forget_is_refused() {
    let database = cluster::database().await; // the test cluster runs with fsync off
    let error = migrate::migrate(&database.owner_url, false).await.unwrap_err();
    assert!(error.to_string().contains("fsync=off"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_rs_is_the_schema() {
    let database = cluster::database().await;
    let client = cluster::connect(&database.owner_url).await;
    let rows = client
        .query(
            "select table_name::text, column_name::text, udt_name::text, is_nullable = 'YES' from information_schema.columns
              where table_schema = 'public' and table_name <> '__diesel_schema_migrations' order by table_name, ordinal_position",
            &[],
        )
        .await
        .unwrap();
    let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows {
        let kind: String = row.get(2);
        let kind = match kind.strip_prefix('_') {
            Some(element) => format!("Array<Nullable<{}>>", title(element)),
            None => title(&kind),
        };
        let kind = if row.get(3) { format!("Nullable<{kind}>") } else { kind };
        expected.entry(row.get(0)).or_default().push(format!("{}: {kind}", row.get::<_, String>(1)));
    }
    assert_eq!(written(), expected);
}

fn title(kind: &str) -> String {
    let mut chars = kind.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

// The tables of src/db/schema.rs, as diesel's command line writes them.
fn written() -> BTreeMap<String, Vec<String>> {
    let mut tables = BTreeMap::new();
    let mut table = None;
    for line in include_str!("../../src/db/schema.rs").lines().map(str::trim) {
        if let Some(name) = line.strip_suffix(") {").and_then(|head| head.split(" (").next())
            && !line.starts_with("diesel::")
        {
            table = Some(name.to_owned());
        } else if let (Some(name), Some((column, kind))) = (&table, line.trim_end_matches(',').split_once(" -> "))
            && !line.starts_with("//")
        {
            tables
                .entry(name.clone())
                .or_insert_with(Vec::new)
                .push(format!("{}: {kind}", column.trim_start_matches("r#")));
        } else if line == "}" {
            table = None;
        }
    }
    tables
}

#[tokio::test(flavor = "multi_thread")]
async fn every_foreign_key_has_its_index_and_says_what_a_delete_does() {
    let database = cluster::database().await;
    let client = cluster::connect(&database.owner_url).await;
    let bare = client
        .query(
            "select c.conname::text from pg_constraint c where c.contype = 'f' and connamespace = 'public'::regnamespace
              and not exists (select from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])",
            &[],
        )
        .await
        .unwrap();
    let bare: Vec<String> = bare.iter().map(|row| row.get(0)).collect();
    assert_eq!(bare, Vec::<String>::new());
    let silent = client
        .query("select conname::text from pg_constraint where contype = 'f' and confdeltype = 'a'", &[])
        .await
        .unwrap();
    assert!(silent.is_empty(), "{:?}", silent.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_and_revisions_cannot_be_changed_by_the_application() {
    let database = cluster::database().await;
    let owner = cluster::connect(&database.owner_url).await;
    owner
        .batch_execute(
            "insert into audit_entries (at, actor, action, subject, detail, digest) values (now(), 'system', 'test.entry', 'test', '{}', sha256('x'));
             insert into articles (slug, created_at) values ('a', now());
             insert into revisions (article_id, number, cause, title, slug, dek, takeaways, body, language, description, made_at)
             values (1, 1, 'save', 't', 'a', '', '{}', '', 'en', '', now())",
        )
        .await
        .unwrap();
    for (role, client) in [("owner", owner), ("application", cluster::connect(&database.url).await)] {
        for change in [
            "update audit_entries set action = 'x.y'",
            "delete from audit_entries",
            "truncate audit_entries cascade",
            "update revisions set title = 'x'",
            "delete from revisions",
        ] {
            assert!(client.batch_execute(change).await.is_err(), "{role}: {change}");
        }
    }
}
