//! Regular work of a server: advances key rotations, renews our status lists and fetches those of
//! others, removes expired rows, and reads a renewed certificate. Nothing depends on its being done
//! in time. Before that, it compares the audit log with the status lists.

use std::sync::Arc;
use std::time::Duration;

use sekisho_broker::Broker;
use tokio::sync::watch;

use super::tls::Identity;

/// How long to wait between two rounds.
const INTERVAL: Duration = Duration::from_secs(30);

/// Does the regular work until told to stop.
pub(super) async fn keep(
    broker: Broker,
    tls: Option<Arc<Identity>>,
    mut stopped: watch::Receiver<bool>,
) {
    tokio::select! {
        () = compare(&broker) => {}
        _ = stopped.wait_for(|stopped| *stopped) => return,
    }
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        if let Err(error) = broker.write_counts().await {
            tracing::error!(%error, "counts could not be written into the audit log");
        }
        if let Err(error) = broker.sweep_keys().await {
            tracing::error!(%error, "keys could not be moved on");
        }
        broker.renew_lists().await;
        broker.refresh_lists().await;
        match broker.sweep_expired().await {
            Ok(0) => {}
            Ok(rows) => tracing::debug!(rows, "expired rows removed"),
            Err(error) => tracing::error!(%error, "expired rows could not be removed"),
        }
        broker.site().log_left_out();
        if let Err(error) = broker.tend_store().await {
            tracing::error!(%error, "the store could not be tended");
        }
        if let Some(tls) = &tls {
            tls.refresh();
        }
    }
}

/// Compares the audit log with the status lists, once. The log itself was verified before the
/// server started. A list that does not agree is not signed; an operator has to know why.
async fn compare(broker: &Broker) {
    match broker.audit_verify().await {
        Ok(verified) => {
            for fault in verified.faults {
                tracing::error!(%fault, "the store was changed from outside");
            }
        }
        Err(error) => tracing::error!(%error, "the audit log was not compared with status lists"),
    }
}
