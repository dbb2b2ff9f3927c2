//! `sekisho client test`.

use clap::Args;
use sekisho_broker::admin::{Examined, Finding, Found, TestClient};

use super::path;
use crate::api::Call;
use crate::cli::session::{Session, body, read};
use crate::{Failure, text_file, words};

#[derive(Args)]
pub(in crate::cli) struct Test {
    /// Its id
    client_id: String,
    /// The URL of an authorization request, as the service sends a browser to it
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Reads the client's secret from standard input, and authenticates with it
    #[arg(long, conflicts_with = "assertion")]
    secret_stdin: bool,
    /// A file with a client assertion (private_key_jwt), to authenticate with; it is used up
    #[arg(long, value_name = "FILE")]
    assertion: Option<String>,
}

impl Session<'_, '_> {
    pub(super) async fn test_client(&mut self, test: Test) -> Result<(), Failure> {
        let secret = if test.secret_stdin { Some(self.secret_line()?) } else { None };
        let assertion = test.assertion.as_deref().map(read_assertion).transpose()?;
        let wanted = TestClient { secret, assertion, url: test.url };
        let call = Call::post(path(&test.client_id, "/test"), body(&wanted)?);
        let answer = self.call(&call).await?;
        let examined: Examined = read(answer.clone())?;
        if self.json {
            self.say(&answer.to_string());
        } else {
            self.examined(&examined);
        }
        if examined.ok { Ok(()) } else { Err(Failure::Told) }
    }

    /// The first line of standard input.
    fn secret_line(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        let _ = self.terminal.input.read_line(&mut line);
        let secret = line.trim_end_matches(['\r', '\n']).to_owned();
        if secret.is_empty() {
            return Err(Failure::Usage("standard input has no secret".to_owned()));
        }
        Ok(secret)
    }

    fn examined(&mut self, examined: &Examined) {
        for Finding { about, found, message } in &examined.findings {
            let word = match found {
                Found::Ok => words::FOUND_OK,
                Found::Note => words::FOUND_NOTE,
                Found::Wrong => words::FOUND_WRONG,
            };
            let line = format!("{} {about}: {message}", word.say(self.lang));
            let line: String = line.chars().filter(|c| !c.is_control()).collect();
            self.say(&line);
        }
        self.endpoints(&examined.endpoints);
    }
}

fn read_assertion(path: &str) -> Result<String, Failure> {
    let text = text_file::read(path).map_err(Failure::file("read", path))?;
    Ok(text.trim().to_owned())
}
