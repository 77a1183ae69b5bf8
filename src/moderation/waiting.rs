//! How long held comments wait, told honestly: computed from the last 30 days, left out where nobody can know
//! (reader.md 3).

use chrono::{DateTime, TimeDelta, Utc};
use diesel::sql_types::{BigInt, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::limits;
use crate::db::DbError;

/// Within which time most held comments are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usual {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// Three days.
    ThreeDays,
}

impl Usual {
    /// "within a day".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Hour => "within an hour",
            Self::Day => "within a day",
            Self::ThreeDays => "within three days",
        }
    }
}

/// Waits of the last 30 days: how many there were, and how many were no longer than each span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, diesel::QueryableByName)]
struct Waits {
    #[diesel(sql_type = BigInt)]
    all: i64,
    #[diesel(sql_type = BigInt)]
    hour: i64,
    #[diesel(sql_type = BigInt)]
    day: i64,
    #[diesel(sql_type = BigInt)]
    three_days: i64,
}

impl Waits {
    /// The shortest span within which four of five were looked at; nothing from too few, or where none is.
    fn usual(self) -> Option<Usual> {
        if self.all < limits::WAITS_KNOWN_MIN {
            return None;
        }
        let most = |count: i64| count * 5 >= self.all * 4;
        [(self.hour, Usual::Hour), (self.day, Usual::Day), (self.three_days, Usual::ThreeDays)]
            .into_iter()
            .find(|(count, _)| most(*count))
            .map(|(_, usual)| usual)
    }
}

/// Reads the newest decisions of people on held comments. What still waits counts as long as it has waited, so that a
/// queue nobody looks at promises nothing.
pub async fn usual(conn: &mut AsyncPgConnection, now: DateTime<Utc>) -> Result<Option<Usual>, DbError> {
    let waits: Waits = diesel::sql_query(
        "with decided as (
             select d.decided_at - c.created_at as wait
               from (select comment_id, decided_at from comment_decisions
                      where from_status = 'held' and staff_id is not null and decided_at > $1
                      order by decided_at desc limit $3) d
               join comments c on c.id = d.comment_id),
         waiting as (
             select $2 - created_at as wait from comments
              where status = 'held' and created_at < $2 - interval '1 hour' and created_at > $1
              order by id desc limit $3),
         waits as (select wait from decided union all select wait from waiting)
         select count(*) as all,
                count(*) filter (where wait <= interval '1 hour') as hour,
                count(*) filter (where wait <= interval '1 day') as day,
                count(*) filter (where wait <= interval '3 days') as three_days
           from waits",
    )
    .bind::<Timestamptz, _>(now - TimeDelta::days(30))
    .bind::<Timestamptz, _>(now)
    .bind::<BigInt, _>(limits::WAITS_LOOKED_AT)
    .get_result(conn)
    .await?;
    Ok(waits.usual())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_span_that_holds_for_four_of_five_is_told() {
        let waits = |all, hour, day, three_days| Waits { all, hour, day, three_days }.usual();
        assert_eq!(waits(10, 8, 10, 10), Some(Usual::Hour));
        assert_eq!(waits(10, 7, 8, 10), Some(Usual::Day));
        assert_eq!(waits(10, 1, 7, 8), Some(Usual::ThreeDays));
        assert_eq!(waits(10, 1, 7, 7), None, "longer than three days: nothing is promised");
        assert_eq!(waits(4, 4, 4, 4), None, "too few to know");
    }
}
