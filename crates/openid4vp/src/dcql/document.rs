//! The query's JSON (OpenID4VP 1.0, sections 6.1 to 6.4).
use super::{DcqlError, Query};
use serde_json::Value;
pub(super) fn read(_value: &Value) -> Result<Query, DcqlError> {
    todo!()
}
pub(super) fn write(_query: &Query) -> Value {
    todo!()
}
