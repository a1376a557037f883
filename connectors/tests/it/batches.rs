//! Batches that come as one frame.

use bytes::Bytes;
use connectors::Answer;
use connectors::batch::Batches;
use connectors::mllp::{Client, ListenerSettings, NoAnswer};
use tokio::sync::mpsc;

use crate::intakes::{Handed, Manual, Running, client, message, run, settings};

fn batch(ids: &[&str], said: &str) -> Bytes {
    let messages: Vec<String> =
        ids.iter().map(|id| String::from_utf8(message(id).to_vec()).unwrap()).collect();
    let around = "|^~\\&|EHR|HOSP|LAB|MAIN|20260101||||";
    Bytes::from(format!("FHS{around}F7\rBHS{around}B7\r{}BTS|{said}\rFTS|1\r", messages.concat()))
}

fn ack(code: &str, id: &str) -> Answer {
    Answer::Reply(Bytes::from(format!(
        "MSH|^~\\&|LAB|MAIN|||||ACK|R{id}|P|2.5.1\rMSA|{code}|{id}\r"
    )))
}

async fn listen(batches: Batches) -> (Running, mpsc::UnboundedReceiver<Handed>) {
    let (intake, handed) = Manual::new();
    (run(ListenerSettings { batches, ..settings() }, intake).await, handed)
}

/// The messages of a batch as they are handed on, answered by these codes; what the sender gets.
async fn exchange(batches: Batches, frame: Bytes, codes: &[(&str, &str)]) -> Option<String> {
    let (listener, mut handed) = listen(batches).await;
    let mut client = client(listener.address).await;
    let (reply, ()) = tokio::join!(say(&mut client, &frame), async {
        for (id, code) in codes {
            let (body, answer) = handed.recv().await.unwrap().frame();
            assert_eq!(body, message(id));
            let given = match *code {
                "silent" => Answer::Silent,
                "close" => Answer::Close,
                code => ack(code, id),
            };
            answer.send(given).unwrap();
        }
    });
    reply.ok().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
}

async fn say(client: &mut Client, frame: &[u8]) -> Result<Bytes, NoAnswer> {
    client.send(frame).await.unwrap();
    client.answer().await
}

fn lines<'a>(reply: &'a str, name: &str) -> Vec<&'a str> {
    reply.split('\r').filter(|line| line.starts_with(name)).collect()
}

#[tokio::test]
async fn a_batch_is_answered_by_a_batch() {
    let codes = [("1", "AA"), ("2", "AE"), ("3", "AA")];
    let reply = exchange(Batches::Each, batch(&["1", "2", "3"], "3"), &codes).await.unwrap();
    assert_eq!(lines(&reply, "MSA"), ["MSA|AA|1", "MSA|AE|2", "MSA|AA|3"]);
    assert_eq!(lines(&reply, "BTS"), ["BTS|3"]);
    assert_eq!(lines(&reply, "FTS"), ["FTS|1"]);
    let [header] = lines(&reply, "BHS")[..] else { panic!("{reply}") };
    let fields: Vec<&str> = header.split('|').collect();
    assert_eq!((fields[2], fields[4], fields[11]), ("LAB", "EHR", "B7"), "{header}");
}

#[tokio::test]
async fn only_the_faults_of_a_batch_may_be_told() {
    let codes = [("1", "AA"), ("2", "AE")];
    let reply = exchange(Batches::Errors, batch(&["1", "2"], ""), &codes).await.unwrap();
    assert_eq!((lines(&reply, "MSA"), lines(&reply, "BTS")), (vec!["MSA|AE|2"], vec!["BTS|1"]));
    let reply = exchange(Batches::Errors, batch(&["1"], ""), &[("1", "AA")]).await.unwrap();
    assert_eq!((lines(&reply, "MSA"), lines(&reply, "BTS")), (vec![], vec!["BTS|0"]));
}

#[tokio::test]
async fn a_batch_may_be_answered_by_one_acknowledgement_with_the_worst_code() {
    for (codes, expected) in [(["AA", "CA"], "AA"), (["AE", "AA"], "AE"), (["CR", "AE"], "AR")] {
        let codes = [("1", codes[0]), ("2", codes[1])];
        let reply = exchange(Batches::Single, batch(&["1", "2"], "2"), &codes).await.unwrap();
        let msa = lines(&reply, "MSA");
        assert!(msa.len() == 1 && msa[0].starts_with(&format!("MSA|{expected}|F7")), "{reply}");
        assert!(
            reply.starts_with("MSH|^~\\&|LAB|MAIN|EHR|HOSP|") && reply.contains("|2.5.1\r"),
            "{reply}"
        );
    }
    let empty = exchange(Batches::Single, batch(&[], "0"), &[]).await.unwrap();
    assert_eq!(lines(&empty, "MSA"), ["MSA|AA|F7"]);
}

#[tokio::test]
async fn a_batch_of_acknowledgements_is_not_answered() {
    let (listener, mut handed) = listen(Batches::Each).await;
    let mut client = client(listener.address).await;
    let (reply, ()) = tokio::join!(
        async {
            client.send(&batch(&["1", "2"], "2")).await.unwrap();
            say(&mut client, &message("3")).await.ok().unwrap()
        },
        async {
            for id in ["1", "2"] {
                let (body, answer) = handed.recv().await.unwrap().frame();
                assert_eq!(body, message(id));
                answer.send(Answer::Silent).unwrap();
            }
            handed.recv().await.unwrap().frame().1.send(ack("AA", "3")).unwrap();
        }
    );
    assert!(reply.starts_with(b"MSH|"), "the first answer is to what came after the batch");
}

#[tokio::test]
async fn a_wrong_count_refuses_the_whole_before_anything_is_taken() {
    let (listener, mut handed) = listen(Batches::Each).await;
    let mut client = client(listener.address).await;
    let frame = batch(&["1", "2"], "3");
    let (reply, ()) = tokio::join!(say(&mut client, &frame), async {
        match handed.recv().await.unwrap() {
            Handed::Refused(body, why, answer) => {
                assert_eq!((body, why), (frame.clone(), "batch-count"));
                answer.send(ack("AE", "F7")).unwrap();
            }
            other => panic!("{:?}", other.frame()),
        }
    });
    assert!(reply.ok().unwrap().ends_with(b"MSA|AE|F7\r"));
}

#[tokio::test]
async fn what_cannot_be_stored_closes_and_nothing_behind_it_is_taken() {
    let codes = [("1", "AA"), ("2", "close")];
    assert_eq!(exchange(Batches::Each, batch(&["1", "2", "3"], "3"), &codes).await, None);
}

#[tokio::test]
async fn a_batch_is_handed_on_whole_where_batches_are_refused() {
    let (listener, mut handed) = listen(Batches::Refuse).await;
    let mut client = client(listener.address).await;
    let frame = batch(&["1"], "1");
    let (reply, ()) = tokio::join!(say(&mut client, &frame), async {
        let (body, answer) = handed.recv().await.unwrap().frame();
        assert_eq!(body, frame);
        answer.send(ack("AR", "F7")).unwrap();
    });
    assert!(reply.is_ok());
}
