//! Cuts a group into pieces and binds them.

use sqlx::sqlite::SqliteArguments;
use uuid::Uuid;

use super::bind::Binds;
use super::texts::{Kind, Piece, ROWS_MAX, Shape};
use crate::error::StoreError;
use crate::group::{
    Counter, DeliveryRow, EndRow, Group, MessageBody, MessageRow, Of, SettleRow, hour_of,
};

/// Up to so many rows, at most [`ROWS_MAX`], a group is one text.
const SMALL: usize = 24;

/// The rows of a group, each kind in one list.
pub(super) struct Rows<'a> {
    group: &'a Group,
    tokens: Vec<(i64, Uuid)>,
    bodies: Vec<(Uuid, &'a [u8])>,
    deliveries: Vec<(Of, &'a DeliveryRow)>,
    counters: Vec<(Counter, i64)>,
}

impl<'a> Rows<'a> {
    pub(super) fn of(group: &'a Group) -> Rows<'a> {
        Rows {
            group,
            tokens: group.tokens(),
            bodies: group.bodies().collect(),
            deliveries: group.deliveries().collect(),
            counters: group.counts.iter().collect(),
        }
    }

    /// The texts that write them, one after the other; `whole` when the group has a transaction of its own.
    pub(super) fn texts(&self, whole: bool) -> Vec<(Shape, Vec<Piece>)> {
        let receipts = [
            (Kind::Messages, self.group.messages.len()),
            (Kind::Tokens, self.tokens.len()),
            (Kind::Bodies, self.bodies.len()),
            (Kind::Deliveries, self.deliveries.len()),
        ];
        let settles = [
            (Kind::Settles, self.group.settles.len()),
            (Kind::Ends, self.group.ends.len()),
            (Kind::Counters, self.counters.len()),
        ];
        let small = receipts.iter().chain(&settles).map(|(_, rows)| rows).sum::<usize>() <= SMALL;
        let texts: Vec<Vec<Piece>> = if small {
            vec![receipts.iter().chain(&settles).flat_map(|kind| slice(*kind, 0)).collect()]
        } else {
            slices(&receipts).chain(slices(&settles)).collect()
        };
        let last = texts.len() - 1;
        let shaped = texts.into_iter().enumerate().map(|(at, pieces)| {
            let rows = pieces.iter().map(|piece| (piece.kind, piece.rows)).collect();
            let shape = Shape { rows, begins: whole && at == 0, commits: whole && at == last };
            (shape, pieces)
        });
        shaped.filter(|(_, pieces)| !pieces.is_empty()).collect()
    }

    /// The values of some pieces, in the order of their text.
    pub(super) fn binds(&self, pieces: &[Piece]) -> Result<SqliteArguments, StoreError> {
        let mut binds = Binds::default();
        for piece in pieces {
            let now_us = self.group.now_us;
            let binds = &mut binds;
            match piece.kind {
                Kind::Messages => {
                    piece.of(&self.group.messages, |row| bind_message(binds, row, now_us))
                }
                Kind::Tokens => piece.of(&self.tokens, |(token, message)| {
                    binds.add(*token);
                    binds.add(&message.as_bytes()[..]);
                }),
                Kind::Bodies => piece.of(&self.bodies, |(id, blob)| {
                    binds.add(&id.as_bytes()[..]);
                    binds.add(*blob);
                }),
                Kind::Deliveries => {
                    piece.of(&self.deliveries, |(of, row)| bind_delivery(binds, *of, row))
                }
                Kind::Settles => {
                    piece.of(&self.group.settles, |row| bind_move(binds, row));
                    piece.of(&self.group.settles, |row| bind_attempt(binds, row));
                }
                Kind::Ends => piece.of(&self.group.ends, |row| bind_end(binds, row, now_us)),
                Kind::Counters => piece.of(&self.counters, |(counter, n)| {
                    binds.add(hour_of(now_us));
                    binds.add(counter.channel);
                    binds.add(counter.destination);
                    binds.add(counter.what.code());
                    binds.add(*n);
                }),
            }
        }
        binds.finish()
    }
}

impl Piece {
    fn of<T>(&self, rows: &[T], bind: impl FnMut(&T)) {
        rows.iter().skip(self.from).take(self.rows).for_each(bind);
    }
}

/// Some kinds in as many texts as the longest of them needs: each text has the next rows of every kind.
fn slices(counts: &[(Kind, usize)]) -> impl Iterator<Item = Vec<Piece>> {
    let longest = counts.iter().map(|(_, rows)| *rows).max().unwrap_or(0);
    let slice_of = |from| counts.iter().flat_map(|kind| slice(*kind, from)).collect();
    (0..longest).step_by(ROWS_MAX).map(slice_of)
}

/// The next rows of one kind, if there are any.
fn slice((kind, all): (Kind, usize), from: usize) -> Option<Piece> {
    (from < all).then(|| Piece { kind, from, rows: ROWS_MAX.min(all - from) })
}

fn bind_message(binds: &mut Binds, row: &MessageRow, now_us: i64) {
    binds.add(&row.id.as_bytes()[..]);
    binds.add(row.channel);
    binds.add(row.seq);
    binds.add(row.received_us);
    binds.add(row.origin);
    binds.add(row.parent.as_ref().map(|id| &id.as_bytes()[..]));
    binds.add(row.trace.as_ref().map(|id| &id.as_bytes()[..]));
    for text in [&row.peer, &row.application, &row.facility, &row.kind, &row.version, &row.charset]
    {
        binds.add(text.as_str());
    }
    binds.add(&row.control_id[..]);
    binds.add(&row.control_token[..]);
    binds.add(&row.digest[..]);
    binds.add(row.duplicate);
    binds.add(row.bytes);
    binds.add(match &row.body {
        MessageBody::Own(_) => None,
        MessageBody::Of(id) => Some(&id.as_bytes()[..]),
    });
    binds.add(row.lone_lf);
    binds.add(row.ack_code.as_str());
    binds.add(row.outcome.disposition);
    // Filled in again when the message is final; a time from the start, so that the row keeps its size.
    binds.add(now_us);
    binds.add(row.tries);
    binds.add(row.outcome.revision);
    binds.add(row.outcome.reason_code.as_deref());
    binds.add(row.outcome.reason_step);
    binds.add(row.outcome.signature.as_ref().map(|token| &token[..]));
    binds.add(row.outcome.error.as_deref());
    binds.add(row.batch.as_deref());
}

fn bind_delivery(binds: &mut Binds, of: Of, row: &DeliveryRow) {
    binds.add(&of.message.as_bytes()[..]);
    binds.add(&row.id.as_bytes()[..]);
    binds.add(of.channel);
    binds.add(row.destination);
    binds.add(of.seq);
    binds.add(row.part);
    binds.add(i64::from(row.own_body.is_some()));
    binds.add(&row.lane[..]);
    binds.add(row.state);
    binds.add(of.received_us);
    binds.add(of.received_us);
    // No try begins before 1970, so the first one is news whatever its time.
    binds.add(-of.received_us.abs().max(1));
    binds.add(row.reason_code.as_deref());
    binds.add(row.reason_step);
    binds.add(row.signature.as_ref().map(|token| &token[..]));
    binds.add(row.error.as_deref());
}

fn bind_move(binds: &mut Binds, row: &SettleRow) {
    binds.add(&row.message.as_bytes()[..]);
    binds.add(&row.delivery.as_bytes()[..]);
    binds.add(row.state);
    binds.add(row.until_us);
    binds.add(row.started_us);
    binds.add(i64::from(row.answered));
    binds.add(row.reason_code.as_deref());
    binds.add(row.started_us.saturating_add(row.duration_us));
}

fn bind_attempt(binds: &mut Binds, row: &SettleRow) {
    binds.add(&row.message.as_bytes()[..]);
    binds.add(&row.delivery.as_bytes()[..]);
    binds.add(row.started_us);
    binds.add(row.duration_us);
    binds.add(row.peer.as_str());
    binds.add(row.code.as_str());
    binds.add(i64::from(row.answered));
    binds.add(row.response.as_deref());
    binds.add(row.error.as_deref());
}

fn bind_end(binds: &mut Binds, row: &EndRow, now_us: i64) {
    binds.add(&row.message.as_bytes()[..]);
    binds.add(row.disposition);
    binds.add(now_us);
}
