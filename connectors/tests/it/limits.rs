//! Peers that send too slowly, too much, or nothing that makes sense. Time is paused: what takes minutes takes none.

use std::time::Duration;

use connectors::mllp::{Framing, ListenerSettings, Replies};
use connectors::{BrokenFrame, Resources};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::intakes::{Manual, answering, client, message, run, run_sharing, settings};

/// Reads until the other side closes.
async fn closed(stream: &mut TcpStream) -> Duration {
    let started = Instant::now();
    let mut scrap = [0; 1024];
    while !matches!(stream.read(&mut scrap).await, Ok(0) | Err(_)) {}
    started.elapsed()
}

#[tokio::test(start_paused = true)]
async fn one_byte_every_ten_seconds_ends_the_connection_within_thirty() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let started = Instant::now();
    stream.write_all(b"\x0B").await.unwrap();
    while stream.write_all(b"M").await.is_ok() && started.elapsed() < Duration::from_secs(300) {
        tokio::select! {
            _ = closed(&mut stream) => break,
            () = sleep(Duration::from_secs(10)) => {}
        }
    }
    assert!(started.elapsed() <= Duration::from_secs(30), "{:?}", started.elapsed());
    assert_eq!(handed.recv().await.unwrap().fragment().1, BrokenFrame::TooSlow);
    assert_eq!(running.stats.counts().lost, 1);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_falls_silent_ends_after_thirty_seconds() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(&[b"\x0BMSH|", &[b'x'; 60_000][..]].concat()).await.unwrap();
    let waited = closed(&mut stream).await;
    assert!((29..=31).contains(&waited.as_secs()), "{waited:?}");
    let (bytes, why) = handed.recv().await.unwrap().fragment();
    assert_eq!((bytes.len(), why), (60_004, BrokenFrame::TooSlow), "what came is kept");
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_goes_on_for_too_long_ends_after_two_minutes() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let started = Instant::now();
    stream.write_all(b"\x0BMSH|").await.unwrap();
    while started.elapsed() < Duration::from_secs(200) {
        if stream.write_all(&[b'x'; 4096]).await.is_err() {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    assert!((119..=123).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_eq!(handed.recv().await.unwrap().fragment().1, BrokenFrame::TooSlow);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_may_stay_for_ever() {
    let (running, _received) = answering(settings(), Replies::default()).await;
    let mut client = client(running.address).await;
    sleep(Duration::from_secs(90_000)).await;
    client.send(&message("1")).await.unwrap();
    client.answer().await.unwrap();
    sleep(Duration::from_secs(90_000)).await;
    client.send(&message("2")).await.unwrap();
    client.answer().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn our_own_pause_is_not_held_against_a_frame() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"\x0BMSH|be").await.unwrap();
    sleep(Duration::from_secs(1)).await;
    running.flow.send(connectors::Flow::Pause).unwrap();
    sleep(Duration::from_secs(3600)).await;
    stream.write_all(b"gun\x1C\r").await.unwrap();
    running.flow.send(connectors::Flow::Read).unwrap();
    assert_eq!(handed.recv().await.unwrap().frame().0, "MSH|begun");
}

#[tokio::test(start_paused = true)]
async fn silence_after_a_lone_end_byte_ends_a_frame_where_that_is_tolerated() {
    let (intake, mut handed) = Manual::new();
    let framing = Framing { tolerate_missing_cr: true, ..Framing::default() };
    let running = run(ListenerSettings { framing, ..settings() }, intake).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let started = Instant::now();
    stream.write_all(b"\x0BMSH|a\x1C").await.unwrap();
    assert_eq!(handed.recv().await.unwrap().frame().0, "MSH|a");
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn sixteen_mebibytes_are_a_frame_and_one_byte_more_is_not() {
    let (intake, mut handed) = Manual::new();
    let running = run(settings(), intake).await;
    let body = |len: usize| [b"MSH|", &vec![b'x'; len - 4][..]].concat();
    let mut good = client(running.address).await;
    good.send(&body(16 << 20)).await.unwrap();
    assert_eq!(handed.recv().await.unwrap().frame().0.len(), 16 << 20);
    let mut bad = client(running.address).await;
    // The other side closes while we may still be writing.
    let _ = bad.send(&body((16 << 20) + 1)).await;
    let (bytes, why) = handed.recv().await.unwrap().fragment();
    assert_eq!((bytes.len(), why), (16 << 20, BrokenFrame::TooLong));
    assert!(
        timeout(Duration::from_secs(10), bad.answer()).await.unwrap().is_err(),
        "closed without an answer"
    );
}

#[tokio::test]
async fn a_frame_that_never_ends_is_cut_off_and_others_do_not_notice() {
    let (running, _received) = answering(settings(), Replies::default()).await;
    let address = running.address;
    let flood = tokio::spawn(async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut sent = 0_usize;
        stream.write_all(b"\x0BMSH|").await.unwrap();
        while stream.write_all(&[b'x'; 65_536]).await.is_ok() {
            sent += 65_536;
            assert!(sent < 64 << 20, "cut off long before");
        }
    });
    let mut client = client(address).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..100 {
        let started = Instant::now();
        client.send(&message("1")).await.unwrap();
        client.answer().await.unwrap();
        slowest = slowest.max(started.elapsed());
    }
    timeout(Duration::from_secs(30), flood).await.unwrap().unwrap();
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    assert_eq!(running.stats.counts().lost, 1);
}

#[tokio::test]
async fn junk_is_closed_at_its_limit_and_other_protocols_at_once() {
    let (running, _received) = answering(settings(), Replies::default()).await;
    for bytes in [&[b'x'; 70_000][..], b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\xA5\x01\x00"] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        timeout(Duration::from_secs(10), closed(&mut stream)).await.unwrap();
    }
    let counts = running.stats.counts();
    assert_eq!((counts.lost, counts.frames, counts.fragments), (3, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn unfinished_frames_wait_for_memory_and_small_ones_do_not() {
    let resources = Resources::new(512, 1 << 20);
    let (intake, mut handed) = Manual::new();
    let running = run_sharing(settings(), intake, &resources).await;
    let mut large = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(b"\x0BMSH|").await.unwrap();
        let body = vec![b'x'; 900_000];
        large.push(tokio::spawn(async move {
            let _ = stream.write_all(&body).await;
            closed(&mut stream).await
        }));
    }
    let mut small = client(running.address).await;
    for _ in 0..10 {
        small.send(&message("1")).await.unwrap();
        let (_, answer) = handed.recv().await.unwrap().frame();
        answer.send(connectors::Answer::Reply("ok".into())).unwrap();
        small.answer().await.unwrap();
    }
    let mut why = Vec::new();
    for _ in 0..4 {
        why.push(handed.recv().await.unwrap().fragment().1);
    }
    assert!(why.contains(&BrokenFrame::TooSlow) && why.contains(&BrokenFrame::NoMemory), "{why:?}");
    for stream in large {
        stream.await.unwrap();
    }
}

#[tokio::test]
async fn frames_that_want_more_memory_than_there_is_still_all_end() {
    let resources = Resources::new(512, 1 << 20);
    let (running, mut received) = {
        let (receiver, received) = connectors::mllp::Receiver::new(Replies::default());
        (run_sharing(settings(), std::sync::Arc::new(receiver), &resources).await, received)
    };
    tokio::spawn(async move { while received.recv().await.is_some() {} });
    let mut senders = tokio::task::JoinSet::new();
    for n in 0..8 {
        let mut client = client(running.address).await;
        senders.spawn(async move {
            let body =
                [&message(&n.to_string())[..], b"OBX|1|TX|", &vec![b'x'; 900_000][..]].concat();
            client.send(&body).await.unwrap();
            client.answer().await.unwrap();
        });
    }
    let all = async {
        while let Some(ended) = senders.join_next().await {
            ended.unwrap()
        }
    };
    timeout(Duration::from_secs(20), all).await.unwrap();
    assert_eq!(running.stats.counts().answers, 8);
}
