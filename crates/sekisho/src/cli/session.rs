//! What every command needs: the terminal, the language, and the admin API.

use std::io::{BufRead, Write};
use std::path::PathBuf;

use clap::Args;
use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};
use sekisho_ambient::{Lang, Text, Timestamp, Words};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api::{Api, Call};
use crate::settings::Settings;
use crate::{Failure, Surroundings, words};

/// The rows of a table that is printed if the user does not say how many.
const TABLE: usize = 1000;
/// The most rows that are asked for at a time.
const PAGE: usize = 1000;

/// Which part of a long list to print.
#[derive(Args)]
pub(super) struct Paging {
    /// At most this many rows [default: 1000 in a table, all in JSON]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    limit: Option<usize>,
    /// The rows after this place, which the part before named
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
}

fn at_least_one(text: &str) -> Result<usize, &'static str> {
    text.parse().ok().filter(|number| *number > 0).ok_or("expected a number from 1")
}

/// The program's standard input, output and error.
pub struct Terminal<'a> {
    /// The input from which typed answers are read.
    pub input: &'a mut (dyn BufRead + Send),
    /// The output to which results are written.
    pub output: &'a mut (dyn Write + Send),
    /// The output to which questions, notes and errors are written.
    pub notes: &'a mut (dyn Write + Send),
}

/// One run of the program.
pub(crate) struct Session<'a, 't> {
    pub(crate) terminal: &'a mut Terminal<'t>,
    pub(crate) json: bool,
    /// Whether each row of a list is a JSON document of its own line.
    pub(crate) lines: bool,
    pub(crate) lang: Lang,
    /// The language, if the user chose it with `--lang`.
    pub(crate) chosen: Option<Lang>,
    pub(crate) config: PathBuf,
    pub(crate) surroundings: Surroundings,
}

impl Session<'_, '_> {
    /// Reads the configuration file.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        Ok(Settings::read(&self.config)?)
    }

    /// Calls the admin API of the configured broker.
    pub(super) async fn call(&self, call: &Call) -> Result<Value, Failure> {
        Api::find(&self.settings()?, &self.surroundings).await?.call(call).await
    }

    /// Reads a list, and prints it as JSON or lets `show` print it.
    pub(super) async fn list<T: DeserializeOwned>(
        &mut self,
        call: &Call,
        name: &str,
        show: impl FnOnce(&mut Self, Vec<T>),
    ) -> Result<(), Failure> {
        let mut answer = self.call(call).await?;
        if self.json && !self.lines {
            self.say(&answer.to_string());
            return Ok(());
        }
        let rows = answer.get_mut(name).map(Value::take).unwrap_or_default();
        self.rows(read(rows)?, show)
    }

    /// Reads a list page by page to its end, and prints it like `Session::list`.
    pub(super) async fn pages<T: DeserializeOwned>(
        &mut self,
        call: &Call,
        name: &str,
        show: impl FnOnce(&mut Self, Vec<T>),
    ) -> Result<(), Failure> {
        let api = Api::find(&self.settings()?, &self.surroundings).await?;
        let mut rows: Vec<Value> = Vec::new();
        let mut page = call.clone();
        loop {
            let mut answer = api.call(&page).await?;
            let found = answer.get_mut(name).map(Value::take).unwrap_or_default();
            rows.extend(read::<Vec<Value>>(found)?);
            let Some(next) = answer.get("next").and_then(Value::as_str) else { break };
            page = call.clone().with("after", next);
        }
        if self.json && !self.lines {
            self.say(&json!({name: rows}).to_string());
            return Ok(());
        }
        self.rows(rows, show)
    }

    /// Prints rows, as lines of JSON or as `show` prints them.
    pub(super) fn rows<T: DeserializeOwned>(
        &mut self,
        rows: Vec<Value>,
        show: impl FnOnce(&mut Self, Vec<T>),
    ) -> Result<(), Failure> {
        if self.lines {
            for row in &rows {
                self.say(&row.to_string());
            }
            return Ok(());
        }
        let rows: Vec<T> = read(Value::Array(rows))?;
        if rows.is_empty() {
            self.remark(&words::NOTHING);
        } else {
            show(self, rows);
        }
        Ok(())
    }

    /// Reads a list in pages, and prints as many rows as `paging` says: as one JSON document, as
    /// lines of JSON, or in a table by `show`. Rows of JSON are printed as they come. Says how to go
    /// on if there are more.
    ///
    /// The answers hold the rows under `name`, and under `next` the place after which the list goes
    /// on, or null at its end.
    pub(super) async fn part<T: DeserializeOwned>(
        &mut self,
        call: &Call,
        name: &str,
        paging: &Paging,
        show: impl Fn(&mut Self, Vec<T>),
    ) -> Result<(), Failure> {
        let api = Api::find(&self.settings()?, &self.surroundings).await?;
        let mut left = paging.limit.unwrap_or(if self.json { usize::MAX } else { TABLE });
        let (mut after, mut printed) = (paging.after.clone(), 0_usize);
        let mut table = Vec::new();
        if self.json && !self.lines {
            self.print(&format!("{{\"{name}\":["));
        }
        loop {
            let page = left.min(PAGE);
            let call = call.clone().with("limit", &page.to_string());
            let call = match &after {
                Some(after) => call.with("after", after),
                None => call,
            };
            let mut answer = api.call(&call).await?;
            let rows = answer.get_mut(name).map(Value::take).unwrap_or_default();
            let rows: Vec<Value> = read(rows)?;
            left = left.saturating_sub(rows.len());
            for row in rows {
                if self.lines {
                    self.say(&row.to_string());
                } else if self.json {
                    self.print(if printed == 0 { "" } else { "," });
                    self.print(&row.to_string());
                } else {
                    table.push(read(row)?);
                }
                printed = printed.saturating_add(1);
            }
            after = answer.get("next").and_then(Value::as_str).map(str::to_owned);
            if after.is_none() || left == 0 {
                break;
            }
        }
        if self.json && !self.lines {
            self.say(&format!("],\"next\":{}}}", Value::from(after.clone())));
        } else if !self.json && table.is_empty() {
            self.remark(&words::NOTHING);
        } else if !self.json {
            show(self, table);
        }
        if let Some(after) = after
            && (self.lines || !self.json)
        {
            let rows = printed.to_string();
            self.note(&words::MORE_ROWS.fill(self.lang, &[("rows", &rows), ("after", &after)]));
        }
        Ok(())
    }

    /// Prints a part of a line of the result.
    fn print(&mut self, text: &str) {
        let _ = write!(self.terminal.output, "{text}");
    }

    /// Makes a change, or only plans it if `dry_run` is set, and prints the result.
    pub(super) async fn change<T: DeserializeOwned>(
        &mut self,
        call: Call,
        dry_run: bool,
        show: impl FnOnce(&mut Self, T),
    ) -> Result<(), Failure> {
        let call = if dry_run { call.with("dry_run", "true") } else { call };
        let answer = self.call(&call).await?;
        if self.json {
            self.say(&answer.to_string());
            return Ok(());
        }
        if dry_run {
            self.remark(&words::PLAN);
        }
        let audit_id = answer.get("audit_id").and_then(Value::as_str).map(str::to_owned);
        show(self, read(answer)?);
        if let Some(id) = audit_id {
            self.note(&words::AUDIT_ID.fill(self.lang, &[("id", &id)]));
        }
        Ok(())
    }

    /// Asks the user to type `id` before something is destroyed. Asks nothing if `yes` or `dry_run`
    /// is set.
    pub(super) fn confirm(&mut self, id: &str, yes: bool, dry_run: bool) -> Result<(), Failure> {
        if yes || dry_run {
            return Ok(());
        }
        let question = words::TYPE_ID.fill(self.lang, &[("id", id)]);
        let _ = write!(self.terminal.notes, "{question}");
        let _ = self.terminal.notes.flush();
        let mut line = String::new();
        let _ = self.terminal.input.read_line(&mut line);
        if line.trim() == id {
            return Ok(());
        }
        Err(Failure::Usage(words::NOT_CONFIRMED.say(self.lang).to_owned()))
    }

    /// Prints a line of the result. Errors are ignored: the terminal may be closed.
    pub(crate) fn say(&mut self, line: &str) {
        let _ = writeln!(self.terminal.output, "{}", line.trim_end());
        let _ = self.terminal.output.flush();
    }

    /// Prints a line that is not part of the result.
    pub(crate) fn note(&mut self, line: &str) {
        let _ = writeln!(self.terminal.notes, "{line}");
    }

    /// Prints a text of the table that is not part of the result.
    pub(super) fn remark(&mut self, text: &Words) {
        self.note(text.say(self.lang));
    }

    /// Prints a name and a value as a line of the result, without control characters.
    pub(super) fn fact(&mut self, name: &Words, value: &str) {
        let name = name.say(self.lang);
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        self.say(&format!("{name}: {value}"));
    }

    /// Prints a QR code, light on dark as terminals are. Prints nothing if the text is too long for
    /// one.
    pub(super) fn qr(&mut self, text: &str) {
        let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::L) else { return };
        let mut drawn = code.render::<Dense1x2>();
        drawn.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
        self.say(&drawn.build());
    }

    /// The text in the user's language.
    pub(super) fn pick(&self, text: &Text) -> String {
        text.say(self.lang).to_owned()
    }
}

/// Formats a time for a table: RFC 3339 in Japan Standard Time.
pub(super) fn time(time: Timestamp) -> String {
    time.to_rfc3339_jst()
}

/// Reads an answer of the admin API as a `T`.
pub(crate) fn read<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(|error| Failure::Refused {
        name: "answer".to_owned(),
        message: format!("the server answered what this program does not know: {error}"),
    })
}

/// The JSON body of a change.
pub(super) fn body(value: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| Failure::Usage(error.to_string()))
}
