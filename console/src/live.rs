//! Parts of a page that are kept up to date, as server-sent events: the id of an element and its new content.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::body::Bytes;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::router::{Console, Page, visit};
use crate::visit::Visit;

/// How often a page is looked at anew.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Looks without a change after which a comment shows that the connection is alive.
const QUIET_LOOKS: u32 = 5;

/// Follows the page of the query's `page`; the rest of the query is that of the page.
pub async fn answer(State(console): State<Console>, request: Request) -> Response {
    let visit = match visit(&console, request, false).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let Some(page) = Page::at(visit.field("page")).filter(|page| page.parts().is_some()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if visit.session.is_none() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let place = match visit.desk().stream_place() {
        Ok(place) => place,
        Err(_) => return StatusCode::TOO_MANY_REQUESTS.into_response(),
    };
    let (sender, events) = mpsc::channel(1);
    tokio::spawn(async move {
        let _place = place;
        follow(visit, page, &sender).await;
    });
    console_api::streamed(events)
}

/// Sends each part when it differs from what was sent of it, until nobody reads or the session has ended.
async fn follow(mut visit: Visit, page: &Page, events: &mpsc::Sender<Bytes>) {
    let Some(parts) = page.parts() else { return };
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut sent, mut quiet) = (BTreeMap::<String, String>::new(), 0);
    loop {
        ticks.tick().await;
        let holds = match &visit.session {
            Some(session) => visit.desk().still_holds(session).await,
            None => false,
        };
        if events.is_closed() {
            return;
        }
        if !holds {
            let _gone = events.send(Bytes::from_static(b"event: ended\ndata: {}\n\n")).await;
            return;
        }
        visit.now_us = visit.desk().now_us();
        let Ok(now) = parts(&visit).await else { return };
        let mut news = String::new();
        for (id, markup) in now {
            let html = markup.into_string();
            if sent.get(&id) != Some(&html) {
                let part = json!({ "id": id, "html": html });
                news.push_str(&format!("event: part\ndata: {part}\n\n"));
                sent.insert(id, html);
            }
        }
        quiet = if news.is_empty() { quiet + 1 } else { 0 };
        if quiet >= QUIET_LOOKS {
            quiet = 0;
            news.push_str("event: alive\ndata: {}\n\n");
        }
        if !news.is_empty() && events.send(Bytes::from(news)).await.is_err() {
            return;
        }
    }
}
