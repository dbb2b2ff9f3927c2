//! Turns facts into Cedar entities and context.
//!
//! Invariant: everything that is passed to Cedar is first checked against the schema.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request,
    RestrictedExpression as Expression, Schema,
};
use sekisho_ambient::Timestamp;

use crate::holder::{Affiliation, Ends, Holder, Training};
use crate::size::Size;
use crate::{Action, Facts, Gate, TrainingRule};

/// The reason why facts could not be passed to Cedar. It is only for the log.
pub(crate) type Unfit = Box<dyn std::error::Error + Send + Sync>;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Attributes of an entity or record. Those with `None` are left out.
type Attributes = Vec<(&'static str, Option<Expression>)>;

/// Makes the entities of the holder and the gate.
pub(crate) fn entities(
    facts: &Facts<'_>,
    holder: &Holder,
    size: &Size,
    schema: &Schema,
) -> Result<Entities, Unfit> {
    let person = entity(person()?, holder_attributes(holder))?;
    let gate = entity(resource(facts.gate)?, gate_attributes(facts.gate, size, facts.now))?;
    Ok(Entities::from_entities([person, gate], Some(schema))?)
}

/// Makes Cedar's request: may the holder do `action` at the gate?
pub(crate) fn question(
    facts: &Facts<'_>,
    size: &Size,
    action: Action,
    schema: &Schema,
) -> Result<Request, Unfit> {
    let action = uid("Action", action.name())?;
    let pairs = present(asked(facts, size));
    let context = Context::from_pairs(pairs)?;
    Ok(Request::new(person()?, action, resource(facts.gate)?, context, Some(schema))?)
}

fn person() -> Result<EntityUid, Unfit> {
    uid("Holder", "holder")
}

fn resource(gate: &Gate) -> Result<EntityUid, Unfit> {
    uid("Gate", &gate.id)
}

/// Makes the identifier of an entity from its type and its id.
pub(crate) fn uid(kind: &str, id: &str) -> Result<EntityUid, Unfit> {
    let kind: EntityTypeName = kind.parse()?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn entity(uid: EntityUid, attributes: Attributes) -> Result<Entity, Unfit> {
    let attributes: HashMap<String, Expression> = present(attributes).collect();
    Ok(Entity::new(uid, attributes, HashSet::new())?)
}

fn holder_attributes(holder: &Holder) -> Attributes {
    vec![
        ("affiliation", holder.affiliation.as_ref().and_then(affiliation)),
        ("training", holder.training.as_ref().and_then(training)),
    ]
}

fn affiliation(shown: &Affiliation) -> Option<Expression> {
    let valid_through = match &shown.ends {
        Ends::Unsaid => None,
        Ends::On(day) => Some(time(day.end)),
        Ends::Unreadable => return None,
    };
    record(vec![("kind", Some(text(shown.kind.as_ref()?))), ("valid_through", valid_through)])
}

fn training(shown: &Training) -> Option<Expression> {
    record(vec![
        ("achievement", Some(text(shown.achievement.as_ref()?))),
        ("level", shown.level.map(|level| long(i64::from(level)))),
        ("valid_through", Some(time(shown.ends.as_ref()?.end))),
        ("completed_on", shown.completed.as_ref().map(|day| time(day.end))),
    ])
}

fn gate_attributes(gate: &Gate, size: &Size, now: Timestamp) -> Attributes {
    let kinds = gate.allowed_affiliation_types.iter().map(|kind| kind.name());
    vec![
        ("service", Some(text(&gate.service))),
        ("max_gpus", Some(long(gate.max_gpus))),
        ("max_gpu_hours", Some(long(gate.max_gpu_hours))),
        ("max_walltime_h", Some(long(size.longest_run))),
        ("partitions", Some(set(&gate.partitions))),
        ("gpu_models", Some(set(&gate.gpu_models))),
        ("allowed_affiliation_types", Some(set(kinds))),
        ("training", gate.training.as_ref().and_then(|rule| training_rule(rule, now))),
    ]
}

fn training_rule(rule: &TrainingRule, now: Timestamp) -> Option<Expression> {
    let completed_after = rule.max_age_days.map(|days| now.plus(-i64::from(days) * DAY));
    record(vec![
        ("achievements", Some(set(&rule.achievements))),
        ("min_level", Some(long(rule.min_level))),
        ("completed_after", completed_after.map(time)),
    ])
}

fn asked(facts: &Facts<'_>, size: &Size) -> Attributes {
    let Facts { request, .. } = facts;
    let gpu_hours = i64::try_from(size.gpu_hours).unwrap_or(i64::MAX);
    vec![
        ("now", Some(time(facts.now))),
        ("acr", facts.acr.map(text)),
        ("gpus", Some(long(request.gpus))),
        ("gpu_hours", Some(long(gpu_hours))),
        ("walltime_h", Some(long(size.walltime_h))),
        ("partitions", Some(set(&request.partition))),
        ("gpu_models", Some(set(&request.gpu_model))),
    ]
}

fn present(attributes: Attributes) -> impl Iterator<Item = (String, Expression)> {
    attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)))
}

/// Makes a record; `None` only if two attributes have the same name.
fn record(attributes: Attributes) -> Option<Expression> {
    Expression::new_record(present(attributes)).ok()
}

fn set<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Expression {
    Expression::new_set(names.into_iter().map(text))
}

fn text(text: impl AsRef<str>) -> Expression {
    Expression::new_string(text.as_ref().to_owned())
}

fn long(number: impl Into<i64>) -> Expression {
    Expression::new_long(number.into())
}

fn time(time: Timestamp) -> Expression {
    long(time.unix())
}
