//! The log: one line for each event, as text or as JSON.
//!
//! Invariant: what strangers wrote takes a bounded part of a line and cannot be taken for anything
//! else. Every value is written without characters that cannot be seen, and at most [`LONGEST`] bytes
//! of it; a line has at most [`FIELDS`] values.

use std::fmt::{self, Debug, Write as _};

use sekisho_ambient::shown;
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The longest value, in bytes. Most references, URLs and messages fit.
const LONGEST: usize = 512;
/// The most values of one event.
const FIELDS: usize = 32;

/// Sends logs to standard error. By default they are this program's from `info` on and libraries'
/// from `warn` on; `SEKISHO_LOG` can say otherwise.
pub fn begin() {
    // The names of all our crates begin with that of the program.
    let quiet = || EnvFilter::new("warn,sekisho=info");
    let filter = EnvFilter::try_from_env("SEKISHO_LOG").unwrap_or_else(|_| quiet());
    let line = if std::env::var_os("SEKISHO_LOG_JSON").is_some() { Line::Json } else { Line::Text };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .event_format(line)
        .init();
}

/// How an event is written.
#[derive(Clone, Copy)]
enum Line {
    Text,
    Json,
}

/// The values of an event, in their order.
#[derive(Default)]
struct Values(Vec<(&'static str, Value)>);

impl Values {
    fn push(&mut self, field: &Field, value: Value) {
        if self.0.len() < FIELDS {
            self.0.push((field.name(), value));
        }
    }
}

impl Visit for Values {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.push(field, shown(&format!("{value:?}"), LONGEST).into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, shown(value, LONGEST).into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value.into());
    }
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut values = Values::default();
        event.record(&mut values);
        let (level, target) = (event.metadata().level(), event.metadata().target());
        let line = match self {
            Self::Text => text(&time, level.as_str(), target, &values),
            Self::Json => {
                let fields: Map<String, Value> =
                    values.0.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                let level = level.as_str();
                json!({"timestamp": time, "level": level, "target": target, "fields": fields})
                    .to_string()
            }
        };
        writeln!(writer, "{line}")
    }
}

fn text(time: &str, level: &str, target: &str, values: &Values) -> String {
    let mut line = format!("{time} {level:>5} {target}:");
    for (name, value) in &values.0 {
        let _ = match (*name, value) {
            ("message", Value::String(text)) => write!(line, " {text}"),
            (name, Value::String(text)) if is_bare(text) => write!(line, " {name}={text}"),
            (name, value) => write!(line, " {name}={value}"),
        };
    }
    line
}

/// Whether a value can stand without quotes, so that it is not taken for two.
fn is_bare(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c == '"' || c == '=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_value_and_bounded() {
        let hostile = format!("{}\u{202e}\n2026-01-01T00:00:00Z ERROR forged", "a".repeat(600));
        let values = Values(vec![
            ("message", "a presentation was refused".into()),
            ("error", shown("x\u{1b}[31m y=\"1\"", LONGEST).into()),
            ("aud", shown(&hostile, LONGEST).into()),
            ("left", 3.into()),
        ]);
        let line = text("T", "INFO", "sekisho", &values);
        assert!(
            line.starts_with("T  INFO sekisho: a presentation was refused error=\"x"),
            "{line}"
        );
        assert!(line.ends_with(" left=3") && line.len() < 1024, "{line}");
        assert!(line.contains(" bytes)") && !line.contains("forged"), "{line}");
    }
}
