//! The browser console: every page as it is written.

mod pages;
mod walk;
