//! Live status as server-sent events: one whenever something has changed, for as long as whoever asked may see it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use auth::grants::MonitorRead;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use hyper::body::{Bytes, Frame};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use super::table::Call;
use crate::json as shape;
use crate::problem::Problem;
use crate::service::Service;

/// How often it is looked whether something has changed, and whether the session still holds.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks without a change after which a comment shows that the connection is alive.
const QUIET_LOOKS: u32 = 15;

/// Begins a stream.
pub async fn status(service: Service, call: Call<MonitorRead>) -> Result<Response, Problem> {
    let place = service.stream_place()?;
    let (sender, events) = mpsc::channel(1);
    tokio::spawn(async move {
        let _place = place;
        follow(&service, &call, &sender).await;
    });
    Ok(streamed(events))
}

/// Server-sent events as they are given, for as long as somebody gives them.
pub fn streamed(events: mpsc::Receiver<Bytes>) -> Response {
    let mut response = Response::new(Body::new(Events(events)));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Sends the status whenever it differs, until nobody reads it or the session has ended.
async fn follow(service: &Service, call: &Call<MonitorRead>, events: &mpsc::Sender<Bytes>) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut last, mut quiet) = (String::new(), 0);
    loop {
        ticks.tick().await;
        if events.is_closed() || !service.accounts().still_holds(&call.session).await {
            return;
        }
        let Ok(status) = service.status(&call.permit).await else { return };
        let mut now = shape::status(&status);
        // The time and the space that is left alone are no news; a disk without enough of it is a warning.
        if let Some(members) = now.as_object_mut() {
            members.retain(|name, _| name != "now_us" && name != "disk");
        }
        let now = now.to_string();
        let event = if now != last {
            quiet = 0;
            last.clone_from(&now);
            format!("event: status\ndata: {now}\n\n")
        } else if quiet >= QUIET_LOOKS {
            quiet = 0;
            ":\n\n".to_owned()
        } else {
            quiet += 1;
            continue;
        };
        if events.send(Bytes::from(event)).await.is_err() {
            return;
        }
    }
}

/// The events as a body.
struct Events(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}
