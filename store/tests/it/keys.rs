use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::home::{Home, decision, owned, put, receipt, routed, send, settle};
use crate::on_both;
use crate::raw::{contents, dump};
use bytes::Bytes;
use phi::Phi;
use store::{
    DeadOnArrival, DeliveryBody, DeliveryId, Disposition, NewDelivery, OpenError, Reason, Settled,
};

on_both!(
    a_store_whose_key_is_not_right_is_refused_and_not_touched,
    a_key_is_made_once,
    patient_data_is_nowhere_in_plain,
);

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

async fn refused(home: &Home, case: &str) -> OpenError {
    let before = contents(home).await;
    let Err(error) = home.try_open().await else { panic!("{case}: opened") };
    assert_eq!(error.exit_code(), 78, "{case}: {error}");
    assert!(contents(home).await == before, "{case}: the database was changed");
    error
}

async fn a_store_whose_key_is_not_right_is_refused_and_not_touched(home: Home) {
    let store = home.open().await;
    let (lease, lab, _) = owned(&store).await;
    send(&store, &lease, "C1", &[lab]).await;
    store.close().await.unwrap();
    drop((store, lease));
    let (data, folder, path) = (home.data(), home.data().join("keys"), home.key_file());
    let key = fs::read_to_string(&path).unwrap();

    fs::remove_file(&path).unwrap();
    let error = refused(&home, "missing").await;
    assert!(matches!(error, OpenError::KeyMissing { .. }), "{error}");
    assert!(!path.exists(), "no new key takes the place of the one that is needed");

    let letters = "zz".repeat(32);
    let bad = [("truncated", &key[..40]), ("empty", ""), ("no digits", letters.as_str())];
    for (case, text) in bad {
        fs::write(&path, text).unwrap();
        set_mode(&path, 0o600);
        let error = refused(&home, case).await;
        assert!(matches!(error, OpenError::KeyDamaged(_)), "{case}: {error}");
    }
    fs::write(&path, "ab".repeat(32)).unwrap();
    let error = refused(&home, "wrong").await;
    assert!(matches!(error, OpenError::KeyWrong { .. }), "{error}");
    assert!(!error.to_string().contains("abab"), "an error never quotes a key");

    fs::write(&path, &key).unwrap();
    let day = data.join("keys/audit/epoch.key");
    let modes = [
        (&day, [0o640, 0o604, 0o660], 0o600),
        (&path, [0o640, 0o604, 0o660], 0o600),
        (&folder, [0o750, 0o705, 0o770], 0o700),
        (&data, [0o750, 0o705, 0o770], 0o700),
    ];
    for (place, bad, good) in modes {
        for mode in bad {
            set_mode(place, mode);
            let error = refused(&home, &format!("{} {mode:o}", place.display())).await;
            assert!(matches!(&error, OpenError::Modes { path, .. } if path == place), "{error}");
        }
        set_mode(place, good);
    }
    let opened = home.try_open().await.unwrap();
    assert!(opened.clean && opened.key_made.is_none(), "the right key opens it as it was");
    opened.store.close().await.unwrap();
}

async fn a_key_is_made_once(home: Home) {
    let opened = home.try_open().await.unwrap();
    assert!(opened.key_made.is_some());
    let key = fs::read(home.key_file()).unwrap();
    opened.store.close().await.unwrap();
    drop(opened);
    for _ in 0..2 {
        let opened = home.opened().await;
        assert!(opened.key_made.is_none() && !opened.created);
        opened.store.close().await.unwrap();
    }
    assert_eq!(fs::read(home.key_file()).unwrap(), key);
}

const CANARY: &str = "Canary7Kwq";

fn sealed_text(what: &str) -> Option<Phi<String>> {
    Some(Phi::new(format!("{CANARY} {what}")))
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Everything that is on disk, or in the tables, as one lower-case text; bytes as hexadecimal too.
async fn everything(home: &Home) -> String {
    let mut all = String::new();
    for file in files(&home.data()) {
        all.push_str(&String::from_utf8_lossy(&fs::read(file).unwrap()));
    }
    if home.is_postgres() {
        all.push_str(&dump(home).await);
    }
    all.to_lowercase()
}

fn assert_absent(all: &str) {
    let plain = CANARY.to_lowercase();
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(all.contains("adt^a01"), "what is plain is found");
    assert!(!all.contains(&plain) && !all.contains(&hex), "patient data in plain");
}

async fn patient_data_is_nowhere_in_plain(home: Home) {
    let store = home.open().await;
    let (lease, lab, ward) = owned(&store).await;
    let mut arrived = receipt(&format!("{CANARY}1"));
    let (mut decided, made) = routed(&store, &lease, &[lab]);
    decided.deliveries.push(NewDelivery {
        id: DeliveryId::new(),
        destination: ward,
        part: 1,
        body: DeliveryBody::Own(Bytes::from(format!("PID|1||{CANARY}"))),
        keys: vec![store.lane_key(&lease, ward, CANARY.as_bytes())],
        dead: Some(DeadOnArrival {
            reason: Reason { code: "R0110".to_owned(), step: Some(1) },
            error: sealed_text("in a step"),
            signature: Some(format!("no {CANARY}")),
        }),
    });
    arrived.decision = Some(decided);
    let message = arrived.id;
    put(&store, &lease, arrived).await.unwrap();
    let mut failed = receipt(&format!("{CANARY}2"));
    let mut decided = decision(Disposition::Failed, vec![]);
    decided.reason = Some(Reason { code: "R0110".to_owned(), step: Some(1) });
    decided.error = sealed_text("in the program");
    decided.signature = Some(CANARY.to_owned());
    failed.decision = Some(decided);
    put(&store, &lease, failed).await.unwrap();
    put(&store, &lease, receipt(&format!("{CANARY}3"))).await.unwrap();
    let mut done = settle(message, made[0], Settled::Dead { code: "AR" });
    done.attempt.response = Some(Phi::new(Bytes::from(format!("MSA|AR|{CANARY}"))));
    done.attempt.error = sealed_text("in an answer");
    store.settle(&lease, done).await.unwrap();
    assert_absent(&everything(&home).await);
    store.close().await.unwrap();
    assert_absent(&everything(&home).await);
}
