//! Limits of the accept loop, and the machine's own.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use config::Name;
use net::{Acceptor, Attendance, BindError, Entrance, Gate, Nobody};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

fn bind(gate: &Gate, connections_max: usize) -> Acceptor {
    try_bind("127.0.0.1:0".parse().unwrap(), gate, connections_max).unwrap()
}

fn try_bind(
    address: SocketAddr,
    gate: &Gate,
    connections_max: usize,
) -> Result<Acceptor, BindError> {
    let mut entrance = Entrance::inside(address);
    entrance.connections_max = connections_max;
    Acceptor::bind(
        entrance,
        &Name::new("adt").unwrap(),
        gate,
        (Arc::new(Nobody), Attendance::default()),
    )
}

#[tokio::test]
async fn only_this_machine_can_be_listened_on() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let bound = try_bind(address.parse().unwrap(), &Gate::default(), 1);
        assert!(matches!(bound, Err(BindError::NotLoopback(_))), "{address}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let first = bind(&Gate::default(), 1);
    let error = try_bind(first.address(), &Gate::default(), 1).err().unwrap();
    assert!(error.to_string().contains(&first.address().to_string()), "{error}");
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_unread_and_counted() {
    let mut acceptor = bind(&Gate::default(), 2);
    let (address, stats) = (acceptor.address(), acceptor.stats());
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(TcpStream::connect(address).await.unwrap());
    }
    let held = [acceptor.accept().await, acceptor.accept().await];
    assert!(
        timeout(Duration::from_millis(50), acceptor.accept()).await.is_err(),
        "the third is refused"
    );
    assert_eq!((stats.accepted(), stats.refused(), acceptor.open()), (2, 1, 2));
    assert_eq!(clients[2].read(&mut [0; 1]).await.unwrap_or(0), 0, "refused means closed");
    drop(held);
    clients.push(TcpStream::connect(address).await.unwrap());
    timeout(Duration::from_secs(5), acceptor.accept()).await.expect("room again");
}

#[tokio::test]
async fn who_stops_accepting_keeps_connections_waiting_not_lost() {
    let mut acceptor = bind(&Gate::default(), 8);
    let _client = TcpStream::connect(acceptor.address()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(acceptor.stats().accepted(), 0);
    timeout(Duration::from_secs(5), acceptor.accept()).await.expect("the connection has waited");
}

const CHILD: &str = "NET_TEST_FEW_FILES";

/// Runs itself again in a process that may open few files, because the limit holds for a whole process.
#[test]
fn accepting_survives_running_out_of_files() {
    if std::env::var_os(CHILD).is_some() {
        return tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(run_out_of_files());
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 40 && exec \"$0\" --exact accept::accepting_survives_running_out_of_files --nocapture"])
        .arg(program)
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

async fn run_out_of_files() {
    let mut acceptor = bind(&Gate::default(), 256);
    let address = acceptor.address();
    let mut files: Vec<std::fs::File> = Vec::new();
    let client = TcpStream::connect(address).await.unwrap();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    assert!(
        timeout(Duration::from_millis(300), acceptor.accept()).await.is_err(),
        "no descriptor is left"
    );
    let failed = acceptor.stats().failed();
    assert!((1..=6).contains(&failed), "it waits between tries instead of spinning: {failed}");
    files.clear();
    timeout(Duration::from_secs(5), acceptor.accept()).await.expect("a descriptor is free again");
    drop(client);
}
