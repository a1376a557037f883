//! The one place where SQL is put together: multi-row statements in a few sizes.
//!
//! A group is one text, so that it costs one hop to the database's thread. Its parts come in sizes of powers of two and are filled up with
//! rows of nulls, which no part takes in, so that a few texts serve all groups and stay prepared.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

/// Texts kept here; the driver keeps the prepared statements of as many.
pub(crate) const TEXTS_MAX: usize = 512;

pub(super) const MESSAGE_COLUMNS: usize = 31;
pub(super) const BODY_COLUMNS: usize = 2;
pub(super) const DUPLICATE_COLUMNS: usize = 2;
pub(super) const DELIVERY_COLUMNS: usize = 20;
pub(super) const MOVE_COLUMNS: usize = 8;
pub(super) const ATTEMPT_COLUMNS: usize = 9;
pub(super) const COUNTER_COLUMNS: usize = 5;

const MESSAGES: &str = "insert into messages (id, channel, seq, received_us, origin, parent, trace, peer, application, facility, kind, \
    version, charset, control_id, control_token, digest, duplicate, bytes, body, lone_lf, ack_code, disposition, final_us, tries, revision, \
    reason_code, reason_step, signature, error, superseded_by, batch)";
const BODIES: &str = "insert into bodies (id, blob)";
const DUPLICATES: &str = "insert into dups (token, message)";
const DUPLICATES_REPLACED: &str = "insert or replace into dups (token, message)";
const DELIVERIES: &str = "insert into deliveries (message, id, channel, destination, seq, part, own_body, lane, state, changed_us, next_us, \
    tried_us, tries, answered_tries, first_answered_us, reason_code, reason_step, signature, error, superseded_by)";
const ATTEMPTS: &str = "insert or ignore into attempts (message, delivery, started_us, duration_us, peer, code, answered, response, error)";

/// A delivery moves on, unless it is final or this very try has been counted. One that a person held stays held when it would wait.
const MOVES: &str = "update deliveries set \
    state = case when deliveries.state = 12 and v.column3 = 11 then 12 else v.column3 end, \
    changed_us = v.column8, next_us = v.column4, tried_us = v.column5, tries = tries + 1, \
    answered_tries = answered_tries + v.column6, \
    first_answered_us = case when v.column6 = 1 and v.column3 = 11 then coalesce(first_answered_us, v.column5) else first_answered_us end, \
    reason_code = v.column7 \
    from (values ";
const MOVES_END: &str = ") as v where deliveries.message = v.column1 and deliveries.id = v.column2 and deliveries.state < 20 \
    and deliveries.tried_us <> v.column5;\n";

/// Every settle of the group must have moved its delivery.
const ALL_MOVED: &str = "insert into expectations select 1 where changes() <> ?;\n";

/// A message is final when its last delivery is.
const FINAL: &str = "update messages set disposition = (select case \
    when sum(d.state = 20) = count(*) then 20 when sum(d.state = 20) > 0 then 21 when sum(d.state = 21) > 0 then 25 else 26 end \
    from deliveries d where d.message = messages.id), final_us = ? \
    where id in (select column1 from (values ";
const FINAL_END: &str = ")) and disposition = 10 \
    and not exists (select 1 from deliveries d where d.message = messages.id and d.state < 20);\n";

const COUNT_MOVES: &str = "insert into counters (hour, channel, destination, what, n) \
    select ?, d.channel, d.destination, v.column3 + 22, count(*) from (values ";
const COUNT_MOVES_END: &str = ") as v cross join deliveries d where d.message = v.column1 and d.id = v.column2 \
    group by d.channel, d.destination, v.column3 on conflict do update set n = n + excluded.n;\n";
const COUNT_FINAL: &str = "insert into counters (hour, channel, destination, what, n) \
    select ?, m.channel, 0, m.disposition, count(*) from messages m where m.id in (select column1 from (values ";
const COUNT_FINAL_END: &str = ")) and m.disposition <> 10 group by m.channel, m.disposition on conflict do update set n = n + excluded.n;\n";

const COUNTERS: &str =
    "insert into counters (hour, channel, destination, what, n) select * from (values ";
const COUNTERS_END: &str =
    ") where column1 is not null on conflict do update set n = n + excluded.n;\n";

/// How many rows of each kind a text takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(super) struct Shape {
    pub messages: usize,
    pub bodies: usize,
    pub duplicates: usize,
    pub deliveries: usize,
    pub settles: usize,
    pub counters: usize,
    /// The text opens and commits its transaction.
    pub whole: bool,
    /// Duplicate tokens that are there already are replaced.
    pub replace: bool,
}

/// The size that a number of rows is filled up to.
pub(super) fn size(rows: usize) -> usize {
    if rows == 0 { 0 } else { rows.next_power_of_two() }
}

/// The texts made so far.
#[derive(Default)]
pub(super) struct Texts(HashMap<Shape, Arc<str>>);

impl Texts {
    pub(super) fn get(&mut self, shape: Shape) -> Arc<str> {
        if self.0.len() >= TEXTS_MAX && !self.0.contains_key(&shape) {
            self.0.clear();
        }
        Arc::clone(self.0.entry(shape).or_insert_with(|| Arc::from(text(shape))))
    }
}

pub(super) fn text(shape: Shape) -> String {
    let mut text = String::new();
    if shape.whole {
        text.push_str("begin immediate;\n");
    }
    insert(&mut text, MESSAGES, shape.messages, MESSAGE_COLUMNS);
    insert(
        &mut text,
        if shape.replace { DUPLICATES_REPLACED } else { DUPLICATES },
        shape.duplicates,
        DUPLICATE_COLUMNS,
    );
    insert(&mut text, BODIES, shape.bodies, BODY_COLUMNS);
    insert(&mut text, DELIVERIES, shape.deliveries, DELIVERY_COLUMNS);
    if shape.settles > 0 {
        between(&mut text, MOVES, (shape.settles, MOVE_COLUMNS), MOVES_END);
        text.push_str(ALL_MOVED);
        insert(&mut text, ATTEMPTS, shape.settles, ATTEMPT_COLUMNS);
        between(&mut text, FINAL, (shape.settles, 1), FINAL_END);
        between(&mut text, COUNT_MOVES, (shape.settles, 3), COUNT_MOVES_END);
        between(&mut text, COUNT_FINAL, (shape.settles, 1), COUNT_FINAL_END);
    }
    if shape.counters > 0 {
        between(&mut text, COUNTERS, (shape.counters, COUNTER_COLUMNS), COUNTERS_END);
    }
    if shape.whole {
        text.push_str("commit;");
    }
    text
}

/// Rows of nulls are left out, so a text takes any number of rows up to its size.
fn insert(text: &mut String, head: &str, rows: usize, columns: usize) {
    if rows == 0 {
        return;
    }
    text.push_str(head);
    between(text, " select * from (values ", (rows, columns), ") where column1 is not null;\n");
}

fn between(text: &mut String, head: &str, (rows, columns): (usize, usize), tail: &str) {
    text.push_str(head);
    for row in 0..rows {
        let comma = if row == 0 { "" } else { "," };
        // Writing to a String does not fail.
        let _written = write!(text, "{comma}({})", vec!["?"; columns].join(","));
    }
    text.push_str(tail);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_lists_have_the_sizes_that_are_bound() {
        let columns = |head: &str| head.split_once('(').unwrap().1.split(',').count();
        assert_eq!(columns(MESSAGES), MESSAGE_COLUMNS);
        assert_eq!(columns(BODIES), BODY_COLUMNS);
        assert_eq!(columns(DUPLICATES), DUPLICATE_COLUMNS);
        assert_eq!(columns(DELIVERIES), DELIVERY_COLUMNS);
        assert_eq!(columns(ATTEMPTS), ATTEMPT_COLUMNS);
    }

    #[test]
    fn sizes_are_few() {
        assert_eq!([0, 1, 2, 3, 5, 8, 33, 64].map(size), [0, 1, 2, 4, 8, 8, 64, 64]);
    }
}
