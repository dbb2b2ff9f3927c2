//! What moves a key from state to state: a request, a compromise, and time.
//!
//! Invariant: everything here is a pure function of the records, the time and the policy.

use std::collections::BTreeSet;

use sekisho_ambient::Timestamp;
use sekisho_jose::Algorithm;

use super::{KeyRecord, KeyState, Purpose};

/// Times of the life of a key, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How long a key is published before it signs: as long as verifiers may keep a document, and
    /// their clocks may differ.
    pub publish_ahead: i64,
    /// How long a key stays published after it signed last, by purpose: as long as what it signs is
    /// valid, and clocks may differ.
    pub overlap: fn(&Purpose) -> i64,
}

/// One step of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A prepared key is published as the spare.
    Publish {
        /// The key.
        kid: String,
    },
    /// The spare becomes active.
    Activate {
        /// The spare.
        kid: String,
    },
    /// The active key signs no more; its private half goes.
    Retire {
        /// The key.
        kid: String,
        /// Until when it is published.
        until: Timestamp,
    },
    /// A key leaves the published documents.
    Unpublish {
        /// The key.
        kid: String,
    },
    /// A fresh key is published as the spare.
    PublishSpare {
        /// What it will sign.
        purpose: Purpose,
        /// With which algorithm.
        algorithm: Algorithm,
    },
}

/// When the spare can become active: as soon as every verifier can have read it.
pub fn activation(published: Timestamp, now: Timestamp, policy: &Policy) -> Timestamp {
    now.max(published.plus(policy.publish_ahead))
}

/// Asks for a rotation: the oldest spare will become active at the returned time. `None` if there
/// is no spare. Asking twice changes nothing.
pub fn request_rotation(
    records: &mut [KeyRecord],
    purpose: &Purpose,
    algorithm: Algorithm,
    now: Timestamp,
    policy: &Policy,
) -> Option<Timestamp> {
    let line = records.iter_mut().filter(|record| record.serves(purpose, algorithm));
    let spares = line.filter_map(|record| match &mut record.state {
        KeyState::Published { since, activate_at, .. } => Some((*since, activate_at)),
        _ => None,
    });
    // One that was asked for before comes first.
    let (since, activate_at) = spares.min_by_key(|(since, asked)| (asked.is_none(), *since))?;
    Some(*activate_at.get_or_insert_with(|| activation(since, now, policy)))
}

/// The key may be in other hands: it leaves every document at once, and its private half is gone.
/// The next sweep puts the spare in its place.
pub fn compromise(record: &mut KeyRecord, now: Timestamp) {
    record.state = KeyState::Compromised { since: now };
}

/// What is due now. A second sweep at the same time, after the steps were taken, finds nothing,
/// except the first activation where all began with a prepared key.
pub fn sweep(records: &[KeyRecord], now: Timestamp, policy: &Policy) -> Vec<Step> {
    let lines: BTreeSet<(&Purpose, Algorithm)> =
        records.iter().map(|record| (&record.purpose, record.algorithm)).collect();
    let mut steps = Vec::new();
    for (purpose, algorithm) in lines {
        let keys = records.iter().filter(|record| record.serves(purpose, algorithm)).collect();
        let line = Line { purpose, algorithm, keys };
        line.unpublish(now, &mut steps);
        line.activate(now, policy, &mut steps);
        line.publish(&mut steps);
    }
    steps
}

/// The keys of one purpose and algorithm.
struct Line<'a> {
    purpose: &'a Purpose,
    algorithm: Algorithm,
    keys: Vec<&'a KeyRecord>,
}

impl Line<'_> {
    fn unpublish(&self, now: Timestamp, steps: &mut Vec<Step>) {
        for record in &self.keys {
            if matches!(record.state, KeyState::Retiring { until, .. } if until <= now) {
                steps.push(Step::Unpublish { kid: record.kid.clone() });
            }
        }
    }

    /// Puts the spare in the place of the active key if that was asked for, or if there is none.
    fn activate(&self, now: Timestamp, policy: &Policy, steps: &mut Vec<Step>) {
        let active = self.keys.iter().find(|record| record.is_active());
        let Some(spare) = self.due(active.is_some(), now, policy) else { return };
        if let Some(active) = active {
            let until = now.plus((policy.overlap)(self.purpose));
            steps.push(Step::Retire { kid: active.kid.clone(), until });
        }
        steps.push(Step::Activate { kid: spare.kid.clone() });
    }

    /// The oldest spare that is to become active now.
    fn due(&self, has_active: bool, now: Timestamp, policy: &Policy) -> Option<&KeyRecord> {
        let is_first = !self.keys.iter().any(|record| record.has_signed());
        let due = self.keys.iter().filter_map(|record| match record.state {
            KeyState::Published { since, activate_at, .. } => {
                let asked = activate_at.is_some_and(|at| at <= now);
                let known = since.plus(policy.publish_ahead) <= now;
                ((asked || !has_active) && (known || is_first)).then_some((since, *record))
            }
            _ => None,
        });
        due.min_by_key(|(since, record)| (*since, &record.kid)).map(|(_, record)| record)
    }

    /// Publishes a spare where, after `steps`, none is left.
    fn publish(&self, steps: &mut Vec<Step>) {
        let stays = |record: &KeyRecord| {
            !steps.iter().any(|step| matches!(step, Step::Activate { kid } if *kid == record.kid))
        };
        if self.keys.iter().any(|record| record.is_spare() && stays(record)) {
            return;
        }
        steps.push(match self.keys.iter().find(|record| record.is_prepared()) {
            Some(prepared) => Step::Publish { kid: prepared.kid.clone() },
            None => Step::PublishSpare { purpose: self.purpose.clone(), algorithm: self.algorithm },
        });
    }
}

/// Applies a step to the record that it names. [`Step::PublishSpare`] makes a new record instead,
/// see [`super::spare`].
pub fn apply(record: &mut KeyRecord, step: &Step, now: Timestamp) {
    let state = match (step, &record.state) {
        (Step::Publish { .. }, KeyState::Prepared { private }) => {
            KeyState::Published { since: now, activate_at: None, private: private.clone() }
        }
        (Step::Activate { .. }, KeyState::Published { since, private, .. }) => {
            KeyState::Active { published: *since, since: now, private: private.clone() }
        }
        (Step::Retire { until, .. }, KeyState::Active { .. }) => {
            KeyState::Retiring { since: now, until: *until }
        }
        (Step::Unpublish { .. }, KeyState::Retiring { .. }) => KeyState::Retired { since: now },
        _ => return,
    };
    record.state = state;
}

/// The kid that a step changes.
pub fn changes(step: &Step) -> Option<&str> {
    match step {
        Step::Publish { kid }
        | Step::Activate { kid }
        | Step::Retire { kid, .. }
        | Step::Unpublish { kid } => Some(kid),
        Step::PublishSpare { .. } => None,
    }
}
