//! The life cycle of a key: first single transitions, then the invariants as properties over random
//! histories.

use std::sync::LazyLock;

use proptest::prelude::*;
use sekisho_ambient::Entropy;
use sekisho_jose::SigningKey;

use super::*;

const START: Timestamp = Timestamp::from_unix(1_795_239_120);
const AHEAD: i64 = 300;

/// ID tokens are valid for minutes, credentials and lists for longer.
fn validity(purpose: &Purpose) -> i64 {
    match purpose {
        Purpose::IdToken => 600,
        Purpose::AccessToken { .. } => 21_600,
        Purpose::RequestObject | Purpose::AuditCheckpoint => 120,
        Purpose::Credential { .. } => 90_000,
        Purpose::StatusList { .. } => 7_200,
    }
}

const POLICY: Policy = Policy { publish_ahead: |_| AHEAD, overlap: validity };

fn record(purpose: Purpose, algorithm: Algorithm, number: u64, now: Timestamp) -> KeyRecord {
    // All records share one key: the rules look only at `kid`, and making keys is slow.
    static KEY: LazyLock<PublicJwk> = LazyLock::new(|| {
        SigningKey::generate(Algorithm::Es256, &Entropy::seeded(1)).unwrap().public_jwk()
    });
    let public = KEY.clone().with_kid(format!("key-{number}"));
    spare(purpose, public, algorithm, Vec::new(), vec![1, 2, 3], now)
}

/// A document that was signed.
struct Signed {
    kid: String,
    valid_until: Timestamp,
}

/// The keys as the store would hold them; only the rules change them.
struct World {
    now: Timestamp,
    swept: Timestamp,
    records: Vec<KeyRecord>,
    made: u64,
    signed: Vec<Signed>,
}

fn lines() -> [(Purpose, Algorithm); 5] {
    let credential = |org: &str| Purpose::Credential { org: org.to_owned() };
    [
        (Purpose::IdToken, Algorithm::Es256),
        (Purpose::AccessToken { resource: Some("slurm".to_owned()) }, Algorithm::Rs256),
        (Purpose::RequestObject, Algorithm::Es256),
        (credential("1180301018771"), Algorithm::Es256),
        (credential("7900000000002"), Algorithm::Es256),
    ]
}

impl World {
    fn founded() -> Self {
        let mut world =
            Self { now: START, swept: START, records: Vec::new(), made: 0, signed: Vec::new() };
        for (purpose, algorithm) in lines() {
            world.make(purpose, algorithm);
        }
        world.sweep();
        world
    }

    fn make(&mut self, purpose: Purpose, algorithm: Algorithm) {
        self.made += 1;
        // Number the keys downwards, so that their names do not sort by age.
        self.records.push(record(purpose, algorithm, 10_000 - self.made, self.now));
    }

    fn sweep(&mut self) -> usize {
        self.swept = self.now;
        let steps = sweep(&self.records, self.now, &POLICY);
        for step in &steps {
            if let Step::PublishSpare { purpose, algorithm } = step {
                self.make(purpose.clone(), *algorithm);
            }
            for record in &mut self.records {
                if changes(step) == Some(record.kid.as_str()) {
                    apply(record, step, self.now);
                }
            }
        }
        steps.len()
    }

    fn line(&self, line: usize) -> Vec<&KeyRecord> {
        let (purpose, algorithm) = &lines()[line];
        self.records.iter().filter(|record| record.serves(purpose, *algorithm)).collect()
    }

    fn rotate(&mut self, line: usize) -> Option<Timestamp> {
        let (purpose, algorithm) = &lines()[line];
        request_rotation(&mut self.records, purpose, *algorithm, self.now, &POLICY)
    }

    /// Every active key signs a document with the longest validity of its purpose.
    fn sign(&mut self) {
        for record in self.records.iter().filter(|record| record.is_active()) {
            let valid_until = self.now.plus(validity(&record.purpose));
            self.signed.push(Signed { kid: record.kid.clone(), valid_until });
        }
    }

    fn compromise(&mut self, line: usize, nth: usize) {
        let (purpose, algorithm) = &lines()[line];
        let keys = self.records.iter_mut().filter(|record| record.serves(purpose, *algorithm));
        let mut keys: Vec<&mut KeyRecord> = keys.filter(|record| record.is_published()).collect();
        if !keys.is_empty() {
            let nth = nth % keys.len();
            compromise(keys[nth], self.now);
        }
    }

    fn check(&self, with_compromise: bool) {
        for (index, (purpose, algorithm)) in lines().iter().enumerate() {
            let line = self.line(index);
            let active = line.iter().filter(|record| record.is_active()).count();
            let spares: Vec<_> = line.iter().filter(|record| record.is_spare()).collect();
            assert!(!spares.is_empty(), "no spare for {purpose:?} {algorithm}");
            let all_young = spares.iter().all(|record| match record.state {
                KeyState::Published { since, .. } => since.plus(AHEAD) > self.swept,
                _ => unreachable!(),
            });
            let may_wait = with_compromise && all_young;
            assert!(active == 1 || (active == 0 && may_wait), "{active} active for {purpose:?}");
            let first =
                line.iter().min_by_key(|record| (record.created, u64::MAX - number(record)));
            for record in &line {
                if let KeyState::Active { published, since, .. } = record.state {
                    let known = since.since(published) >= AHEAD;
                    assert!(known || record.kid == first.unwrap().kid, "signs unpublished");
                }
            }
        }
        for signed in self.signed.iter().filter(|signed| signed.valid_until > self.now) {
            let key = self.records.iter().find(|record| record.kid == signed.kid).unwrap();
            let lost = matches!(key.state, KeyState::Compromised { .. });
            assert!(key.is_published() || lost, "{} is orphaned", signed.kid);
            let lists = key.is_active() || key.signs_only_lists() || lost;
            assert!(
                lists || !key.purpose.signs_lists(),
                "nobody signs the lists of {}",
                signed.kid
            );
        }
        for record in &self.records {
            let retiring = matches!(record.state, KeyState::Retiring { .. });
            let finishes = retiring && record.purpose.finishes();
            let signs = record.is_active() || record.is_spare() || finishes;
            assert_eq!(has_private_half(record), signs, "{} {}", record.kid, record.state.name());
            assert_eq!(record.signs_only_lists(), retiring && record.purpose.signs_lists());
        }
    }
}

fn has_private_half(record: &KeyRecord) -> bool {
    serde_json::to_string(&record.state).unwrap().contains("private")
}

fn number(record: &KeyRecord) -> u64 {
    record.kid.trim_start_matches("key-").parse().unwrap()
}

#[derive(Clone, Debug)]
enum Event {
    Wait(i64),
    Rotate(usize),
    Compromise(usize, usize),
    Sweep,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => prop_oneof![0..30_i64, 0..700_i64, 0..100_000_i64].prop_map(Event::Wait),
        3 => (0..4_usize).prop_map(Event::Rotate),
        1 => (0..4_usize, 0..4_usize).prop_map(|(line, nth)| Event::Compromise(line, nth)),
        4 => Just(Event::Sweep),
    ]
}

/// Plays the events. Keys also sign between sweeps. Only a compromise is followed by a sweep at
/// once.
fn play(events: &[Event]) {
    let mut world = World::founded();
    let with_compromise = events.iter().any(|event| matches!(event, Event::Compromise(..)));
    world.check(with_compromise);
    for event in events {
        world.sign();
        match event {
            Event::Wait(seconds) => world.now = world.now.plus(*seconds),
            Event::Rotate(line) => {
                let at = world.rotate(*line).expect("there is always a spare");
                assert_eq!(world.rotate(*line), Some(at), "asking twice changes nothing");
                assert!(at <= world.now.plus(AHEAD));
            }
            Event::Compromise(line, nth) => {
                world.compromise(*line, *nth);
                world.sweep();
            }
            Event::Sweep => {
                world.sweep();
                assert_eq!(world.sweep(), 0, "a second sweep finds nothing");
            }
        }
        world.sign();
        world.check(with_compromise);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_invariants_hold_whatever_happens(events in prop::collection::vec(event(), 1..60)) {
        play(&events);
    }

    #[test]
    fn without_a_compromise_a_key_is_always_active(events in prop::collection::vec(event(), 1..60)) {
        let calm: Vec<Event> =
            events.into_iter().filter(|event| !matches!(event, Event::Compromise(..))).collect();
        play(&calm);
    }
}

#[test]
fn a_purpose_begins_with_an_active_key_and_a_spare() {
    let world = World::founded();
    for index in 0..lines().len() {
        let names: Vec<_> = world.line(index).iter().map(|record| record.state.name()).collect();
        assert_eq!(names, ["active", "published"]);
    }
}

#[test]
fn a_spare_that_everyone_knows_becomes_active_at_once() {
    let mut world = World::founded();
    world.now = START.plus(AHEAD);
    assert_eq!(world.rotate(0), Some(world.now));
    world.sweep();
    let names: Vec<_> = world.line(0).iter().map(|record| record.state.name()).collect();
    assert_eq!(names, ["retiring", "active", "published"]);
    let until = START.plus(AHEAD + validity(&Purpose::IdToken));
    assert!(
        matches!(world.line(0)[0].state, KeyState::Retiring { until: found, .. } if found == until)
    );
}

#[test]
fn a_young_spare_becomes_active_when_everyone_can_know_it() {
    let mut world = World::founded();
    world.now = START.plus(10);
    assert_eq!(world.rotate(0), Some(START.plus(AHEAD)));
    world.now = START.plus(AHEAD - 1);
    assert_eq!(world.sweep(), 0);
    world.now = START.plus(AHEAD);
    assert_eq!(world.sweep(), 3);
}

#[test]
fn the_spare_takes_the_place_of_a_compromised_key() {
    let mut world = World::founded();
    world.now = START.plus(AHEAD);
    world.compromise(0, 0);
    world.sweep();
    let line = world.line(0);
    let names: Vec<_> = line.iter().map(|record| record.state.name()).collect();
    assert_eq!(names, ["compromised", "active", "published"]);
    assert!(!line[0].is_published());
}

#[test]
fn a_young_spare_waits_even_where_no_key_is_left() {
    let mut world = World::founded();
    world.compromise(0, 0);
    assert_eq!(world.sweep(), 0);
    world.now = START.plus(AHEAD);
    assert_eq!(world.sweep(), 2);
    world.check(true);
}

#[test]
fn a_prepared_key_is_published_before_a_fresh_one_is_made() {
    let mut world = World::founded();
    world.now = START.plus(AHEAD);
    let mut prepared = record(Purpose::IdToken, Algorithm::Es256, 1, world.now);
    prepared.state = KeyState::Prepared { private: PrivateHalf::new(vec![1]) };
    assert!(!prepared.is_published());
    world.records.push(prepared);
    assert_eq!(world.sweep(), 0);
    world.rotate(0);
    let steps = sweep(&world.records, world.now, &POLICY);
    assert!(steps.contains(&Step::Publish { kid: "key-1".to_owned() }));
    assert!(!steps.iter().any(|step| matches!(step, Step::PublishSpare { .. })));
    world.sweep();
    world.check(false);
}

#[test]
fn a_step_that_does_not_fit_the_state_changes_nothing() {
    let mut spare = record(Purpose::IdToken, Algorithm::Es256, 1, START);
    let before = spare.clone();
    for step in [
        Step::Publish { kid: "key-1".to_owned() },
        Step::Retire { kid: "key-1".to_owned(), until: START },
        Step::Unpublish { kid: "key-1".to_owned() },
    ] {
        apply(&mut spare, &step, START);
        assert!(spare == before);
    }
    compromise(&mut spare, START);
    apply(&mut spare, &Step::Activate { kid: "key-1".to_owned() }, START);
    assert_eq!(spare.state.name(), "compromised");
}

#[test]
fn a_record_is_written_and_read_and_keeps_its_private_half_only_while_it_signs() {
    let credential = Purpose::Credential { org: "1".to_owned() };
    for (purpose, finishes) in
        [(Purpose::IdToken, false), (Purpose::RequestObject, true), (credential, true)]
    {
        let mut key = record(purpose, Algorithm::Es256, 1, START);
        for (step, private) in [
            (Step::Publish { kid: String::new() }, true),
            (Step::Activate { kid: String::new() }, true),
            (Step::Retire { kid: String::new(), until: START }, finishes),
            (Step::Unpublish { kid: String::new() }, false),
        ] {
            apply(&mut key, &step, START);
            assert_eq!(has_private_half(&key), private, "{}", key.state.name());
            let text = serde_json::to_string(&key).unwrap();
            assert!(serde_json::from_str::<KeyRecord>(&text).unwrap() == key);
        }
    }
}

/// A key that an earlier version retired has no private half any more, whatever it signed.
#[test]
fn a_retiring_key_of_before_is_read() {
    let mut key = record(Purpose::Credential { org: "1".to_owned() }, Algorithm::Es256, 1, START);
    apply(&mut key, &Step::Activate { kid: String::new() }, START);
    apply(&mut key, &Step::Retire { kid: String::new(), until: START }, START);
    let mut row = serde_json::to_value(&key).unwrap();
    assert!(row["state"].as_object_mut().unwrap().remove("private").is_some());
    let read: KeyRecord = serde_json::from_value(row).unwrap();
    assert_eq!(read.state.name(), "retiring");
    assert!(!read.signs_only_lists());
}

#[test]
fn a_retiring_key_may_end_earlier_and_never_later() {
    let mut key = record(Purpose::Credential { org: "1".to_owned() }, Algorithm::Es256, 1, START);
    assert!(!end_retiring(&mut key, START));
    apply(&mut key, &Step::Activate { kid: String::new() }, START);
    assert!(!end_retiring(&mut key, START));
    apply(&mut key, &Step::Retire { kid: String::new(), until: START.plus(100) }, START);
    assert!(!end_retiring(&mut key, START.plus(100)));
    assert!(end_retiring(&mut key, START.plus(50)));
    assert!(!end_retiring(&mut key, START.plus(60)));
    let ends = |at| {
        sweep(std::slice::from_ref(&key), at, &POLICY)
            .contains(&Step::Unpublish { kid: key.kid.clone() })
    };
    assert!(ends(START.plus(50)) && !ends(START.plus(49)));
}

/// An earlier version made keys for status lists. They leave, and no spare follows them.
#[test]
fn keys_of_a_purpose_that_is_no_more_leave() {
    let mut world = World::founded();
    let lists = Purpose::StatusList { org: "1180301018771".to_owned() };
    for number in [1, 2] {
        world.records.push(record(lists.clone(), Algorithm::Es256, number, START));
    }
    let active = world.records.iter_mut().find(|record| record.kid == "key-1").unwrap();
    apply(active, &Step::Activate { kid: String::new() }, START);
    let states = |world: &World| {
        let old = world.records.iter().filter(|record| record.purpose == lists);
        old.map(|record| record.state.name()).collect::<Vec<_>>()
    };
    world.sweep();
    assert_eq!(states(&world), ["retiring", "retired"]);
    assert_eq!(world.sweep(), 0);
    world.now = START.plus(validity(&lists));
    world.sweep();
    assert_eq!(states(&world), ["retired", "retired"]);
    assert!(!world.records.iter().any(|r| r.purpose == lists && has_private_half(r)));
}

#[test]
fn there_is_no_rotation_without_a_spare() {
    let (purpose, algorithm) = &lines()[0];
    assert_eq!(request_rotation(&mut [], purpose, *algorithm, START, &POLICY), None);
}

#[test]
fn of_two_spares_the_older_is_taken_and_the_one_that_was_asked_for_before_it() {
    let mut world = World::founded();
    world.now = START.plus(10);
    world.make(Purpose::IdToken, Algorithm::Es256);
    let younger = world.records.last().unwrap().kid.clone();
    assert_eq!(world.rotate(0), Some(START.plus(AHEAD)));
    assert_eq!(world.rotate(0), Some(START.plus(AHEAD)));
    world.now = START.plus(10 * AHEAD);
    world.sweep();
    let still = world.records.iter().find(|record| record.kid == younger).unwrap();
    assert_eq!(still.state.name(), "published");
    world.make(Purpose::IdToken, Algorithm::Es256);
    world.now = world.now.plus(AHEAD);
    world.compromise(0, 1);
    world.sweep();
    let active = world.records.iter().find(|record| record.kid == younger).unwrap();
    assert_eq!(active.state.name(), "active");
}
