//! The breaker all mails share: a mail server that cannot be reached is left alone and probed with one mail
//! every 30 seconds (decisions 26), so that ten thousand waiting mails cost it, and us, nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::core::clock::Clock;
use crate::core::limits;
use crate::jobs::job::Gate;
use crate::jobs::queue;

/// Whether the mail server is believed to answer.
#[derive(Debug)]
pub struct Breaker {
    clock: Clock,
    /// Since when it does not, and when it is probed next; `None` while it does.
    away: Mutex<Option<Away>>,
}

#[derive(Debug, Clone, Copy)]
struct Away {
    since: DateTime<Utc>,
    probe_at: DateTime<Utc>,
}

impl Breaker {
    /// Believing that the server answers.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self { clock, away: Mutex::new(None) }
    }

    /// Whether mails may be tried now: all, one as a probe, or none.
    #[must_use]
    pub fn gate(&self) -> Gate {
        match self.away() {
            None => Gate::Open,
            Some(away) if self.clock.now() >= away.probe_at => Gate::One,
            Some(away) => Gate::Shut { until: away.probe_at },
        }
    }

    /// How long a mail has to wait that was claimed before the server was found away.
    #[must_use]
    pub fn wait(&self) -> Option<Duration> {
        match self.gate() {
            Gate::Open | Gate::One => None,
            Gate::Shut { until } => Some(queue::until(self.clock.now(), until)),
        }
    }

    /// Since when the server cannot be reached; `None` while it can.
    #[must_use]
    pub fn away_since(&self) -> Option<DateTime<Utc>> {
        self.away().map(|away| away.since)
    }

    /// The server answered.
    pub fn answered(&self) {
        if self.lock().take().is_some() {
            tracing::info!("the mail server answers again");
        }
    }

    /// The server could not be reached; answers how long to leave it alone.
    pub fn failed(&self) -> Duration {
        let now = self.clock.now();
        let mut away = self.lock();
        if away.is_none() {
            tracing::warn!("the mail server cannot be reached; it is tried again every 30 seconds");
        }
        *away = Some(Away { since: away.map_or(now, |away| away.since), probe_at: now + limits::BREAKER_PAUSE });
        limits::BREAKER_PAUSE
    }

    fn away(&self) -> Option<Away> {
        *self.lock()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Away>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_away_is_probed_with_one_mail_at_a_time() {
        let start = "2026-11-23T12:00:00Z".parse().unwrap();
        let clock = Clock::fixed(start);
        let breaker = Breaker::new(clock.clone());
        assert_eq!(breaker.gate(), Gate::Open);
        breaker.failed();
        assert_eq!(breaker.gate(), Gate::Shut { until: start + limits::BREAKER_PAUSE });
        assert_eq!(breaker.wait(), Some(limits::BREAKER_PAUSE));
        clock.advance(chrono::TimeDelta::seconds(30));
        assert_eq!((breaker.gate(), breaker.wait()), (Gate::One, None));
        breaker.failed();
        assert_eq!(breaker.away_since(), Some(start), "the outage began at the first failure");
        clock.advance(chrono::TimeDelta::seconds(30));
        breaker.answered();
        assert_eq!(breaker.gate(), Gate::Open);
    }
}
