//! The wall clock jumps by an hour: numbers stay dense, order stays, nothing is lost and nothing hangs.
//!
//! libfaketime stands between the server and its clock; the monotonic one runs on.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;

use super::Fixture;
use crate::support::chance::Run;
use crate::support::client::{Person, post};
use crate::support::node::Node;
use crate::support::server::StoreKind;

on_each_store! {
    the_clock_jumps_under_load,
}

const HOUR: i64 = 3600;

/// What the server believes to be the time: so many seconds from the real one.
struct Clock {
    folder: TempDir,
}

impl Clock {
    fn of(node: &mut Node) -> Self {
        let clock = Self { folder: tempfile::tempdir().unwrap() };
        clock.set(0);
        let library =
            library().expect("the tests need libfaketime: `make test` installs it, or apt-get install faketime");
        node.environment.extend(
            [
                ("LD_PRELOAD", library.to_str().unwrap()),
                ("FAKETIME_TIMESTAMP_FILE", clock.file().to_str().unwrap()),
                ("FAKETIME_NO_CACHE", "1"),
                ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        clock
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    fn set(&self, offset: i64) {
        let aside = self.folder.path().join("next");
        fs::write(&aside, format!("{offset:+}\n")).unwrap();
        fs::rename(aside, self.file()).unwrap();
    }
}

/// Where Debian keeps it.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|library| library.is_file())
}

async fn the_clock_jumps_under_load(store: StoreKind) {
    let run = Run::new("the clock jumps under load");
    let mut chance = run.chance();
    let mut node = Node::on(store).await;
    let clock = Clock::of(&mut node);
    let scene = Fixture::begin(node, &mut chance).await;
    let address = scene.node.address;
    let rounds = run.rounds(2);
    for round in 0..rounds {
        scene.a_moment(&mut chance).await;
        clock.set(-HOUR);
        scene.a_moment(&mut chance).await;
        let at_that_time = Person::login(address, "ada").await;
        at_that_time.listen(&scene.room.socket).await;
        // An hour, or two, further than the token lives.
        clock.set(if round % 2 == 0 { HOUR } else { 0 });
        let refused = at_that_time.get("/v1/users/me").await;
        assert_eq!(refused.problem(), (401, "token_expired".to_owned()));
        assert_eq!(at_that_time.open(&scene.room.socket).await.close_code().await, 4040);
        let refresh = json!({"refresh_token": at_that_time.refresh_token});
        let fresh = post(address, "/v1/users/refresh", &refresh).await.expect(200).json();
        let fresh = Person { token: fresh["access_token"].as_str().unwrap().to_owned(), ..at_that_time };
        fresh.listen(&scene.room.socket).await;
        scene.a_moment(&mut chance).await;
        // A token from the future is as good as another.
        clock.set(0);
        fresh.get("/v1/users/me").await.expect(200);
        fresh.listen(&scene.room.socket).await;
    }
    let truth = scene.crowd.end(&Person::login(address, "ada").await).await;
    let counts = scene.log.verify(&[truth]);
    run.tell(format_args!("{store:?}, {} jumps: {counts}", 3 * rounds));
}
