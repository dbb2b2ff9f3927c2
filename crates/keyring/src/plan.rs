//! The plan of a rotation: which steps it will take, and when.

use std::collections::BTreeSet;
use std::fmt;

use sekisho_ambient::Timestamp;
use sekisho_jose::Algorithm;
use sekisho_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::Keyring;
use crate::keys::{self, KeyRecord, KeyState, Policy, Purpose};

/// A rotation that was computed but not written yet.
pub struct Rotation {
    /// The steps, in order of time.
    pub steps: Vec<PlanStep>,
    pub(crate) before: Vec<KeyRecord>,
    pub(crate) after: Vec<KeyRecord>,
}

/// One step of a rotation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlanStep {
    /// When the step is due.
    pub at: Timestamp,
    /// What happens then.
    pub step: PlanAct,
    /// The key that changes; `None` for a spare that is not made yet.
    pub kid: Option<String>,
    /// The algorithm of the key.
    pub algorithm: Algorithm,
    /// Whether the key, when it retires, goes on signing its own status lists and nothing else.
    #[serde(default)]
    pub signs_lists: bool,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanAct {
    /// The spare becomes active.
    Activate,
    /// A new spare is published.
    #[serde(rename = "publish spare")]
    PublishSpare,
    /// The key that was active signs nothing new.
    Retire,
    /// The key that was active leaves the published documents, and signs nothing any more.
    Unpublish,
    /// The compromised key leaves the published documents at once.
    Withdraw,
}

impl fmt::Display for PlanAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Activate => "activate",
            Self::PublishSpare => "publish spare",
            Self::Retire => "retire",
            Self::Unpublish => "unpublish",
            Self::Withdraw => "withdraw",
        })
    }
}

impl Keyring {
    /// Computes the rotation of the keys of `purpose`, for one algorithm or, if `algorithm` is
    /// `None`, for all. The spare becomes active as soon as every verifier can have fetched it. The
    /// key before it stays published while anything that it signed is valid; if `compromised`, it
    /// is withdrawn at once.
    ///
    /// Returns `None` if there is no such key.
    pub async fn plan(
        &self,
        purpose: &Purpose,
        algorithm: Option<Algorithm>,
        compromised: bool,
        now: Timestamp,
    ) -> Result<Option<Rotation>, StoreError> {
        let before = self.records().await?;
        let algorithms = before
            .iter()
            .filter(|record| record.purpose == *purpose)
            .map(|record| record.algorithm)
            .filter(|found| algorithm.is_none_or(|wanted| wanted == *found));
        let lines: BTreeSet<Algorithm> = algorithms.collect();
        if lines.is_empty() {
            return Ok(None);
        }
        let mut after = before.clone();
        let mut steps = Vec::new();
        for algorithm in lines {
            let line = Line { purpose, algorithm, policy: &self.policy, now };
            line.rotate(&mut after, compromised, &mut steps);
        }
        steps.sort();
        Ok(Some(Rotation { steps, before, after }))
    }
}

/// All keys of one purpose and algorithm.
struct Line<'a> {
    purpose: &'a Purpose,
    algorithm: Algorithm,
    policy: &'a Policy,
    now: Timestamp,
}

impl Line<'_> {
    /// Marks the records as the rotation requires, and adds the steps that follow to `steps`.
    fn rotate(&self, records: &mut [KeyRecord], compromised: bool, steps: &mut Vec<PlanStep>) {
        let (now, policy) = (self.now, self.policy);
        let active = self.find(records, |state| matches!(state, KeyState::Active { .. }));
        let active = active.map(|record| {
            if compromised {
                keys::compromise(record, now);
            }
            record.kid.clone()
        });
        let asked = keys::request_rotation(records, self.purpose, self.algorithm, now, policy);
        let Some(at) = asked else { return };
        let next =
            |state: &KeyState| matches!(state, KeyState::Published { activate_at: Some(_), .. });
        let next = self.find(records, next).map(|record| record.kid.clone());
        steps.push(self.step(at, PlanAct::Activate, next));
        steps.push(self.step(at, PlanAct::PublishSpare, None));
        match active {
            None => {}
            Some(kid) if compromised => steps.push(self.step(now, PlanAct::Withdraw, Some(kid))),
            Some(kid) => {
                let gone = at.plus((policy.overlap)(self.purpose));
                let retire = self.step(at, PlanAct::Retire, Some(kid.clone()));
                steps.push(PlanStep { signs_lists: self.purpose.signs_lists(), ..retire });
                steps.push(self.step(gone, PlanAct::Unpublish, Some(kid)));
            }
        }
    }

    fn find<'r>(
        &self,
        records: &'r mut [KeyRecord],
        fits: impl Fn(&KeyState) -> bool,
    ) -> Option<&'r mut KeyRecord> {
        records.iter_mut().find(|record| {
            record.purpose == *self.purpose
                && record.algorithm == self.algorithm
                && fits(&record.state)
        })
    }

    fn step(&self, at: Timestamp, step: PlanAct, kid: Option<String>) -> PlanStep {
        PlanStep { at, step, kid, algorithm: self.algorithm, signs_lists: false }
    }
}
