//! The browser console: pages made on the server, over the routes of the admin API and nothing else.
//!
//! A page asks the [`Desk`](console_api::Desk) with the session of whoever looks, so it shows and does what the API shows and does
//! for them. Every form is a request of one route ([`acts`]). Values go through maud, which escapes them.

mod acts;
mod assets;
mod cookie;
mod form;
mod guard;
mod layout;
mod live;
mod notes;
mod pages;
mod parts;
mod refusal;
mod router;
mod value;
mod visit;

pub use router::{Console, PAGES, Page, router};
