//! The admin API: JSON over the server's Unix socket, or in process if the command line opened the
//! store itself. It is described in `spec/openapi-admin.yaml`.
//!
//! It is not part of the public surface. Invariant: every request carries a [`Peer`], set by the
//! code that accepted the connection; a request without one is refused. A request with an unknown
//! query parameter or member is refused too, so that a misspelt `dry_run` never makes a change.

mod clients;
mod extract;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use sekisho_broker::Broker;
use sekisho_broker::admin::{
    AddOrganization, AddSector, AddTrust, AdminError, By, ChangeStatus, CredentialQuery,
    EditResource, EditSector, EndGrant, EndSession, Listing, MoveClient, OfferCredential, Part,
    RotateKey, RotateResourceSecret, SetName, WhichSessions,
};
use sekisho_grants::listing::Which;
use sekisho_registry::Resource;
use serde::{Deserialize, Serialize};
use serde_json::json;

use extract::{Asked, Body, Caller, Failed};

/// The longest body of a request, in bytes.
const MAX_BODY: usize = 1 << 20;
/// How many records of the audit log an answer has if the caller does not say.
const TAIL: usize = 20;

/// The admin API of a broker.
pub fn router(broker: Broker) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/root", get(root))
        .route("/v1/organizations", get(organizations).post(add_organization))
        .route("/v1/clients", get(clients::clients).post(clients::add_client))
        .route("/v1/clients/{client}", get(clients::show_client).delete(clients::remove_client))
        .route("/v1/clients/{client}/edit", post(clients::edit_client))
        .route("/v1/clients/{client}/rotate-secret", post(clients::rotate_secret))
        .route("/v1/clients/{client}/test", post(clients::test_client))
        .route("/v1/resources", get(resources).post(add_resource))
        .route(
            "/v1/resources/{resource}",
            get(resource).patch(edit_resource).delete(remove_resource),
        )
        .route("/v1/resources/{resource}/rotate-secret", post(rotate_resource_secret))
        .route("/v1/clients/{client}/move", post(move_client))
        .route("/v1/sectors", get(sectors).post(add_sector))
        .route("/v1/sectors/{sector}", post(edit_sector))
        .route("/v1/sectors/{sector}/names", get(names).post(set_name))
        .route("/v1/sectors/{sector}/names/{name}/release", post(release_name))
        .route("/v1/trust", get(trust).post(add_trust).delete(remove_trust))
        .route("/v1/credentials", get(credentials))
        .route("/v1/credentials/offer", post(offer_credential))
        .route("/v1/credentials/{credential}/revoke", post(revoke_credential))
        .route("/v1/credentials/{credential}/suspend", post(suspend_credential))
        .route("/v1/credentials/{credential}/resume", post(resume_credential))
        .route("/v1/sessions", get(sessions))
        .route("/v1/sessions/{session}/end", post(end_session))
        .route("/v1/grants", get(grants))
        .route("/v1/grants/{grant}/end", post(end_grant))
        .route("/v1/keys", get(keys))
        .route("/v1/keys/rotate", post(rotate_key))
        .route("/v1/audit", get(audit))
        .route("/v1/audit/query", get(audit_query))
        .route("/v1/audit/verify", get(audit_verify))
        .route("/v1/audit/checkpoints", post(check_checkpoints))
        .fallback(|| async { Failed::NoSuchPath })
        .method_not_allowed_fallback(|| async { Failed::NoSuchMethod })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(broker)
}

/// The process at the other end of the socket. The code that accepts the connection checks it and
/// puts it into the extensions of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The process's user id.
    pub uid: u32,
}

/// The result of every handler.
type Answer = Result<Response, Failed>;

/// The query of an endpoint that takes no parameters.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// The query of an endpoint that changes something.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    dry_run: bool,
}

/// The query of the endpoint that removes a trusted issuer. The issuer's identifier is a URL, so it
/// is a parameter and not part of the path.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoveTrust {
    issuer: String,
    #[serde(default)]
    dry_run: bool,
}

/// Checkpoints that are to be compared with the log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Checkpoints {
    checkpoints: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SessionsPage {
    client: Option<String>,
    person: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantsPage {
    client: Option<String>,
    person: Option<String>,
    subject: Option<String>,
    sid: Option<String>,
    #[serde(default)]
    all: bool,
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamesPage {
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhichKeys {
    #[serde(default)]
    all: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    after: Option<u64>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithReference {
    reference: String,
    after: Option<u64>,
    limit: Option<usize>,
}

fn by(caller: Caller, dry_run: bool) -> By {
    By::operator(caller.0.uid, dry_run)
}

fn answer(result: Result<impl Serialize, AdminError>) -> Answer {
    Ok(Json(result?).into_response())
}

/// Answers with a list, as the member `name` of an object.
fn list(name: &str, rows: Result<impl Serialize, AdminError>) -> Answer {
    answer(rows.map(|rows| json!({name: rows})))
}

/// Answers with a page of a list, and with what the next page comes `after`.
fn page<T: Serialize>(name: &str, listing: Result<Listing<T>, AdminError>) -> Answer {
    answer(listing.map(|Listing { rows, next }| json!({name: rows, "next": next})))
}

async fn status(State(broker): State<Broker>, _: Caller, _: Asked<Nothing>) -> Answer {
    answer(broker.state().await)
}

/// The root certificate of our own certificates, as PEM.
async fn root(State(broker): State<Broker>, _: Caller, _: Asked<Nothing>) -> Answer {
    let certificate =
        serde_json::to_value(broker.own_root().await?).map_err(|error| unreadable(&error))?;
    let pem = pem(certificate.as_str().unwrap_or_default());
    Ok(([(http::header::CONTENT_TYPE, "application/x-pem-file")], pem).into_response())
}

fn unreadable(error: &serde_json::Error) -> Failed {
    Failed::Admin(AdminError::Invalid(error.to_string()))
}

/// Wraps a certificate as PEM. RFC 7468, section 2 requires lines of 64 characters.
fn pem(base64: &str) -> String {
    let mut out = String::from("-----BEGIN CERTIFICATE-----");
    for (at, character) in base64.chars().enumerate() {
        if at.is_multiple_of(64) {
            out.push('\n');
        }
        out.push(character);
    }
    out.push_str("\n-----END CERTIFICATE-----\n");
    out
}

async fn organizations(State(broker): State<Broker>, _: Caller, _: Asked<Nothing>) -> Answer {
    list("organizations", broker.list_organizations().await)
}

async fn add_organization(
    State(broker): State<Broker>,
    caller: Caller,
    Asked(change): Asked<Change>,
    Body(add): Body<AddOrganization>,
) -> Answer {
    answer(broker.add_organization(&by(caller, change.dry_run), &add).await)
}

async fn resources(State(broker): State<Broker>, _: Caller, _: Asked<Nothing>) -> Answer {
    list("resources", broker.list_resources().await)
}

async fn resource(
    State(broker): State<Broker>,
    _: Caller,
    Path(resource): Path<String>,
    _: Asked<Nothing>,
) -> Answer {
    answer(broker.show_resource(&resource).await)
}

async fn add_resource(
    State(broker): State<Broker>,
    caller: Caller,
    Asked(change): Asked<Change>,
    Body(add): Body<Resource>,
) -> Answer {
    answer(broker.add_resource(&by(caller, change.dry_run), &add).await)
}

async fn edit_resource(
    State(broker): State<Broker>,
    caller: Caller,
    Path(resource): Path<String>,
    Asked(change): Asked<Change>,
    Body(edit): Body<EditResource>,
) -> Answer {
    answer(broker.edit_resource(&by(caller, change.dry_run), &resource, &edit).await)
}

async fn remove_resource(
    State(broker): State<Broker>,
    caller: Caller,
    Path(resource): Path<String>,
    Asked(change): Asked<Change>,
) -> Answer {
    answer(broker.remove_resource(&by(caller, change.dry_run), &resource).await)
}

async fn rotate_resource_secret(
    State(broker): State<Broker>,
    caller: Caller,
    Path(resource): Path<String>,
    Asked(change): Asked<Change>,
    Body(rotate): Body<RotateResourceSecret>,
) -> Answer {
    let by = by(caller, change.dry_run);
    answer(broker.rotate_resource_secret(&by, &resource, rotate).await)
}

async fn move_client(
    State(broker): State<Broker>,
    caller: Caller,
    Path(client): Path<String>,
    Asked(change): Asked<Change>,
    Body(to): Body<MoveClient>,
) -> Answer {
    answer(broker.move_client(&by(caller, change.dry_run), &client, &to).await)
}

async fn sectors(State(broker): State<Broker>, _: Caller, _: Asked<Nothing>) -> Answer {
    list("sectors", broker.list_sectors().await)
}

async fn add_sector(
    State(broker): State<Broker>,
    caller: Caller,
    Asked(change): Asked<Change>,
    Body(add): Body<AddSector>,
) -> Answer {
    answer(broker.add_sector(&by(caller, change.dry_run), &add).await)
}

async fn edit_sector(
    State(broker): State<Broker>,
    caller: Caller,
    Path(sector): Path<String>,
    Asked(change): Asked<Change>,
    Body(edit): Body<EditSector>,
) -> Answer {
    answer(broker.edit_sector(&by(caller, change.dry_run), &sector, &edit).await)
}

async fn names(
    State(broker): State<Broker>,
    _: Caller,
    Path(sector): Path<String>,
    Asked(asked): Asked<NamesPage>,
) -> Answer {
    let NamesPage { after, limit } = asked;
    page("names", broker.list_names(&sector, &Part { after, limit }).await)
}

async fn set_name(
    State(broker): State<Broker>,
    caller: Caller,
    Path(sector): Path<String>,
    Asked(change): Asked<Change>,
    Body(set): Body<SetName>,
) -> Answer {
    answer(broker.set_name(&by(caller, change.dry_run), &sector, &set).await)
}

async fn release_name(
    State(broker): State<Broker>,
    caller: Caller,
    Path((sector, name)): Path<(String, String)>,
    Asked(change): Asked<Change>,
    Body(_): Body<Nothing>,
) -> Answer {
    answer(broker.release_name(&by(caller, change.dry_run), &sector, &name).await)
}

async fn trust(State(broker): State<Broker>, _: Caller, _: Asked<Nothing>) -> Answer {
    list("trust", Ok(broker.list_trust()))
}

async fn add_trust(
    State(broker): State<Broker>,
    caller: Caller,
    Asked(change): Asked<Change>,
    Body(add): Body<AddTrust>,
) -> Answer {
    answer(broker.add_trust(&by(caller, change.dry_run), &add).await)
}

async fn remove_trust(
    State(broker): State<Broker>,
    caller: Caller,
    Asked(remove): Asked<RemoveTrust>,
) -> Answer {
    answer(broker.remove_trust(&by(caller, remove.dry_run), &remove.issuer).await)
}

async fn credentials(
    State(broker): State<Broker>,
    _: Caller,
    Asked(query): Asked<CredentialQuery>,
) -> Answer {
    answer(broker.page_credentials(&query).await)
}

async fn offer_credential(
    State(broker): State<Broker>,
    caller: Caller,
    Asked(change): Asked<Change>,
    Body(offer): Body<OfferCredential>,
) -> Answer {
    answer(broker.offer_credential(&by(caller, change.dry_run), &offer).await)
}

async fn revoke_credential(
    State(broker): State<Broker>,
    caller: Caller,
    Path(credential): Path<String>,
    Asked(change): Asked<Change>,
    Body(revoke): Body<ChangeStatus>,
) -> Answer {
    answer(broker.revoke_credential(&by(caller, change.dry_run), &credential, &revoke).await)
}

async fn suspend_credential(
    State(broker): State<Broker>,
    caller: Caller,
    Path(credential): Path<String>,
    Asked(change): Asked<Change>,
    Body(why): Body<ChangeStatus>,
) -> Answer {
    answer(broker.suspend_credential(&by(caller, change.dry_run), &credential, &why).await)
}

async fn resume_credential(
    State(broker): State<Broker>,
    caller: Caller,
    Path(credential): Path<String>,
    Asked(change): Asked<Change>,
    Body(why): Body<ChangeStatus>,
) -> Answer {
    answer(broker.resume_credential(&by(caller, change.dry_run), &credential, &why).await)
}

async fn sessions(
    State(broker): State<Broker>,
    _: Caller,
    Asked(asked): Asked<SessionsPage>,
) -> Answer {
    let SessionsPage { client, person, after, limit } = asked;
    let which = WhichSessions { client, person };
    page("sessions", broker.list_sessions(&which, &Part { after, limit }).await)
}

async fn end_session(
    State(broker): State<Broker>,
    caller: Caller,
    Path(session): Path<String>,
    Asked(change): Asked<Change>,
    Body(end): Body<EndSession>,
) -> Answer {
    answer(broker.end_session(&by(caller, change.dry_run), &session, &end).await)
}

async fn grants(
    State(broker): State<Broker>,
    _: Caller,
    Asked(asked): Asked<GrantsPage>,
) -> Answer {
    let GrantsPage { client, person, subject, sid, all, after, limit } = asked;
    let which = Which { client, person, subject, sid, ended: all };
    page("grants", broker.list_grants(&which, &Part { after, limit }).await)
}

async fn end_grant(
    State(broker): State<Broker>,
    caller: Caller,
    Path(grant): Path<String>,
    Asked(change): Asked<Change>,
    Body(end): Body<EndGrant>,
) -> Answer {
    answer(broker.end_grant(&by(caller, change.dry_run), &grant, &end).await)
}

async fn keys(State(broker): State<Broker>, _: Caller, Asked(which): Asked<WhichKeys>) -> Answer {
    list("keys", broker.list_keys(which.all).await)
}

async fn rotate_key(
    State(broker): State<Broker>,
    caller: Caller,
    Asked(change): Asked<Change>,
    Body(rotate): Body<RotateKey>,
) -> Answer {
    answer(broker.rotate_key(&by(caller, change.dry_run), &rotate).await)
}

async fn audit(State(broker): State<Broker>, _: Caller, Asked(page): Asked<Page>) -> Answer {
    list("records", broker.audit_tail(page.after, page.limit.unwrap_or(TAIL)).await)
}

async fn audit_query(
    State(broker): State<Broker>,
    _: Caller,
    Asked(asked): Asked<WithReference>,
) -> Answer {
    let limit = asked.limit.unwrap_or(TAIL);
    answer(broker.audit_query(&asked.reference, asked.after, limit).await)
}

async fn audit_verify(State(broker): State<Broker>, _: Caller, _: Asked<Nothing>) -> Answer {
    answer(broker.audit_verify().await)
}

async fn check_checkpoints(
    State(broker): State<Broker>,
    _: Caller,
    _: Asked<Nothing>,
    Body(of): Body<Checkpoints>,
) -> Answer {
    let checked = broker.check_checkpoints(&of.checkpoints).await;
    list("checked", checked.map_err(AdminError::from))
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = %self, "an administrative request failed");
        }
        let body = json!({"error": self.name(), "message": self.to_string()});
        (status, Json(body)).into_response()
    }
}

impl Failed {
    fn name(&self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::NoSuchPath | Self::NoSuchMethod => "no_such_endpoint",
            Self::Malformed(_) => "invalid",
            Self::Admin(error) => error.name(),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Denied => StatusCode::FORBIDDEN,
            Self::NoSuchPath | Self::Admin(AdminError::NotFound { .. }) => StatusCode::NOT_FOUND,
            Self::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Malformed(_)
            | Self::Admin(AdminError::Invalid(_) | AdminError::DevelopmentKey(_)) => {
                StatusCode::BAD_REQUEST
            }
            Self::Admin(AdminError::Exists { .. }) => StatusCode::CONFLICT,
            Self::Admin(AdminError::Store(_)) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Admin(AdminError::Key(_) | AdminError::Broker(_)) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_written_in_lines_of_64() {
        let text = pem(&"A".repeat(70));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!((lines[1].len(), lines[2]), (64, "AAAAAA"));
        assert!(text.ends_with("-----END CERTIFICATE-----\n"));
    }

    #[test]
    fn the_description_names_just_the_paths_that_are_routed() {
        let described = include_str!("../../../spec/openapi-admin.yaml");
        let described = described.lines().filter_map(|line| line.strip_prefix("  /v1/"));
        let described: Vec<&str> = described.map(|line| line.trim_end_matches(':')).collect();
        let source = include_str!("admin.rs");
        let routed = source.split(".route(").skip(1);
        let routed = routed.filter_map(|rest| rest.trim_start().strip_prefix("\"/v1/"));
        let routed: Vec<&str> = routed.filter_map(|rest| rest.split('"').next()).collect();
        assert!(routed.len() > 10);
        assert_eq!(described, routed);
    }

    #[test]
    fn errors_have_the_status_that_a_program_can_act_on() {
        let not_found = AdminError::NotFound { kind: "client", id: "x".to_owned() };
        assert_eq!(Failed::Admin(not_found).status(), 404);
        let exists = AdminError::Exists { kind: "client", id: "x".to_owned() };
        assert_eq!(Failed::Admin(exists).status(), 409);
        assert_eq!(Failed::Malformed(String::new()).status(), 400);
        assert_eq!(Failed::Denied.status(), 403);
    }
}
