//! What a sender may rely on: answers in order, half-close, pause, close, limits on connections.

use std::time::Duration;

use bytes::Bytes;
use connectors::mllp::{ListenerSettings, NoAnswer, Received, Replies};
use connectors::{Answer, BrokenFrame, Flow, Resources};
use hl7::AckCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::intakes::{Manual, answered, answering, client, message, run, run_sharing, settings};

const SOON: Duration = Duration::from_secs(10);

fn reply(text: &'static str) -> Answer {
    Answer::Reply(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn each_message_is_answered_over_the_same_connection() {
    let (running, _received) = answering(settings(), Replies::default()).await;
    let mut client = client(running.address).await;
    for id in ["1", "2", "3"] {
        client.send(&message(id)).await.unwrap();
        assert_eq!(answered(&client.answer().await.unwrap()), ("AA".to_owned(), id.to_owned()));
    }
    let counts = running.stats.counts();
    assert_eq!((counts.frames, counts.answers, counts.accepted, counts.connections), (3, 3, 1, 1));
}

#[tokio::test]
async fn pipelined_messages_are_read_ahead_and_answered_in_their_order() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut client = client(running.address).await;
    client.send_all((0..3).map(|n| message(&n.to_string()))).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(handed.recv().await.unwrap().frame().1);
    }
    for (n, answer) in waiting.into_iter().enumerate().rev() {
        assert!(
            timeout(Duration::from_millis(30), client.answer()).await.is_err(),
            "the oldest is not answered yet"
        );
        answer.send(reply(["zero", "one", "two"][n])).unwrap();
    }
    for expected in ["zero", "one", "two"] {
        assert_eq!(client.answer().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn reading_ahead_is_limited_and_goes_on_as_answers_go_out() {
    let (intake, mut handed) = Manual::new();
    let running = run(ListenerSettings { read_ahead_max: 4, ..settings() }, intake).await;
    let mut client = client(running.address).await;
    client.send_all((0..10).map(|n| message(&n.to_string()))).await.unwrap();
    let mut waiting = Vec::new();
    for _ in 0..4 {
        waiting.push(handed.recv().await.unwrap().frame().1);
    }
    sleep(Duration::from_millis(50)).await;
    assert!(handed.try_recv().is_err(), "the fifth waits for an answer");
    waiting.remove(0).send(reply("0")).unwrap();
    waiting.push(handed.recv().await.unwrap().frame().1);
    assert!(handed.try_recv().is_err());
    for answer in waiting.drain(..) {
        answer.send(Answer::Silent).unwrap();
    }
    for _ in 0..5 {
        handed.recv().await.unwrap().frame().1.send(Answer::Silent).unwrap();
    }
}

#[tokio::test]
async fn a_thousand_pipelined_messages_are_all_answered_in_order() {
    let (running, mut received) = answering(settings(), Replies::default()).await;
    let mut client = client(running.address).await;
    let drain = tokio::spawn(async move { while received.recv().await.is_some() {} });
    client.send_all((0..1000).map(|n| message(&n.to_string()))).await.unwrap();
    client.finish().await.unwrap();
    for n in 0..1000 {
        assert_eq!(answered(&client.answer().await.unwrap()).1, n.to_string());
    }
    assert!(matches!(client.answer().await, Err(NoAnswer::Closed)));
    drain.abort();
}

#[tokio::test]
async fn a_peer_that_has_closed_its_side_is_still_answered() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut client = client(running.address).await;
    client.send(&message("1")).await.unwrap();
    client.finish().await.unwrap();
    let (_, answer) = handed.recv().await.unwrap().frame();
    sleep(Duration::from_millis(20)).await;
    answer.send(reply("late but there")).unwrap();
    assert_eq!(client.answer().await.unwrap(), "late but there");
    assert!(matches!(client.answer().await, Err(NoAnswer::Closed)));
}

#[tokio::test]
async fn what_is_not_a_frame_is_kept_and_the_connection_stays_up() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"PING\r\n\x0BMSH|broken\x0BMSH|whole\x1C\r\x0B\x1C\r").await.unwrap();
    assert_eq!(
        handed.recv().await.unwrap().fragment(),
        (Bytes::from_static(b"MSH|broken"), BrokenFrame::Restarted)
    );
    let (body, answer) = handed.recv().await.unwrap().frame();
    assert_eq!(body, "MSH|whole");
    answer.send(reply("ok")).unwrap();
    let mut got = [0; 5];
    stream.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"\x0Bok\x1C\r");
    stream.write_all(b"\x0BMSH|cut").await.unwrap();
    drop(stream);
    assert_eq!(
        handed.recv().await.unwrap().fragment(),
        (Bytes::from_static(b"MSH|cut"), BrokenFrame::Cut)
    );
    let counts = running.stats.counts();
    assert_eq!(
        (counts.frames, counts.fragments, counts.heartbeats, counts.junk_bytes),
        (1, 2, 1, 6)
    );
    assert_eq!(running.stats.last_junk().expose_phi(), b"PING\r\n");
}

#[tokio::test]
async fn what_cannot_be_kept_is_not_answered_and_the_connection_is_closed() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut client = client(running.address).await;
    client.send_all([message("1"), message("2"), message("3")]).await.unwrap();
    handed.recv().await.unwrap().frame().1.send(reply("first")).unwrap();
    handed.recv().await.unwrap().frame().1.send(Answer::Close).unwrap();
    assert_eq!(client.answer().await.unwrap(), "first");
    assert!(matches!(client.answer().await, Err(NoAnswer::Closed)));
}

#[tokio::test]
async fn a_paused_source_neither_reads_nor_accepts_but_answers() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut first = client(running.address).await;
    first.send(&message("1")).await.unwrap();
    let (_, answer) = handed.recv().await.unwrap().frame();
    running.flow.send(Flow::Pause).unwrap();
    sleep(Duration::from_millis(20)).await;
    first.send(&message("2")).await.unwrap();
    let mut second = client(running.address).await;
    second.send(&message("3")).await.unwrap();
    answer.send(reply("one")).unwrap();
    assert_eq!(first.answer().await.unwrap(), "one");
    sleep(Duration::from_millis(50)).await;
    assert!(handed.try_recv().is_err(), "nothing is read");
    assert_eq!(running.stats.counts().accepted, 1, "nobody is let in");
    running.flow.send(Flow::Read).unwrap();
    for _ in 0..2 {
        timeout(SOON, handed.recv())
            .await
            .unwrap()
            .unwrap()
            .frame()
            .1
            .send(reply("later"))
            .unwrap();
    }
    assert_eq!(first.answer().await.unwrap(), "later");
    assert_eq!(second.answer().await.unwrap(), "later");
}

#[tokio::test]
async fn a_closing_source_answers_what_is_in_hand_and_then_is_gone() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut busy = client(running.address).await;
    let mut idle = client(running.address).await;
    busy.send(&message("1")).await.unwrap();
    let (_, answer) = handed.recv().await.unwrap().frame();
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"\x0BMSH|half").await.unwrap();
    sleep(Duration::from_millis(50)).await;
    running.flow.send(Flow::Close).unwrap();
    assert!(
        matches!(
            timeout(SOON, idle.answer()).await.unwrap(),
            Err(NoAnswer::Closed | NoAnswer::Reset(_))
        ),
        "nothing to wait for"
    );
    slow.write_all(b" and half\x1C\r\x0BMSH|next").await.unwrap();
    let (body, second) = timeout(SOON, handed.recv()).await.unwrap().unwrap().frame();
    assert_eq!(body, "MSH|half and half", "a frame that had begun may end");
    busy.send(&message("too late")).await.unwrap();
    answer.send(reply("in hand")).unwrap();
    second.send(reply("too")).unwrap();
    assert_eq!(busy.answer().await.unwrap(), "in hand");
    assert!(
        matches!(busy.answer().await, Err(NoAnswer::Closed)),
        "a reset could take the answer back"
    );
    let mut got = Vec::new();
    timeout(SOON, slow.read_to_end(&mut got)).await.unwrap().unwrap();
    assert_eq!(got, b"\x0Btoo\x1C\r");
    drop((busy, slow));
    timeout(SOON, running.done).await.unwrap().unwrap();
    assert!(TcpStream::connect(running.address).await.is_err(), "the port is free");
    assert!(
        handed.recv().await.is_none(),
        "what was not whole is not kept: the peer sends it again"
    );
}

#[tokio::test]
async fn a_source_whose_owner_is_gone_closes() {
    let (intake, _handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut client = client(running.address).await;
    drop(running.flow);
    timeout(SOON, running.done).await.unwrap().unwrap();
    assert!(client.answer().await.is_err());
}

#[tokio::test]
async fn of_300_connections_256_are_served_and_the_rest_refused_and_counted() {
    let (running, mut received) = answering(settings(), Replies::default()).await;
    tokio::spawn(async move { while received.recv().await.is_some() {} });
    let mut clients = Vec::new();
    for _ in 0..300 {
        clients.push(client(running.address).await);
    }
    let mut slow = clients.swap_remove(0);
    slow.send(&message("before")).await.unwrap();
    slow.answer().await.unwrap();
    let mut served = 1;
    for client in &mut clients {
        let sent = client.send(&message("x")).await.is_ok();
        served += usize::from(sent && timeout(SOON, client.answer()).await.unwrap().is_ok());
    }
    assert_eq!(served, 256);
    let counts = running.stats.counts();
    assert_eq!((counts.connections, counts.refused), (256, 44));
    drop(clients);
    for _ in 0..100 {
        if running.stats.counts().connections == 1 {
            break;
        }
        sleep(Duration::from_millis(20)).await;
    }
    let mut again = client(running.address).await;
    again.send(&message("y")).await.unwrap();
    assert_eq!(answered(&again.answer().await.unwrap()).1, "y", "there is room again");
}

#[tokio::test]
async fn listeners_share_the_limit_of_the_engine() {
    let resources = Resources::new(3, 1 << 20);
    let (intake, _handed) = Manual::new();
    let one = run_sharing(settings(), intake.clone(), &resources).await;
    let two = run_sharing(settings(), intake, &resources).await;
    let mut held = Vec::new();
    for address in [one.address, one.address, two.address, two.address] {
        held.push(client(address).await);
        sleep(Duration::from_millis(20)).await;
    }
    assert!(held.pop().unwrap().answer().await.is_err());
    assert_eq!(
        (one.stats.counts().refused, two.stats.counts().refused, resources.connections()),
        (0, 1, 3)
    );
}

#[tokio::test]
async fn a_receiver_answers_as_it_is_told() {
    let instead = Some((2.try_into().unwrap(), AckCode::AE));
    let delay = Duration::from_millis(30);
    let (running, mut received) =
        answering(settings(), Replies { code: Some(AckCode::AA), delay, instead }).await;
    let mut client = client(running.address).await;
    for (id, code) in [("1", "AA"), ("2", "AE"), ("3", "AA"), ("4", "AE")] {
        let started = std::time::Instant::now();
        client.send(&message(id)).await.unwrap();
        assert_eq!(answered(&client.answer().await.unwrap()).0, code);
        assert!(started.elapsed() >= delay);
        let Some(Received::Frame { body, code: answered, .. }) = received.recv().await else {
            panic!("no frame")
        };
        assert_eq!((body, answered.unwrap().as_str()), (message(id), code));
    }
    let ack = Bytes::from_static(b"MSH|^~\\&|A|B|C|D|20260101||ACK|9|P|2.3\rMSA|AA|1\r");
    client.send_all([ack, message("5")]).await.unwrap();
    assert_eq!(
        answered(&client.answer().await.unwrap()).1,
        "5",
        "an acknowledgement is not acknowledged"
    );
}
