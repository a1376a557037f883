//! Somebody who acts, and what the audit log says about it.

use store::{Act, Actor, ActorKind};

use crate::home::{Home, now_us};
use crate::raw::Raw;

pub fn act(action: &'static str) -> Act {
    act_of("user:ada", action)
}

pub fn act_of(who: &str, action: &'static str) -> Act {
    Act {
        actor: Actor {
            id: who.to_owned(),
            kind: ActorKind::User,
            name: Some("Ada".to_owned()),
            auth: Some("test".to_owned()),
            session: None,
            source: None,
            emergency: None,
        },
        action,
        purpose: Some("the ward asked".to_owned()),
        request: Some("req-1".to_owned()),
        approval: None,
        now_us: now_us(),
    }
}

pub async fn records(home: &Home) -> i64 {
    home.number("select count(*) from audit_log").await
}

/// The newest record.
pub async fn last(home: &Home) -> serde_json::Value {
    let mut raw = Raw::of(home).await;
    let found = raw.blobs("select rec from audit_log order by seq desc limit 1").await;
    raw.close().await;
    serde_json::from_slice(&found[0]).unwrap()
}

/// Exactly one record more than `before`, by Ada, with her purpose.
pub async fn recorded(home: &Home, before: i64, action: &str, target: (&str, Option<&str>)) {
    assert_eq!(records(home).await, before + 1, "{action} leaves one record");
    let record = last(home).await;
    assert_eq!(record["action"], action);
    assert_eq!(record["actor"]["id"], "user:ada");
    assert_eq!(record["actor"]["kind"], "user");
    assert_eq!(record["target"]["type"], target.0);
    assert_eq!(record["target"]["id"].as_str(), target.1);
    assert_eq!(record["target"]["channel"], "adt");
    assert_eq!(record["outcome"], "success");
    assert_eq!(record["purpose"], "the ward asked");
    assert_eq!(record["req"], "req-1");
}
