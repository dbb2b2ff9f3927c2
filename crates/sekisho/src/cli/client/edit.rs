//! `sekisho client edit` and `sekisho client rotate-secret`.

use clap::Args;
use sekisho_broker::admin::{
    Difference, EditClient, EditedClient, GrantType, KEEP_OLD, ListEdit, PartOfText,
    RotateSecret as Rotate, RotatedSecret,
};
use sekisho_jose::Algorithm;
use serde_json::Value;

use super::show::value;
use super::{Method, algorithm, grant, path, read_jwks};
use crate::api::Call;
use crate::cli::Rehearsal;
use crate::cli::session::{Session, body, time};
use crate::{Failure, words};

#[derive(Args)]
pub(in crate::cli) struct Edit {
    /// Its id
    client_id: String,
    /// Another name in Japanese
    #[arg(long, value_name = "NAME")]
    name_ja: Option<String>,
    /// Another name in English
    #[arg(long, value_name = "NAME")]
    name_en: Option<String>,
    /// Another reason why it asks, in Japanese
    #[arg(long, value_name = "TEXT")]
    purpose_ja: Option<String>,
    /// Another reason why it asks, in English
    #[arg(long, value_name = "TEXT")]
    purpose_en: Option<String>,
    /// One more place where answers may go; once for each URI
    #[arg(long, value_name = "URI")]
    add_redirect_uri: Vec<String>,
    /// A place where they may go no more
    #[arg(long, value_name = "URI")]
    remove_redirect_uri: Vec<String>,
    /// One more place where a browser may go after logging out
    #[arg(long, value_name = "URI")]
    add_post_logout_redirect_uri: Vec<String>,
    /// A place where it may go no more
    #[arg(long, value_name = "URI")]
    remove_post_logout_redirect_uri: Vec<String>,
    /// All that it may ask for from now on
    #[arg(long, value_name = "SCOPES", value_delimiter = ' ', conflicts_with_all = ["add_scope", "remove_scope"])]
    scope: Option<Vec<String>>,
    /// What it may ask for too
    #[arg(long, value_name = "SCOPES", value_delimiter = ' ')]
    add_scope: Vec<String>,
    /// What it may ask for no more; it has it no more either, whoever agreed to it
    #[arg(long, value_name = "SCOPES", value_delimiter = ' ')]
    remove_scope: Vec<String>,
    /// A grant that it may use, once for each; others end
    #[arg(long, value_name = "NAME", value_parser = grant, conflicts_with_all = ["add_grant", "remove_grant"])]
    grant: Vec<GrantType>,
    /// One more grant
    #[arg(long, value_name = "NAME", value_parser = grant)]
    add_grant: Vec<GrantType>,
    /// A grant that it may use no more
    #[arg(long, value_name = "NAME", value_parser = grant)]
    remove_grant: Vec<GrantType>,
    /// Another way to authenticate; a secret is made if it had none
    #[arg(long, value_enum)]
    auth: Option<Method>,
    /// A JSON file with its public keys (JWK Set), in place of its keys
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks: Option<String>,
    /// Where it publishes its keys, in place of its keys
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// The algorithm of its ID tokens: RS256 or ES256
    #[arg(long, value_name = "ALG", value_parser = algorithm)]
    id_token_alg: Option<Algorithm>,
    /// The service of sekisho.toml that it stands for
    #[arg(long, value_name = "ID", conflicts_with = "no_service")]
    service: Option<String>,
    /// It stands for no service
    #[arg(long)]
    no_service: bool,
    /// Lets people use a wallet on another device
    #[arg(long, conflicts_with = "no_cross_device")]
    cross_device: bool,
    /// Lets them use a wallet on this device only
    #[arg(long)]
    no_cross_device: bool,
    /// Puts claims into the ID token too
    #[arg(long, conflicts_with = "no_claims_in_id_token")]
    claims_in_id_token: bool,
    /// Keeps claims out of the ID token
    #[arg(long)]
    no_claims_in_id_token: bool,
    /// Demands PKCE although it is confidential
    #[arg(long, conflicts_with = "no_require_pkce")]
    require_pkce: bool,
    /// Demands PKCE only if it is public
    #[arg(long)]
    no_require_pkce: bool,
    /// Refuses logins without this acr: phr; those of before count no more
    #[arg(long, value_name = "ACR", conflicts_with = "no_required_acr")]
    required_acr: Option<String>,
    /// Takes logins of every acr
    #[arg(long)]
    no_required_acr: bool,
    /// Asks for the wallet again after so many seconds
    #[arg(long, value_name = "SECONDS", conflicts_with = "no_default_max_age")]
    default_max_age: Option<i64>,
    /// Asks for the wallet again only when the service says so
    #[arg(long)]
    no_default_max_age: bool,
    #[command(flatten)]
    rehearsal: Rehearsal,
}

#[derive(Args)]
pub(in crate::cli) struct RotateSecret {
    /// Its id
    client_id: String,
    /// How long the secret of now stays good: 90s, 30m, 24h or 7d, 30 days at most [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = seconds, conflicts_with = "now")]
    keep_old_for: Option<i64>,
    /// Ends the secret of now at once
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    rehearsal: Rehearsal,
}

/// Reads a span of time: a number and its unit.
fn seconds(text: &str) -> Result<i64, &'static str> {
    let expected = "expected a number with its unit: 90s, 30m, 24h or 7d";
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => 24 * 60 * 60,
        _ => return Err(expected),
    };
    let number = text.trim_end_matches(['s', 'm', 'h', 'd']);
    let digits = number.len().checked_add(1) == Some(text.len())
        && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: i64 = number.parse().ok().filter(|_| digits).ok_or(expected)?;
    number.checked_mul(unit).ok_or(expected)
}

/// What two flags say: on, off, or nothing.
fn either(on: bool, off: bool) -> Option<bool> {
    (on || off).then_some(on)
}

/// What an option and the flag against it say: a value, none, or nothing.
#[allow(clippy::option_option, reason = "a value, none and nothing are three things")]
fn or_none<T>(value: Option<T>, none: bool) -> Option<Option<T>> {
    (none || value.is_some()).then_some(value)
}

fn list<T>(set: Option<Vec<T>>, add: Vec<T>, remove: Vec<T>) -> ListEdit<T> {
    ListEdit { set, add, remove }
}

impl Edit {
    fn into_request(self) -> Result<EditClient, Failure> {
        let grants = Some(self.grant).filter(|grants| !grants.is_empty());
        Ok(EditClient {
            name: PartOfText { ja: self.name_ja, en: self.name_en },
            purpose: PartOfText { ja: self.purpose_ja, en: self.purpose_en },
            redirect_uris: list(None, self.add_redirect_uri, self.remove_redirect_uri),
            post_logout_redirect_uris: list(
                None,
                self.add_post_logout_redirect_uri,
                self.remove_post_logout_redirect_uri,
            ),
            scopes: list(self.scope, self.add_scope, self.remove_scope),
            grant_types: list(grants, self.add_grant, self.remove_grant),
            token_endpoint_auth_method: self.auth.map(|method| method.name().to_owned()),
            jwks: self.jwks.as_deref().map(read_jwks).transpose()?,
            jwks_uri: self.jwks_uri,
            id_token_signed_response_alg: self.id_token_alg,
            claims_in_id_token: either(self.claims_in_id_token, self.no_claims_in_id_token),
            service: or_none(self.service, self.no_service),
            cross_device: either(self.cross_device, self.no_cross_device),
            require_pkce: either(self.require_pkce, self.no_require_pkce),
            required_acr: or_none(self.required_acr, self.no_required_acr),
            default_max_age: or_none(self.default_max_age, self.no_default_max_age),
        })
    }
}

impl Session<'_, '_> {
    pub(super) async fn edit_client(&mut self, edit: Edit) -> Result<(), Failure> {
        let dry_run = edit.rehearsal.dry_run;
        let at = path(&edit.client_id, "/edit");
        let call = Call::post(at, body(&edit.into_request()?)?);
        self.change(call, dry_run, |session, edited: EditedClient| session.edited(&edited)).await
    }

    fn edited(&mut self, edited: &EditedClient) {
        self.fact(&words::CLIENT_ID, &edited.client_id);
        if edited.changes.is_empty() {
            self.remark(&words::NO_CHANGE);
        }
        for Difference { member, before, after } in &edited.changes {
            let line = format!("{member}: {} → {}", self.told(before), self.told(after));
            let line: String = line.chars().filter(|c| !c.is_control()).collect();
            self.say(&line);
        }
        self.secret(edited.client_secret.as_ref());
    }

    /// A value before or after a change.
    fn told(&self, of: &Value) -> String {
        let none = words::NONE.say(self.lang).to_owned();
        Some(value(of)).filter(|text| !text.is_empty()).unwrap_or(none)
    }

    pub(super) async fn rotate_secret(&mut self, rotate: RotateSecret) -> Result<(), Failure> {
        let keep = if rotate.now { 0 } else { rotate.keep_old_for.unwrap_or(KEEP_OLD) };
        let call = body(&Rotate { keep_old_for: keep })?;
        let call = Call::post(path(&rotate.client_id, "/rotate-secret"), call);
        self.change(call, rotate.rehearsal.dry_run, |session, rotated: RotatedSecret| {
            session.fact(&words::CLIENT_ID, &rotated.client_id);
            session.secret(rotated.client_secret.as_ref());
            session.fact(&words::OLD_SECRET_ENDS, &time(rotated.old_ends));
            if let Some(ends) = rotated.ended_early {
                let (lang, ends) = (session.lang, time(ends));
                session.note(&words::OLDER_SECRET_ENDED.fill(lang, &[("ends", &ends)]));
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_time_has_a_unit() {
        let read = ["90s", "30m", "24h", "7d", "0s"].map(|text| seconds(text).unwrap());
        assert_eq!(read, [90, 1800, 86_400, 604_800, 0]);
        for wrong in
            ["", "24", "h", "-1h", "1.5h", "+1h", "1hh", "24 h", "9999999999999999999d", "1年"]
        {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
