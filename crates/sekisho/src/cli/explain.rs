//! `sekisho explain`.

use sekisho_profile::Code;
use serde_json::json;

use super::session::Session;
use crate::{Failure, words};

impl Session<'_, '_> {
    pub(super) fn explain(&mut self, id: &str) -> Result<(), Failure> {
        let code = Code::from_id(&id.to_ascii_uppercase()).ok_or_else(|| Failure::Refused {
            name: "not_found".to_owned(),
            message: format!("there is no code {id:?}"),
        })?;
        let entry = code.entry();
        if self.json {
            let answer = json!({
                "code": code, "status": entry.status, "oauth_error": entry.oauth_error,
                "cause": entry.cause, "user": entry.user, "admin": entry.admin,
            });
            self.say(&answer.to_string());
            return Ok(());
        }
        let lang = self.lang;
        self.say(&format!("{}: {}", entry.id, entry.cause.say(lang)));
        self.fact(&words::FOR_USERS, entry.user.say(lang));
        self.fact(&words::FOR_ADMINISTRATORS, entry.admin.say(lang));
        self.fact(&words::HTTP_STATUS, &entry.status.to_string());
        self.fact(&words::OAUTH_ERROR, entry.oauth_error);
        Ok(())
    }
}
