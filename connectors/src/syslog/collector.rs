//! The connection to a collector. It never answers, so what is known of it is whether the connection still stands.

use std::io;
use std::time::Duration;

use net::{DialError, Dialer, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::SyslogSettings;

/// What the other end has not received within this time ends the connection.
const UNRECEIVED_MAX: Duration = Duration::from_secs(10);
/// How long writing may stand still.
const WRITE_MAX: Duration = Duration::from_secs(30);

/// A collector that records are sent to.
pub struct Collector {
    settings: SyslogSettings,
    dialer: Dialer,
}

/// A connection to it.
pub struct Connection {
    stream: Stream,
}

impl Collector {
    /// One that nothing was sent to yet.
    pub fn new(settings: SyslogSettings) -> Collector {
        let dialer = Dialer::new(settings.connect_timeout);
        Collector { settings, dialer }
    }

    /// What is said of it.
    pub fn settings(&self) -> &SyslogSettings {
        &self.settings
    }

    /// Connects, encrypted when the settings say so and never else.
    pub async fn connect(&self) -> Result<Connection, DialError> {
        Ok(Connection { stream: self.dialer.connect(&self.settings.target).await? })
    }
}

impl Connection {
    /// What was sent for so long, on a connection that stands, has been received: more than the time after which an unreceived
    /// byte would have ended it.
    pub const RECEIVED_AFTER: Duration = Duration::from_secs(UNRECEIVED_MAX.as_secs() + 2);

    /// Sends entries.
    ///
    /// # Errors
    /// When the connection has ended, or takes nothing any more; what was sent last may be lost then.
    pub async fn send(&mut self, frames: &[u8]) -> io::Result<()> {
        self.stream.give_up_after(UNRECEIVED_MAX)?;
        let writing = async {
            self.stream.write_all(frames).await?;
            self.stream.flush().await
        };
        timeout(WRITE_MAX, writing).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// Ends the connection: what was sent has been received when the other end has ended it too, or has not broken it for long enough.
    ///
    /// # Errors
    /// When it breaks before; what was sent may be lost then.
    pub async fn finish(mut self) -> io::Result<()> {
        self.stream.shutdown().await?;
        let ended = async {
            let mut said = [0; 256];
            loop {
                match self.stream.read(&mut said).await {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    // It has hung up without the last word of TLS.
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                    Err(error) => return Err(error),
                }
            }
        };
        timeout(Connection::RECEIVED_AFTER, ended).await.unwrap_or(Ok(()))
    }

    /// Whether the connection still stands.
    ///
    /// # Errors
    /// When it does not.
    pub fn check(&mut self) -> io::Result<()> {
        match self.stream.peek_waiting(&mut [0])? {
            Some(0) => Err(io::ErrorKind::ConnectionAborted.into()),
            // What a collector says is nothing that anybody waits for.
            Some(_) | None => Ok(()),
        }
    }
}
