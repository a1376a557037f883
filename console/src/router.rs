//! Every page there is, as a table, and how a request becomes one.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use console_api::{Desk, Refusal};
use maud::Markup;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;

use crate::notes::Notes;
use crate::visit::Visit;
use crate::{acts, assets, cookie, guard, layout, live, pages, refusal};

/// A form is at most this long: the longest message that can be edited, and its escapes.
const FORM_BYTES_MAX: usize = 6 << 20;
/// A page takes at most this long.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// What all looks at pages share.
#[derive(Clone)]
pub struct Console {
    /// Where pages ask.
    pub desk: Desk,
    /// What a form has brought about, for the page after it.
    pub said: Arc<Notes<Result<String, String>>>,
    /// Searches, so that no word of one is in an address.
    pub searches: Arc<Notes<String>>,
}

/// What a page shows.
pub struct Sheet {
    /// Its title, the state first.
    pub title: String,
    /// What stands in it.
    pub body: Markup,
}

impl Sheet {
    /// A page.
    pub fn new(title: impl Into<String>, body: Markup) -> Sheet {
        Sheet { title: title.into(), body }
    }
}

/// How a page ends: shown, or elsewhere.
pub enum Shown {
    /// Here it is.
    Sheet(Sheet),
    /// It is at another address.
    Elsewhere(String),
    /// An answer of its own.
    Answer(Response),
}

impl From<Sheet> for Shown {
    fn from(sheet: Sheet) -> Shown {
        Shown::Sheet(sheet)
    }
}

/// What a page gives.
pub type Outcome = Result<Shown, Refusal>;
/// Parts of a page that are kept up to date: the id of an element, and what it is now.
pub type Parts = Result<Vec<(String, Markup)>, Refusal>;
type Run<T> = for<'a> fn(&'a Visit) -> Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A page.
pub struct Page {
    /// Its path.
    pub path: &'static str,
    /// Its name, as the way to it is called.
    pub name: &'static str,
    /// The route that it lives on: whoever may not ask it sees the refusal instead of the page.
    pub route: Option<&'static str>,
    run: Run<Outcome>,
    parts: Option<Run<Parts>>,
}

impl Page {
    const fn new(
        path: &'static str,
        name: &'static str,
        route: Option<&'static str>,
        run: Run<Outcome>,
    ) -> Page {
        Page { path, name, route, run, parts: None }
    }

    const fn live(self, parts: Run<Parts>) -> Page {
        Page { parts: Some(parts), ..self }
    }

    /// The parts of it that are kept up to date.
    pub(crate) fn parts(&self) -> Option<Run<Parts>> {
        self.parts
    }

    /// Whether somebody who is not signed in may look.
    fn is_open(&self) -> bool {
        ["/sign-in", "/setup"].contains(&self.path)
    }

    /// The page of a path.
    pub(crate) fn at(path: &str) -> Option<&'static Page> {
        PAGES.iter().find(|page| page.path == path)
    }
}

/// Every page.
pub const PAGES: &[Page] = &[
    Page::new("/", "Overview", Some("/api/v1/status"), |visit| {
        Box::pin(pages::overview::show(visit))
    })
    .live(|visit| Box::pin(pages::overview::parts(visit))),
    Page::new("/messages", "Messages", Some("/api/v1/messages/search"), |visit| {
        Box::pin(pages::messages::show(visit))
    })
    .live(|visit| Box::pin(pages::messages::parts(visit))),
    Page::new("/scan", "Messages", Some("/api/v1/messages/scan/standing"), |visit| {
        Box::pin(pages::scan::show(visit))
    })
    .live(|visit| Box::pin(pages::scan::parts(visit))),
    Page::new("/message", "Message", Some("/api/v1/messages/find"), |visit| {
        Box::pin(pages::message::show(visit))
    }),
    Page::new("/dead", "Dead letters", Some("/api/v1/dead/search"), |visit| {
        Box::pin(pages::dead::show(visit))
    }),
    Page::new("/replay", "Replay", Some("/api/v1/replay"), |visit| {
        Box::pin(pages::replay::show(visit))
    }),
    Page::new("/jobs", "Jobs", Some("/api/v1/jobs/search"), |visit| {
        Box::pin(pages::jobs::show(visit))
    })
    .live(|visit| Box::pin(pages::jobs::parts(visit))),
    Page::new("/channels", "Channels", Some("/api/v1/channels"), |visit| {
        Box::pin(pages::channels::show(visit))
    }),
    Page::new("/channel", "Channel", Some("/api/v1/channels"), |visit| {
        Box::pin(pages::channel::show(visit))
    }),
    Page::new("/destination", "Destination", Some("/api/v1/status"), |visit| {
        Box::pin(pages::destination::show(visit))
    })
    .live(|visit| Box::pin(pages::destination::parts(visit))),
    Page::new("/bench", "Test bench", Some("/api/v1/bench/run"), |visit| {
        Box::pin(pages::bench::show(visit))
    }),
    Page::new("/tables", "Code tables", Some("/api/v1/tables"), |visit| {
        Box::pin(pages::tables::show(visit))
    }),
    Page::new("/apply", "Apply", Some("/api/v1/apply/preview"), |visit| {
        Box::pin(pages::apply::show(visit))
    }),
    Page::new("/alerts", "Alerts", Some("/api/v1/security/alerts"), |visit| {
        Box::pin(pages::alerts::show(visit))
    }),
    Page::new("/audit", "Audit", Some("/api/v1/audit/search"), |visit| {
        Box::pin(pages::audit::show(visit))
    })
    .live(|visit| Box::pin(pages::audit::parts(visit))),
    Page::new("/people", "People", Some("/api/v1/users"), |visit| {
        Box::pin(pages::people::show(visit))
    }),
    Page::new("/approvals", "Approvals", Some("/api/v1/approvals"), |visit| {
        Box::pin(pages::approvals::show(visit))
    }),
    Page::new("/system", "System", Some("/api/v1/security/status"), |visit| {
        Box::pin(pages::system::show(visit))
    }),
    Page::new("/account", "Account", None, |visit| Box::pin(pages::account::show(visit))),
    Page::new("/sign-in", "Sign in", None, |visit| Box::pin(pages::sign_in::show(visit))),
    Page::new("/setup", "First owner", None, |visit| Box::pin(pages::setup::show(visit))),
];

/// Answers pages, and hands what is asked of the API to it.
pub fn router(desk: Desk, api: Router) -> Router {
    let console = Console { desk, said: Arc::default(), searches: Arc::default() };
    let mut router = Router::new();
    for page in PAGES {
        let answer =
            move |State(console): State<Console>, request: Request| answer(console, page, request);
        router = router.route(page.path, get(answer).post(answer));
    }
    router
        .route("/act", post(act))
        .route("/live", get(live::answer))
        .route(
            "/assets/{digest}/{name}",
            get(async |Path((digest, name)): Path<(String, String)>| {
                assets::answer(&digest, &name)
            }),
        )
        .route("/favicon.ico", get(async || Redirect::permanent(&assets::path("icon.svg"))))
        .fallback(async |State(console): State<Console>, request: Request| {
            no_page(console, request).await
        })
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, PAGE_TIMEOUT))
        .layer(CatchPanicLayer::new())
        .layer(axum::middleware::map_response(async |mut response: Response| {
            guard::careful(response.headers_mut());
            response
        }))
        .with_state(console)
        .route_service("/api/{*rest}", any_of(api))
}

/// The API under its own paths, with its own answer to those that it does not know.
fn any_of(api: Router) -> axum::routing::MethodRouter {
    any(async move |request: Request| {
        use tower::ServiceExt;
        match api.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    })
}

/// Reads a request: who looks, and what their form says. A form that is not of their session is refused here.
pub async fn visit(console: &Console, request: Request, is_use: bool) -> Result<Visit, Response> {
    let source = cookie::source(request.extensions());
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, FORM_BYTES_MAX).await else {
        return Err(
            (StatusCode::PAYLOAD_TOO_LARGE, "the form is longer than 6 MiB").into_response()
        );
    };
    let asked = (&head.method, &head.uri, &head.headers);
    let visit = match Visit::of(console, asked, (source, is_use), &body).await {
        Ok(visit) => visit,
        Err(refusal) => {
            return Err((StatusCode::SERVICE_UNAVAILABLE, refusal.title).into_response());
        }
    };
    match visit.is_post && !guard::is_own_form(&visit, &head.headers) {
        true => Err(stale(&visit)),
        false => Ok(visit),
    }
}

/// A form of another session, or of one that has ended.
fn stale(visit: &Visit) -> Response {
    let refusal = Refusal {
        status: 403,
        code: if visit.session.is_some() { "stale_form" } else { "unauthenticated" }.to_owned(),
        title: "this form is from a session that has ended; nothing was done".to_owned(),
        detail: None,
        hint: Some("open the page again and send it once more".to_owned()),
    };
    refused(visit, &refusal)
}

async fn answer(console: Console, page: &'static Page, request: Request) -> Response {
    let follows_link = is_link(&request) && cookie::session(request.headers()).is_none();
    let visit = match visit(&console, request, true).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    if visit.session.is_none() && !page.is_open() {
        return match follows_link {
            // The cookie does not come along from another site. From this page it does.
            true => layout::bounce(&visit.here).into_response(),
            false => to_sign_in(&visit),
        };
    }
    if visit.me.must_enrol && !["/account", "/sign-in", "/setup"].contains(&page.path) {
        return Redirect::to("/account").into_response();
    }
    match (page.run)(&visit).await {
        Ok(Shown::Sheet(sheet)) => {
            Html(layout::whole(&visit, page.name, &sheet).into_string()).into_response()
        }
        Ok(Shown::Elsewhere(address)) => see(&address),
        Ok(Shown::Answer(response)) => response,
        Err(refusal) => refused(&visit, &refusal),
    }
}

/// Whether somebody has followed a link of another site.
fn is_link(request: &Request) -> bool {
    let site = request.headers().get("sec-fetch-site");
    site.is_some_and(|site| site.as_bytes() == b"cross-site" || site.as_bytes() == b"same-site")
}

/// Does what a form asks for, and shows the page after it.
async fn act(State(console): State<Console>, request: Request) -> Response {
    let visit = match visit(&console, request, true).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    if visit.session.is_none() {
        return to_sign_in(&visit);
    }
    acts::run(&visit).await
}

fn to_sign_in(visit: &Visit) -> Response {
    let next = if visit.is_post { visit.back() } else { &visit.here };
    let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    see(&format!("/sign-in?next={next}"))
}

/// Leads to another page.
pub fn see(address: &str) -> Response {
    let Ok(place) = HeaderValue::from_str(address) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// A page that says what was refused.
pub fn refused(visit: &Visit, why: &Refusal) -> Response {
    let status = StatusCode::from_u16(why.status).unwrap_or(StatusCode::BAD_REQUEST);
    // A browser that is told 401 asks for a password in a window of its own.
    let status = if status == StatusCode::UNAUTHORIZED { StatusCode::FORBIDDEN } else { status };
    let sheet = Sheet::new(refusal::sentence(&why.title), refusal::panel(visit, why));
    (status, Html(layout::whole(visit, "", &sheet).into_string())).into_response()
}

async fn no_page(console: Console, request: Request) -> Response {
    match visit(&console, request, true).await {
        Ok(visit) if visit.session.is_none() => to_sign_in(&visit),
        Ok(visit) => {
            let refusal = Refusal {
                status: 404,
                code: "no_page".to_owned(),
                title: "there is no such page".to_owned(),
                detail: None,
                hint: None,
            };
            refused(&visit, &refusal)
        }
        Err(response) => response,
    }
}
