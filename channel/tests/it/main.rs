//! What a channel does, seen from outside: from its text to what goes to each destination.

mod cases;
mod conditions;
mod declarations;
mod injection;
mod runs;
mod site;
mod story;
