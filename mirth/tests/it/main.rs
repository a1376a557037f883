//! Whole exports, each in a folder with what they become: `export.xml`, `site/` and `notes.txt`, or `error.txt` where there is no
//! translation. `UPDATE=1` rewrites what is expected.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod hostile;
mod site;
