//! `demo`: a broker, a GPU console and a wallet on this machine. They are set up by `init`, `serve`
//! and the admin API, as an operator would do it.
//!
//! Invariants: every port is bound before it is written down; the next start with the same folder
//! uses what was written down; a temporary folder is deleted when the demonstration ends.

mod cast;
mod guide;
mod notes;
mod stage;

use std::path::PathBuf;

use clap::Args;
use sekisho_ambient::Lang;
use sekisho_ambient::Secret;
use tokio::sync::{oneshot, watch};

use crate::api::Api;
use crate::cli::Session;
use crate::console::{self, ConsoleConfig};
use crate::serve::{self, Server, told_to_stop};
use crate::settings::Settings;
use crate::{Failure, Surroundings};
use cast::Cast;
use stage::{Booth, Place, Stage};

/// Arguments of `demo`.
#[derive(Args)]
#[command(after_help = "Examples:
  sekisho demo
  sekisho demo --data demo --listen localhost:8080
  sekisho demo --json --tls

With --json, one line with issuer, console, wallet, wallet_link, admin_socket, clients and offers is
printed once everything is ready. The wallet's pages open only after wallet_link or the wallet_page of
an offer was opened in the same browser. SIGTERM or Ctrl-C ends it with exit code 0.")]
pub(crate) struct Demo {
    /// Where the broker listens; port 0 is any free one, and the same again on the next start
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:0")]
    listen: String,
    /// Serves https under the private root, for strict wallets
    #[arg(long)]
    tls: bool,
    /// Keeps everything in this folder; the next start goes on where this one ended
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Session<'_, '_> {
    pub(crate) async fn demo(&mut self, demo: Demo) -> Result<(), Failure> {
        let stop = told_to_stop()?;
        let (stopping, stopped) = watch::channel(false);
        let signal = stopping.clone();
        tokio::spawn(async move {
            stop.await;
            let _ = signal.send(true);
        });
        let surroundings = self.surroundings.clone();
        let place = Place::choose(demo.data.as_deref(), &surroundings)?;
        let Stage { settings, broker, console, wallet } =
            Stage::set(&place, &demo.listen, demo.tls, &surroundings).await?;

        let (ready, is_ready) = oneshot::channel();
        let server = Server::with_listener(settings.clone(), broker);
        let serving = server.run(&surroundings, ready, over(stopped.clone()));
        let playing = async {
            // The server did not get ready. Its own result says why.
            if is_ready.await.is_err() {
                return Ok(());
            }
            let played = tokio::select! {
                played = self.play(&place, &settings, console, wallet, &stopped) => played,
                () = over(stopped.clone()) => return Ok(()),
            };
            if played.is_err() {
                let _ = stopping.send(true);
            }
            played
        };
        let (served, played) = tokio::join!(serving, playing);
        served.and(played)
    }

    /// Sets up the running broker, starts console and wallet, and prints where they are.
    async fn play(
        &mut self,
        place: &Place,
        settings: &Settings,
        console: Booth,
        wallet: Booth,
        stopped: &watch::Receiver<bool>,
    ) -> Result<(), Failure> {
        let api = Api::at(&settings.admin_socket)?;
        // Scripts get one offer of each type. People get a second set, for the wallet on the
        // command line.
        let wallets = if self.json { 1 } else { 2 };
        let now = self.surroundings.clock.now();
        let cast = Cast::assemble(&api, place, settings, &console.origin).await?;
        let cast = cast.with_offers(&api, wallets, now).await?;
        let addresses = guide::Addresses {
            issuer: settings.broker.origin.as_str().to_owned(),
            console: console.origin.clone(),
            wallet: wallet.origin.clone(),
            opener: tegata::Opener::draw(&self.surroundings.entropy),
        };
        let pages = console_pages(settings, &cast, &console.origin, &self.surroundings)?;
        tokio::spawn(serve::plain(console.listener, pages, stopped.clone()));
        let pages = wallet_pages(place, settings, self.lang, &self.surroundings)?;
        let (opener, stopped) = (addresses.opener.clone(), over(stopped.clone()));
        tokio::spawn(async move { tegata::serve(wallet.listener, pages, &opener, stopped).await });
        let text = if self.json {
            guide::line(&addresses, settings, &cast)
        } else {
            guide::guide(&addresses, settings, &cast, place, self.chosen)
        };
        self.say(&text);
        Ok(())
    }
}

/// Completes as soon as the demonstration is stopped.
async fn over(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

fn console_pages(
    settings: &Settings,
    cast: &Cast,
    origin: &str,
    surroundings: &Surroundings,
) -> Result<axum::Router, Failure> {
    let client = &cast.console;
    let config = ConsoleConfig {
        issuer: settings.broker.origin.as_str().to_owned(),
        client_id: client.client_id.clone(),
        client_secret: Secret::new(client.client_secret.clone().unwrap_or_default()),
        origin: origin.to_owned(),
        service: cast::service(settings).to_owned(),
        ca: Some(root(settings)?),
    };
    console::router(config, surroundings.clock.clone(), surroundings.entropy.clone())
        .map_err(|error| Failure::Tls(error.to_string()))
}

fn wallet_pages(
    place: &Place,
    settings: &Settings,
    lang: Lang,
    surroundings: &Surroundings,
) -> Result<tegata::WalletServer, Failure> {
    let failed = |error: tegata::WalletError| Failure::Wallet(error.to_string());
    let outside = tegata::Surroundings {
        clock: surroundings.clock.clone(),
        entropy: surroundings.entropy.clone(),
        roots: roots(settings)?,
    };
    let dir = place.wallet();
    let wallet = if dir.exists() {
        tegata::Wallet::open(&dir, outside)
    } else {
        tegata::Wallet::create(&dir, outside)
    };
    let wallet = wallet.map_err(failed)?;
    wallet.trust(&tegata::read_anchors(&root(settings)?).map_err(failed)?).map_err(failed)?;
    // The broker is a program on this machine, which the user of `demo` has just started.
    let known = vec![settings.broker.origin.as_str().to_owned()];
    Ok(tegata::WalletServer { wallet, auto: false, lang, known })
}

fn root(settings: &Settings) -> Result<Vec<u8>, Failure> {
    let path = settings.ca_file();
    std::fs::read(&path).map_err(Failure::file("read", path))
}

/// The root certificate for TLS to the broker. `None` if the broker has no TLS.
fn roots(settings: &Settings) -> Result<Option<Vec<u8>>, Failure> {
    settings.broker.origin.is_secure().then(|| root(settings)).transpose()
}
