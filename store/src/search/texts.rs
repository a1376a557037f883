//! The statements of the one search. None of them walks through a table: each looks where an index says.

use crate::read::summary_columns;
use crate::sql::statements;

/// What a message `m` must be, by the values from $6 on; with the types that PostgreSQL wants to know.
macro_rules! fits {
    ($int:literal, $text:literal, $blob:literal) => {
        concat!(
            "($6", $int, " is null or m.disposition = $6)
            and ($7", $text, " is null or m.kind = $7 or substr(m.kind, 1, length($7) + 1) = $7 || '^')
            and ($8", $int, " is null or m.origin = $8)
            and ($9", $int, " is null or m.received_us >= $9) and ($10", $int, " is null or m.received_us < $10)
            and ($11", $int, " is null and $12", $int, " is null or exists (select 1 from deliveries d where d.message = m.id
                and ($12 is null or d.destination = $12)
                and ($11 is null or d.state = $11 and d.superseded_by is null)
                and ($15", $text, " is null or d.reason_code = $15 and (length($16", $blob, ") = 0 or substr(d.signature, 1, 4) = $16)
                    or m.reason_code = $15 and (length($16) = 0 or substr(m.signature, 1, 4) = $16))))
            and ($13", $text, " is null or m.ack_code = $13) and ($14", $text, " is null or m.reason_code = $14)
            and ($15 is null or m.reason_code = $15 and (length($16) = 0 or substr(m.signature, 1, 4) = $16)
                or exists (select 1 from deliveries d where d.message = m.id and d.reason_code = $15
                    and (length($16) = 0 or substr(d.signature, 1, 4) = $16)))
            and ($17", $text, " is null or $19", $int, " = 1 and (m.application = $17 or m.facility = $17)
                or m.application = $17 and m.facility = $18", $text, ")
            and (length($20", $blob, ") = 0 or m.control_token = $20)"
        )
    };
}

macro_rules! in_range {
    ($int:literal, $text:literal, $blob:literal) => {
        concat!(
            "select ",
            summary_columns!(),
            " from (select * from messages where channel = $1 and seq < $2 and seq >= $3
            order by seq desc limit $4) m where ",
            fits!($int, $text, $blob),
            " order by m.seq desc limit $5"
        )
    };
}

macro_rules! of_places {
    ($list:literal, $int:literal, $text:literal, $blob:literal) => {
        concat!(
            "select ",
            summary_columns!(),
            " from ",
            $list,
            " cross join messages m
            where m.channel = $1 and m.seq = j.value and m.seq < $3 and m.seq >= $4 and ",
            fits!($int, $text, $blob),
            " order by m.seq desc limit $5"
        )
    };
}

statements! {
    IN_RANGE = in_range!("", "", ""), postgres: in_range!("::bigint", "::text", "::bytea");
    /// How far a range was looked at.
    LOOKED = "select count(*), coalesce(min(seq), 0) from (select seq from messages where channel = $1 and seq < $2 and seq >= $3
        order by seq desc limit $4) s";
    OF_PLACES = of_places!("json_each('[' || $2 || ']') j", "", "", ""),
        postgres: of_places!("unnest(string_to_array($2, ',')::bigint[]) j(value)", "::bigint", "::text", "::bytea");
    AT = "select channel, seq from messages where id = $1";
    NEXT_AT = "select seq, received_us from messages where channel = $1 and seq >= $2 order by seq limit 1";
    LAST = "select coalesce(max(seq), 0) from messages where channel = $1";
    INDEXED = "select coalesce(max(s.seq), 0) from search_marks s where s.channel = $1";
    DESTINATION = "select id from destinations where channel = $1 and name = $2";
    FIRST_DAY = "select coalesce(min(day), 0) from search_tokens where channel = $1";
    LAST_DAY = "select coalesce(max(day), 0) from search_tokens where channel = $1";
    /// Each day is one place in the index.
    TOKENS = "with recursive days(day) as (select cast($3 as bigint) union all select day - 1 from days where day > $4)
        select distinct s.seq from days d cross join search_tokens s
        where s.channel = $1 and s.day = d.day and s.token = $2 and s.seq < $5 and s.seq >= $6 order by s.seq desc limit $7";
    BLOCKS = "select block from search_blocks where channel = $1 and fact = $2 and block >= $5 and block <= $6
        union select block from search_blocks where channel = $1 and fact > $3 and fact < $4 and block >= $5 and block <= $6";
    UNUSUAL = "select seq from messages where channel = $1 and disposition > 20 and disposition = $2 and seq < $3 and seq >= $4
        order by seq desc limit $5";
    REASONS = "select seq from messages where channel = $1 and reason_code is not null and reason_code = $2 and seq < $3 and seq >= $4
        order by seq desc limit $5";
    DELIVERY_REASONS = "select distinct seq from deliveries where channel = $1 and reason_code is not null and reason_code = $2
        and seq < $3 and seq >= $4 order by seq desc limit $5";
    GIVEN_UP = "select distinct seq from deliveries where channel = $1 and state = 21 and superseded_by is null
        and seq < $2 and seq >= $3 order by seq desc limit $4";
    OPEN = "select distinct d.seq from destinations t cross join deliveries d
        where t.channel = $1 and d.destination = t.id and d.state < 20 and ($2 = 0 or d.state = $2) and d.seq < $3 and d.seq >= $4
        order by d.seq desc limit $5";
    UNDECIDED = "select seq from messages where channel = $1 and revision is null and seq < $2 and seq >= $3 order by seq desc limit $4";
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, Executor, Row as _, raw_sql};

    use super::*;
    use crate::sql::Statement;

    #[tokio::test]
    async fn no_table_is_walked_through() {
        let mut connection = crate::prepare::sqlite().await;
        for statement in [
            IN_RANGE,
            LOOKED,
            OF_PLACES,
            AT,
            NEXT_AT,
            LAST,
            INDEXED,
            DESTINATION,
            FIRST_DAY,
            LAST_DAY,
            TOKENS,
            BLOCKS,
            UNUSUAL,
            REASONS,
            DELIVERY_REASONS,
            GIVEN_UP,
            OPEN,
            UNDECIDED,
        ] {
            let text = format!("explain query plan {}", statement.sqlite);
            let plan = connection.fetch_all(raw_sql(AssertSqlSafe(text))).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            for table in
                ["messages", "deliveries", "search_tokens", "search_blocks", " m", " d", " s"]
            {
                let walk = format!("SCAN {}", table.trim());
                let walked =
                    plan.iter().any(|step| step == &walk || step.starts_with(&format!("{walk} ")));
                // What a range gives is a list of its own by then, and so are days.
                let list = ["IN_RANGE", "LOOKED", "TOKENS"].contains(&statement.name)
                    && table.starts_with(' ');
                assert!(!walked || list, "{}: {plan:#?}", statement.name);
            }
        }
        let by = |statement: Statement, index: &str| (statement, index.to_owned());
        for (statement, index) in [
            by(UNUSUAL, "messages_unusual"),
            by(REASONS, "messages_by_reason"),
            by(DELIVERY_REASONS, "deliveries_by_reason"),
            by(GIVEN_UP, "deliveries_given_up"),
            by(OPEN, "deliveries_open"),
            by(UNDECIDED, "messages_undecided"),
            by(IN_RANGE, "messages_by_seq"),
            by(OF_PLACES, "messages_by_seq"),
        ] {
            let text = format!("explain query plan {}", statement.sqlite);
            let plan = connection.fetch_all(raw_sql(AssertSqlSafe(text))).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            assert!(plan.iter().any(|step| step.contains(&index)), "{}: {plan:#?}", statement.name);
        }
    }
}
