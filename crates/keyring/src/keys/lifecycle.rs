//! The transitions between the states of a key: by request, by compromise, and by time.
//!
//! Invariant: everything here is a pure function of the records, the time and the policy.

use std::collections::BTreeSet;

use sekisho_ambient::Timestamp;
use sekisho_jose::Algorithm;

use super::{KeyRecord, KeyState, Purpose};

/// How long keys are published, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How long a key is published before it signs, by purpose: the time for which verifiers may
    /// keep a key document, plus the allowed difference of clocks.
    pub publish_ahead: fn(&Purpose) -> i64,
    /// How long a key stays published after its last signature, by purpose: the validity of what it
    /// signs, plus the allowed difference of clocks.
    pub overlap: fn(&Purpose) -> i64,
}

/// One step that a sweep takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A prepared key is published as the spare.
    Publish {
        /// The `kid` of the key.
        kid: String,
    },
    /// The spare becomes active.
    Activate {
        /// The `kid` of the spare.
        kid: String,
    },
    /// The active key signs nothing new. Its private half is deleted, unless it has to finish what
    /// it began ([`Purpose::finishes`]).
    Retire {
        /// The `kid` of the key.
        kid: String,
        /// When it will leave the published documents.
        until: Timestamp,
    },
    /// A key leaves the published documents, and its private half is deleted if it still had one.
    Unpublish {
        /// The `kid` of the key.
        kid: String,
    },
    /// A new key is made and published as the spare.
    PublishSpare {
        /// What the new key will sign.
        purpose: Purpose,
        /// The algorithm of the new key.
        algorithm: Algorithm,
    },
}

/// When a spare that was published at `published` can become active: as soon as every verifier can
/// have fetched it.
pub fn activation(
    purpose: &Purpose,
    published: Timestamp,
    now: Timestamp,
    policy: &Policy,
) -> Timestamp {
    now.max(published.plus((policy.publish_ahead)(purpose)))
}

/// Asks for a rotation: the oldest spare will become active at the returned time. Asking again
/// changes nothing and returns the same time. `None` if there is no spare.
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
    // A spare for which a rotation was asked before comes first.
    let (since, activate_at) = spares.min_by_key(|(since, asked)| (asked.is_none(), *since))?;
    Some(*activate_at.get_or_insert_with(|| activation(purpose, since, now, policy)))
}

/// Marks a key as compromised, because somebody else may have it: it leaves every document at once,
/// and its private half is deleted. The next sweep replaces it by the spare.
pub fn compromise(record: &mut KeyRecord, now: Timestamp) {
    record.state = KeyState::Compromised { since: now };
}

/// Lets a retiring key end earlier, because the last thing that it signed ends earlier. Returns
/// whether this changes the record.
pub fn end_retiring(record: &mut KeyRecord, at: Timestamp) -> bool {
    match &mut record.state {
        KeyState::Retiring { until, .. } if at < *until => {
            *until = at;
            true
        }
        _ => false,
    }
}

/// The steps that are due now. If they are all applied, a second sweep at the same time returns
/// none, with one exception: where a line starts with a prepared key, the first sweep publishes it
/// and the second activates it.
pub fn sweep(records: &[KeyRecord], now: Timestamp, policy: &Policy) -> Vec<Step> {
    let lines: BTreeSet<(&Purpose, Algorithm)> =
        records.iter().map(|record| (&record.purpose, record.algorithm)).collect();
    let mut steps = Vec::new();
    for (purpose, algorithm) in lines {
        let keys = records.iter().filter(|record| record.serves(purpose, algorithm)).collect();
        let line = Line { purpose, algorithm, keys };
        line.unpublish(now, &mut steps);
        if purpose.is_obsolete() {
            line.end(now, policy, &mut steps);
            continue;
        }
        line.activate(now, policy, &mut steps);
        line.publish(&mut steps);
    }
    steps
}

/// All keys of one purpose and algorithm.
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

    /// Ends the keys of a purpose that has none any more: the active key retires, and spares leave.
    fn end(&self, now: Timestamp, policy: &Policy, steps: &mut Vec<Step>) {
        for record in &self.keys {
            let kid = record.kid.clone();
            if record.is_active() {
                let until = now.plus((policy.overlap)(self.purpose));
                steps.push(Step::Retire { kid, until });
            } else if record.is_spare() || record.is_prepared() {
                steps.push(Step::Unpublish { kid });
            }
        }
    }

    /// Activates the spare if its time has come, or if no key is active.
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
                let known = since.plus((policy.publish_ahead)(self.purpose)) <= now;
                ((asked || !has_active) && (known || is_first)).then_some((since, *record))
            }
            _ => None,
        });
        due.min_by_key(|(since, record)| (*since, &record.kid)).map(|(_, record)| record)
    }

    /// Publishes a new spare if `steps` leave none.
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

/// Applies a step to the record of its `kid`. [`Step::PublishSpare`] changes no record; make a new
/// one with [`super::spare`].
pub fn apply(record: &mut KeyRecord, step: &Step, now: Timestamp) {
    let state = match (step, &record.state) {
        (Step::Publish { .. }, KeyState::Prepared { private }) => {
            KeyState::Published { since: now, activate_at: None, private: private.clone() }
        }
        (Step::Activate { .. }, KeyState::Published { since, private, .. }) => {
            KeyState::Active { published: *since, since: now, private: private.clone() }
        }
        (Step::Retire { until, .. }, KeyState::Active { private, .. }) => {
            let private = record.purpose.finishes().then(|| private.clone());
            KeyState::Retiring { since: now, until: *until, private }
        }
        (Step::Unpublish { .. }, KeyState::Retiring { .. }) => KeyState::Retired { since: now },
        (Step::Unpublish { .. }, KeyState::Prepared { .. } | KeyState::Published { .. })
            if record.purpose.is_obsolete() =>
        {
            KeyState::Retired { since: now }
        }
        _ => return,
    };
    record.state = state;
}

/// The `kid` of the key that a step changes; `None` for a step that makes a new key.
pub fn changes(step: &Step) -> Option<&str> {
    match step {
        Step::Publish { kid }
        | Step::Activate { kid }
        | Step::Retire { kid, .. }
        | Step::Unpublish { kid } => Some(kid),
        Step::PublishSpare { .. } => None,
    }
}
