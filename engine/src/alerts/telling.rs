//! Tells one sink what is due for it. Each sink has a task of its own, so that one that is away keeps no other waiting.

use std::sync::Arc;
use std::time::Duration;

use store::{DueAlert, StoreError};
use tokio::time::sleep;

use super::sinks::Sink;
use crate::engine::Engine;

/// How often it is looked whether something is due, when nobody says so.
const EVERY: Duration = Duration::from_secs(5);
/// Alerts that are read at once.
const AT_ONCE: usize = 50;
/// The first wait after a try in vain, which doubles, and the longest.
const AGAIN: Duration = Duration::from_secs(1);
const AGAIN_MAX: Duration = Duration::from_secs(5 * 60);

/// Runs as long as the engine.
pub async fn run(engine: Engine, name: String, sink: Arc<Sink>) {
    let news = Arc::clone(&engine.inner.alerting.news);
    loop {
        // Listened to before it is looked, so that nothing falls between.
        let mut told = std::pin::pin!(news.notified());
        told.as_mut().enable();
        match tell_due(&engine, &name, &sink).await {
            Ok(Told::All) => {
                let _news_or_time = tokio::time::timeout(EVERY, told).await;
            }
            Ok(Told::More) => {}
            Ok(Told::InVain(wait)) => sleep(wait).await,
            Err(error) => {
                tracing::error!(code = "alert.watch", %error, sink = name, "what is to be told cannot be read; trying again");
                sleep(EVERY).await;
            }
        }
    }
}

/// Forgets what waits for sinks that the site does not name any more: nobody would ever be told.
pub async fn forget_gone(engine: Engine) {
    let sinks = &engine.inner.alerting.sinks;
    let forgotten = async {
        engine.store().forget_told_alerts(sinks).await?;
        for (sink, waiting) in engine.store().alerts_untold().await? {
            if !sinks.iter().any(|known| known.name == sink) {
                engine.store().forget_alert_sink(&sink).await?;
                tracing::warn!(
                    code = "alert.sink",
                    sink,
                    waiting,
                    "alerts that waited for a sink that is gone are forgotten"
                );
            }
        }
        Ok::<(), StoreError>(())
    };
    if let Err(error) = forgotten.await {
        tracing::error!(code = "alert.watch", %error, "what waits for sinks that are gone could not be forgotten; the next start tries again");
    }
}

enum Told {
    All,
    More,
    /// The sink is away; wait so long before the next try.
    InVain(Duration),
}

async fn tell_due(engine: &Engine, name: &str, sink: &Sink) -> Result<Told, StoreError> {
    let (store, server) = (engine.store(), &engine.inner.server);
    let all = store.due_alerts(name, engine.now_us(), AT_ONCE).await?;
    for due in &all {
        let DueAlert { alert, what, tries } = due;
        let who = (server.node.as_str(), server.environment.as_str());
        if let Err(problem) = sink.tell(due, who, engine.now_us()).await {
            let wait = wait_after(*tries);
            tracing::warn!(code = "alert.sink", sink = name, id = %alert.id, tries, problem, "an alert could not be told; trying again");
            let wait_us = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
            let due_us = engine.now_us().saturating_add(wait_us);
            store.alert_put_off(name, (alert.id, *what), due_us).await?;
            return Ok(Told::InVain(wait));
        }
        store.alert_told(name, alert.id, *what).await?;
    }
    Ok(if all.len() == AT_ONCE { Told::More } else { Told::All })
}

fn wait_after(tries: i64) -> Duration {
    let doublings = u32::try_from(tries).unwrap_or(u32::MAX).min(16);
    AGAIN.saturating_mul(1 << doublings).min(AGAIN_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end() {
        let seconds = |tries| wait_after(tries).as_secs();
        assert_eq!([seconds(0), seconds(1), seconds(3), seconds(9)], [1, 2, 8, 300]);
        assert_eq!(seconds(i64::MAX), 300);
    }
}
