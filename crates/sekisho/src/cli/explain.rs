//! `sekisho explain`.

use sekisho_broker::codes;
use serde_json::json;

use super::session::Session;
use crate::{Failure, words};

impl Session<'_, '_> {
    pub(super) fn explain(&mut self, id: &str) -> Result<(), Failure> {
        let code = codes::find(&id.to_ascii_uppercase()).ok_or_else(|| Failure::Refused {
            name: "not_found".to_owned(),
            message: format!("there is no code {id:?}"),
        })?;
        if self.json {
            let both = |text: &codes::Text| json!({"ja": text.ja, "en": text.en});
            let entry = json!({
                "code": code.id, "status": code.status, "oauth_error": code.oauth_error,
                "cause": both(&code.cause), "user": both(&code.user), "admin": both(&code.admin),
            });
            self.say(&entry.to_string());
            return Ok(());
        }
        let lang = self.lang;
        self.say(&format!("{}: {}", code.id, code.cause.say(lang)));
        self.fact(&words::FOR_USERS, code.user.say(lang));
        self.fact(&words::FOR_ADMINISTRATORS, code.admin.say(lang));
        self.fact(&words::HTTP_STATUS, &code.status.to_string());
        self.fact(&words::OAUTH_ERROR, code.oauth_error);
        Ok(())
    }
}
