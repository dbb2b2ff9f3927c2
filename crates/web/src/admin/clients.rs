//! Relying parties.

use axum::extract::{Path, State};
use sekisho_broker::Broker;
use sekisho_broker::admin::{AddClient, EditClient, RotateSecret, TestClient};

use super::extract::{Asked, Body, Caller};
use super::{Answer, Change, Nothing, answer, by, list};

pub(super) async fn clients(State(broker): State<Broker>, _: Caller, _: Asked<Nothing>) -> Answer {
    list("clients", broker.list_clients().await)
}

pub(super) async fn add_client(
    State(broker): State<Broker>,
    caller: Caller,
    Asked(change): Asked<Change>,
    Body(add): Body<AddClient>,
) -> Answer {
    answer(broker.add_client(&by(caller, change.dry_run), &add).await)
}

pub(super) async fn remove_client(
    State(broker): State<Broker>,
    caller: Caller,
    Path(client): Path<String>,
    Asked(change): Asked<Change>,
) -> Answer {
    answer(broker.remove_client(&by(caller, change.dry_run), &client).await)
}

pub(super) async fn show_client(
    State(broker): State<Broker>,
    _: Caller,
    Path(client): Path<String>,
    _: Asked<Nothing>,
) -> Answer {
    answer(broker.show_client(&client).await)
}

pub(super) async fn edit_client(
    State(broker): State<Broker>,
    caller: Caller,
    Path(client): Path<String>,
    Asked(change): Asked<Change>,
    Body(edit): Body<EditClient>,
) -> Answer {
    answer(broker.edit_client(&by(caller, change.dry_run), &client, &edit).await)
}

pub(super) async fn rotate_secret(
    State(broker): State<Broker>,
    caller: Caller,
    Path(client): Path<String>,
    Asked(change): Asked<Change>,
    Body(rotate): Body<RotateSecret>,
) -> Answer {
    answer(broker.rotate_secret(&by(caller, change.dry_run), &client, &rotate).await)
}

pub(super) async fn test_client(
    State(broker): State<Broker>,
    _: Caller,
    Path(client): Path<String>,
    _: Asked<Nothing>,
    Body(test): Body<TestClient>,
) -> Answer {
    answer(broker.test_client(&client, &test).await)
}
