//! A server whose disk is full. A small file system in memory stands for the disk; to mount one needs root,
//! so without it the tests say that they were skipped.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sekisho_ambient::Clock;
use serde_json::Value;

use crate::by_hand::{Browser, Holder, request, set_up};
use crate::support::{Home, TENANT};

/// The folder `data` of a home, on a small file system of its own.
struct Disk(PathBuf);

impl Disk {
    fn under(home: &Home) -> Option<Self> {
        let folder = home.path("data");
        std::fs::create_dir(&folder).unwrap();
        let how = ["-t", "tmpfs", "-o", "size=48m,mode=700", "tmpfs"];
        let mounted = Command::new("mount").args(how).arg(&folder).output();
        if mounted.is_ok_and(|done| done.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: this process may not mount a file system");
        None
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    fn fill(&self) {
        let mut how = std::fs::File::options();
        let mut file = how.create(true).append(true).open(self.filler()).unwrap();
        while file.write_all(&[1; 4096]).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

/// The status of an answer, and its `Retry-After`.
async fn status(browser: &Browser, url: &str) -> (u16, Option<String>) {
    let answer = browser.http.get(url).send().await.unwrap();
    let retry = answer.headers().get("retry-after");
    (answer.status().as_u16(), retry.map(|value| value.to_str().unwrap().to_owned()))
}

/// On a full disk, what ends something succeeds, through the server and after a restart; people and
/// programs read on, and logins are told when to try again. With room, everything works as before.
#[tokio::test]
async fn word_04_on_a_full_disk_what_ends_something_succeeds() {
    let home = Home::new();
    let Some(disk) = Disk::under(&home) else { return };
    let origin = home.init();
    let server = home.serve();
    let (_, affiliation, training) = set_up(&home);
    let holder = Holder { home: &home };
    holder.run(&["init", "--trust", &home.path("data/ca.pem").display().to_string()]).await;
    holder.run(&["accept", &affiliation]).await;
    holder.run(&["accept", &training]).await;
    for _ in 0..2 {
        log_in(&home, &origin).await;
    }
    let mut browser = Browser::new();
    let open = browser.get(&request(&origin, "portal")).await;
    let before = home.json(&["status"]);
    assert_eq!(
        (&before["disk_full"], &before["reserve_held"]),
        (&false.into(), &before["reserve_whole"])
    );
    assert!(length(&home.path("data/sekisho.reserve")) >= 1 << 20);

    disk.fill();
    let full = home.json(&["status"]);
    assert_eq!(full["disk_full"], true);
    let told = home.run(&["status"]);
    assert!(told.stderr.contains("The disk is full"), "{told:?}");
    // New logins are told so at once, and a wallet that answers an open one is, too.
    let unavailable = (503, Some("2".to_owned()));
    assert_eq!(status(&browser, &request(&origin, "portal")).await, unavailable);
    let refused = holder.refused(&open).await;
    assert!(refused.contains("503") || refused.contains("S-5004"), "{refused}");
    for path in ["/.well-known/openid-configuration", "/jwks", "/types/affiliation/1"] {
        assert_eq!(status(&browser, &format!("{origin}{path}")).await.0, 200, "{path}");
    }
    let added = home.run(&["org", "add", "6900000000003", "--name-ja", "三", "--name-en", "Three"]);
    assert_ne!(added.code(), 0, "{added:?}");
    assert!(added.stderr.contains("the disk is full"), "{added:?}");

    let first = |list: &str| home.json(&[list, "list"])[format!("{list}s")][0]["id"].clone();
    ends(&home, &["session", "end", first("session").as_str().unwrap(), "--yes"]);
    ends(&home, &["grant", "end", first("grant").as_str().unwrap(), "--yes"]);
    let id = id_of(&home, "affiliation");
    ends(&home, &["credential", "suspend", &id]);
    for purpose in ["id-token", "request-object"] {
        ends(&home, &["key", "rotate", "--purpose", purpose, "--compromised", "--yes"]);
    }
    ends(&home, &["credential", "revoke", &id, "--yes"]);
    ends(&home, &["trust", "remove", TENANT, "--yes"]);
    assert_eq!(server.stop(), 0);

    // The same without a server, and with one that was started again.
    ends(&home, &["credential", "revoke", "--last", "ai-training", "--yes"]);
    let server = home.serve();
    assert_eq!(home.json(&["status"])["disk_full"], true);
    ends(&home, &["client", "remove", "portal", "--yes"]);
    assert_eq!(home.json(&["audit", "verify"])["fault"], Value::Null);

    disk.empty();
    let free = home.json(&["status"]);
    assert_eq!(
        (&free["disk_full"], &free["reserve_held"]),
        (&false.into(), &free["reserve_whole"])
    );
    home.json(&["org", "add", "6900000000003", "--name-ja", "三", "--name-en", "Three"]);
    home.json(&["trust", "add", TENANT, "--type", "affiliation"]);
    assert_eq!(server.stop(), 0);
}

/// A login works again as soon as there is room, without a restart.
#[tokio::test]
async fn word_04_a_login_works_again_when_there_is_room() {
    let home = Home::new();
    let Some(disk) = Disk::under(&home) else { return };
    let origin = home.init();
    let server = home.serve();
    let (_, affiliation, _) = set_up(&home);
    let holder = Holder { home: &home };
    holder.run(&["init", "--trust", &home.path("data/ca.pem").display().to_string()]).await;
    holder.run(&["accept", &affiliation]).await;
    let mut browser = Browser::new();
    let open = browser.get(&request(&origin, "portal")).await;
    disk.fill();
    // The wallet is the first who notices.
    let refused = holder.refused(&open).await;
    assert!(refused.contains("503") || refused.contains("S-5004"), "{refused}");
    assert_eq!(status(&browser, &request(&origin, "portal")).await.0, 503);
    disk.empty();
    let denied = holder.present(&open, &mut browser).await;
    assert!(denied.body.contains("P-3201"), "{}", denied.body);
    assert_eq!(server.stop(), 0);
}

/// Strangers who ask for logins take no space. Prints what they took (spec/reliability.md);
/// `SEKISHO_STRANGERS` says how many there are.
#[tokio::test]
async fn word_04_what_strangers_take() {
    let home = Home::new();
    let origin = home.init();
    let server = home.serve();
    set_up(&home);
    let url = request(&origin, "portal");
    let count: usize =
        std::env::var("SEKISHO_STRANGERS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    assert_eq!(status(&Browser::new(), &url).await.0, 303);
    let store = home.path("data/sekisho.redb");
    let state = home.json(&["status"]);
    let before = (length(&store), state["audit_records"].clone(), state["batches"].clone());
    let clock = Clock::system();
    let begun = clock.now();
    let share = |_| {
        let (url, browser) = (url.clone(), Browser::new());
        tokio::spawn(async move {
            for _ in 0..count / 8 {
                assert_eq!(status(&browser, &url).await.0, 303);
            }
        })
    };
    for task in (0..8).map(share).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let seconds = clock.now().since(begun);
    let state = home.json(&["status"]);
    let after = (length(&store), state["audit_records"].clone(), state["batches"].clone());
    println!("{count} requests in {seconds} s: (bytes, records, batches) {before:?} → {after:?}");
    assert_eq!((after.0, &after.1), (before.0, &before.1));
    assert_eq!(server.stop(), 0);
}

fn id_of(home: &Home, type_name: &str) -> String {
    let listed = home.json(&["credential", "list"]);
    let mut rows = listed["credentials"].as_array().unwrap().iter();
    let row = rows.find(|row| row["type"] == type_name).unwrap();
    row["id"].as_str().unwrap().to_owned()
}

/// A login up to the code.
async fn log_in(home: &Home, origin: &str) {
    let mut browser = Browser::new();
    let page = browser.get(&request(origin, "portal")).await;
    let consent = Holder { home }.present(&page, &mut browser).await;
    if !consent.url.contains("code=") {
        let token = consent.between("name=\"form_token\" value=\"", "\"");
        let form = [("form_token", token.as_str()), ("decision", "allow")];
        let answer = browser.open(browser.http.post(&consent.url).form(&form)).await;
        assert!(answer.url.contains("code="), "{}", answer.body);
    }
}

fn ends(home: &Home, arguments: &[&str]) {
    let done = home.run(arguments);
    assert_eq!(done.code(), 0, "{arguments:?}: {done:?}");
}
