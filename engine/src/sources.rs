//! Stopping a channel's source, and starting it again.

use config::Name;
use store::{Act, Scope, Stopped};

use crate::acts::ActError;
use crate::engine::Engine;

impl Engine {
    /// Stops a source: what is in hand is finished and answered, then its port refuses; it stays so over restarts.
    pub async fn stop_source(
        &self,
        scope: &Scope,
        act: &Act,
        channel: &Name,
    ) -> Result<Stopped, ActError> {
        let _one_at_a_time = self.inner.applying.lock().await;
        let running = self.with_source(scope, channel)?;
        let stopped = self.store().stop_source(scope, act, channel).await?;
        running.retire_source().await;
        Ok(stopped)
    }

    /// Starts a source that a person has stopped.
    pub async fn start_source(
        &self,
        scope: &Scope,
        act: &Act,
        channel: &Name,
    ) -> Result<(), ActError> {
        let _one_at_a_time = self.inner.applying.lock().await;
        let running = self.with_source(scope, channel)?;
        self.store().start_source(scope, act, channel).await?;
        if running.source_stats().is_some() {
            return Ok(());
        }
        self.open_source(&running).await.map_err(|error| {
            ActError::Refused(format!("it does not start: {error}; {}", error.hint()))
        })
    }

    fn with_source(
        &self,
        scope: &Scope,
        channel: &Name,
    ) -> Result<std::sync::Arc<crate::running::Running>, ActError> {
        let running = self.channel(channel).filter(|_| scope.holds(channel.as_str()));
        let running = running.ok_or(ActError::Absent("channel"))?;
        match running.source_settings() {
            Some(_) => Ok(running),
            None => Err(ActError::Refused(
                "it has no source of its own: other channels hand it messages".to_owned(),
            )),
        }
    }

    /// Whether a person has stopped the source of a channel. What cannot be asked is not stopped: it would refuse messages for nothing.
    pub(crate) async fn is_stopped(&self, channel: &Name) -> bool {
        matches!(self.store().stopped_source(&Scope::All, channel).await, Ok(Some(_)))
    }
}
