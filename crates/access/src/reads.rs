//! The claims that a gate's policy reads from a holder's credentials.
//!
//! Invariant: a wallet is asked only for claims that a rule of the gate reads. It is asked for the
//! predicate of a level and not for the level itself, where a predicate exists.

use sekisho_profile::types::{LOGIN, TRAINING};

use crate::Gate;

/// The claims of one credential type that a decision reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The name of the type, such as `ai-training`.
    pub type_name: String,
    /// The paths of the claims without which the credential is useless. A path is the names of its
    /// members.
    pub needed: Vec<Vec<String>>,
    /// The paths of all claims that are read, including the needed ones.
    pub claims: Vec<Vec<String>>,
    /// Whether the login is impossible without the credential. If it is false, a missing credential
    /// is a reason on the page of the denial.
    pub required: bool,
}

/// Returns the claims that the policy reads at `gate`.
pub fn reads(gate: &Gate) -> Vec<Read> {
    let affiliation = read(LOGIN, &["affiliation_type"], &["valid_through"], true);
    let training = gate.training.as_ref().map(|rule| {
        let level = match rule.min_level {
            0 => None,
            1 => Some("level_gte_1"),
            2 => Some("level_gte_2"),
            3 => Some("level_gte_3"),
            _ => Some("level"), // no predicate says more than 3
        };
        let date = rule.max_age_days.map(|_| "completed_on");
        let more: Vec<&str> = level.into_iter().chain(date).collect();
        read(TRAINING, &["achievement_id", "valid_through"], &more, false)
    });
    [Some(affiliation), training].into_iter().flatten().collect()
}

fn read(type_name: &str, needed: &[&str], more: &[&str], required: bool) -> Read {
    let path = |name: &&str| vec![(*name).to_owned()];
    Read {
        type_name: type_name.to_owned(),
        needed: needed.iter().map(path).collect(),
        claims: needed.iter().chain(more).map(path).collect(),
        required,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn training(change: impl FnOnce(&mut crate::TrainingRule)) -> Vec<String> {
        let mut gate = samples::gate();
        change(gate.training.as_mut().unwrap());
        let training = reads(&gate).remove(1);
        assert!(!training.required);
        training.claims.concat()
    }

    #[test]
    fn the_predicate_of_the_level_is_asked_for() {
        let base = ["achievement_id", "valid_through"];
        assert_eq!(training(|rule| rule.min_level = 0), base);
        assert_eq!(training(|rule| rule.min_level = 1), [&base[..], &["level_gte_1"]].concat());
        assert_eq!(training(|rule| rule.min_level = 3), [&base[..], &["level_gte_3"]].concat());
        assert_eq!(training(|rule| rule.min_level = 4), [&base[..], &["level"]].concat());
        let dated = training(|rule| rule.max_age_days = Some(365));
        assert_eq!(dated, [&base[..], &["level_gte_2", "completed_on"]].concat());
    }

    #[test]
    fn a_gate_without_training_reads_the_affiliation_alone() {
        let gate = Gate { training: None, ..samples::gate() };
        let reads = reads(&gate);
        assert_eq!(reads.len(), 1);
        assert_eq!(reads[0].claims.concat(), ["affiliation_type", "valid_through"]);
        assert!(reads[0].required);
    }
}
