//! The one place where SQL is put together: multi-row statements of exactly as many rows as are bound.
//!
//! Each text is a hop to the database's thread and back. A small group is one text. A large one is two, what it receives and what it
//! settles: the rows of each half come in nearly the same numbers, so that a few hundred texts serve nearly all groups and stay prepared.
//!
//! A row that is not as expected ends the whole group, so every statement says `or rollback`: SQLite then need not keep a copy of each
//! page that a statement touches only to be able to undo that statement alone.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// Texts kept here; the driver keeps the prepared statements of as many.
pub(crate) const TEXTS_MAX: usize = 512;
/// Rows of one statement.
pub(super) const ROWS_MAX: usize = 64;

/// The statements that a piece of a group is written with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Kind {
    Messages,
    Tokens,
    Bodies,
    Deliveries,
    Settles,
    Ends,
    Counters,
}

/// Some rows of one kind, from a place in the group on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Piece {
    pub kind: Kind,
    pub from: usize,
    pub rows: usize,
}

/// What tells one text from another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Shape {
    pub rows: Vec<(Kind, usize)>,
    /// The text begins the transaction of its group.
    pub begins: bool,
    /// The text commits it.
    pub commits: bool,
}

const MESSAGES: Insert = Insert {
    head: "insert or rollback into messages (id, channel, seq, received_us, origin, parent, trace, peer, application, facility, kind, version, \
        charset, control_id, control_token, digest, duplicate, bytes, body, lone_lf, ack_code, disposition, final_us, tries, revision, \
        reason_code, reason_step, signature, error, batch)",
    row: "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    tail: "",
};
const TOKENS: Insert =
    Insert { head: "insert or rollback into dups (token, message)", row: "(?,?)", tail: "" };
const BODIES: Insert =
    Insert { head: "insert or rollback into bodies (id, blob)", row: "(?,?)", tail: "" };
const DELIVERIES: Insert = Insert {
    head: "insert or rollback into deliveries (message, id, channel, destination, seq, part, own_body, lane, state, changed_us, next_us, tried_us, \
        reason_code, reason_step, signature, error, tries, answered_tries)",
    row: "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,0)",
    tail: "",
};
const ATTEMPTS: Insert = Insert {
    head: "insert or ignore into attempts (message, delivery, started_us, duration_us, peer, code, answered, response, error)",
    row: "(?,?,?,?,?,?,?,?,?)",
    tail: "",
};
const COUNTERS: Insert = Insert {
    head: "insert or rollback into counters (hour, channel, destination, what, n)",
    row: "(?,?,?,?,?)",
    tail: " on conflict do update set n = n + excluded.n",
};
/// A delivery moves on, unless it is final or this very try has been counted. One that a person held stays held when it would wait.
const MOVES: Insert = Insert {
    head: "update or rollback deliveries set \
        state = case when deliveries.state = 12 and v.column3 = 11 then 12 else v.column3 end, \
        changed_us = v.column8, next_us = v.column4, tried_us = v.column5, tries = tries + 1, \
        answered_tries = answered_tries + v.column6, \
        first_answered_us = case when v.column6 = 1 and v.column3 = 11 then coalesce(first_answered_us, v.column5) \
        else first_answered_us end, reason_code = v.column7 from (",
    row: "(?,?,?,?,?,?,?,?)",
    // The `+` keeps it to the primary key, where the row is.
    tail: ") as v where deliveries.message = v.column1 and +deliveries.id = v.column2 and deliveries.state < 20 \
        and deliveries.tried_us <> v.column5",
};
/// A message ends with its last delivery.
const ENDS: Insert = Insert {
    head: "update or rollback messages set disposition = v.column2, final_us = v.column3 from (",
    row: "(?,?,?)",
    tail: ") as v where messages.id = v.column1 and messages.disposition = 10",
};

/// A statement over as many rows as are asked for.
struct Insert {
    head: &'static str,
    row: &'static str,
    tail: &'static str,
}

impl Insert {
    fn put(&self, text: &mut String, rows: usize) {
        text.push_str(self.head);
        text.push_str(" values ");
        for row in 0..rows {
            text.push_str(if row == 0 { "" } else { "," });
            text.push_str(self.row);
        }
        text.push_str(self.tail);
        text.push_str(";\n");
    }

    /// Every row of the statement before must have met its own.
    fn expect(text: &mut String, rows: usize) {
        // Writing to a String does not fail.
        let _written = writeln!(
            text,
            "insert or rollback into expectations select 1 where changes() <> {rows};"
        );
    }
}

/// The texts made so far.
#[derive(Default)]
pub(super) struct Texts(HashMap<Shape, Arc<str>>);

impl Texts {
    pub(super) fn get(&mut self, shape: Shape) -> Arc<str> {
        if self.0.len() >= TEXTS_MAX && !self.0.contains_key(&shape) {
            self.0.clear();
        }
        let made = self.0.entry(shape);
        Arc::clone(made.or_insert_with_key(|shape| Arc::from(text(shape))))
    }
}

fn text(shape: &Shape) -> String {
    let mut text = String::new();
    if shape.begins {
        text.push_str("begin immediate;\n");
    }
    for (kind, rows) in &shape.rows {
        match kind {
            Kind::Messages => MESSAGES.put(&mut text, *rows),
            Kind::Tokens => TOKENS.put(&mut text, *rows),
            Kind::Bodies => BODIES.put(&mut text, *rows),
            Kind::Deliveries => DELIVERIES.put(&mut text, *rows),
            Kind::Settles => {
                MOVES.put(&mut text, *rows);
                Insert::expect(&mut text, *rows);
                ATTEMPTS.put(&mut text, *rows);
            }
            Kind::Ends => {
                ENDS.put(&mut text, *rows);
                Insert::expect(&mut text, *rows);
            }
            Kind::Counters => COUNTERS.put(&mut text, *rows),
        }
    }
    if shape.commits {
        text.push_str("commit;");
    }
    text
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Executor, Row, raw_sql};

    use super::super::open::BY_KEY;
    use super::*;

    #[test]
    fn a_row_has_a_value_for_every_column() {
        for insert in [MESSAGES, TOKENS, BODIES, DELIVERIES, ATTEMPTS, COUNTERS] {
            let columns = insert.head.split_once('(').unwrap().1.split(',').count();
            assert_eq!(insert.row.split(',').count(), columns, "{}", insert.head);
        }
    }

    #[tokio::test]
    async fn rows_are_found_by_key_and_no_table_is_walked_through() {
        let (setting, value) = BY_KEY;
        let mut connection = crate::prepare::sqlite().await;
        let set = format!("pragma {setting} = {value}");
        connection.execute(raw_sql(AssertSqlSafe(set))).await.unwrap();
        for (update, table) in [(MOVES, "deliveries"), (ENDS, "messages")] {
            for rows in [1, 2, 64] {
                let mut text = "explain query plan ".to_owned();
                update.put(&mut text, rows);
                let plan = connection.fetch_all(raw_sql(AssertSqlSafe(text))).await.unwrap();
                let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
                let by_key = format!("SEARCH {table} USING PRIMARY KEY");
                assert!(plan.iter().any(|step| step.starts_with(&by_key)), "{plan:?}");
            }
        }
    }
}
