//! A system that Hilum delivers to: it records what arrives, in order, and answers as its script says.

use crate::{message, ports, wait, wire};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

/// What a receiver does with a message.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// Answers with this code and the message's control id.
    Say(&'static str),
    /// Writes these bytes, framed or not, and stays.
    Write(Vec<u8>),
    /// Says nothing and stays.
    Silent,
    /// Says AA once the gate is open.
    WhenOpen,
    /// Says AA only after the peer has gone.
    Late,
    /// Closes without an answer.
    Close,
    /// Writes half an acknowledgement and closes.
    CloseInside,
}

/// A message that came in.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The connection it came on, counted from 0.
    pub connection: u64,
    /// The life of the engine it came from, see [`Receiver::set_life`].
    pub life: u64,
    /// The message.
    pub bytes: Vec<u8>,
    /// Its control id.
    pub control_id: String,
}

type Script = Box<dyn Fn(&Arrival, usize) -> Behaviour + Send + Sync>;

#[derive(Default)]
struct State {
    arrivals: Vec<Arrival>,
    open: HashMap<u64, TcpStream>,
    opened: u64,
    life: u64,
    gate: bool,
    down: bool,
}

struct Shared {
    address: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
    script: Mutex<Arc<Script>>,
}

/// A receiver; it goes down when it is dropped.
pub struct Receiver {
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl Receiver {
    /// One that accepts everything.
    pub fn accepting() -> Receiver {
        Receiver::with(|_, _| Behaviour::Say("AA"))
    }

    /// One with a script, asked with the arrival and how many came before it.
    pub fn with(script: impl Fn(&Arrival, usize) -> Behaviour + Send + Sync + 'static) -> Receiver {
        let mut receiver = Receiver::down();
        receiver.follow(script);
        receiver.up();
        receiver
    }

    /// One that has an address but does not listen yet.
    pub fn down() -> Receiver {
        let shared = Shared {
            address: ports::free(),
            state: Mutex::new(State { down: true, ..State::default() }),
            changed: Condvar::new(),
            script: Mutex::new(Arc::new(Box::new(|_, _| Behaviour::Say("AA")))),
        };
        Receiver { shared: Arc::new(shared), accepting: None }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Changes what it does from the next message on.
    pub fn follow(&self, script: impl Fn(&Arrival, usize) -> Behaviour + Send + Sync + 'static) {
        *self.shared.script.lock().unwrap() = Arc::new(Box::new(script));
    }

    /// Begins to listen.
    pub fn up(&mut self) {
        assert!(self.accepting.is_none(), "it listens already");
        let listener = wait::until("the receiver's port is free", || {
            TcpListener::bind(self.shared.address).ok()
        });
        self.shared.state().down = false;
        let shared = Arc::clone(&self.shared);
        self.accepting = Some(std::thread::spawn(move || accept(&listener, &shared)));
    }

    /// Stops listening and cuts every connection.
    pub fn go_down(&mut self) {
        let Some(thread) = self.accepting.take() else { return };
        let mut state = self.shared.state();
        state.down = true;
        state.gate = true;
        for stream in state.open.values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        self.shared.changed.notify_all();
        let _ = TcpStream::connect(self.shared.address); // wakes `accept`
        thread.join().unwrap();
    }

    /// Lets waiting answers go.
    pub fn open_gate(&self) {
        self.shared.state().gate = true;
        self.shared.changed.notify_all();
    }

    /// Marks what arrives on connections made from now on.
    pub fn set_life(&self, life: u64) {
        self.shared.state().life = life;
    }

    /// What has arrived so far.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.shared.state().arrivals.clone()
    }

    /// Control ids of what has arrived so far, in order.
    pub fn control_ids(&self) -> Vec<String> {
        self.shared.state().arrivals.iter().map(|a| a.control_id.clone()).collect()
    }

    /// How many messages have arrived.
    pub fn count(&self) -> usize {
        self.shared.state().arrivals.len()
    }

    /// How many connections there have been.
    pub fn connections(&self) -> u64 {
        self.shared.state().opened
    }

    /// Waits for the `n`th message and gives all that have come.
    pub fn wait_count(&self, n: usize) -> Vec<Arrival> {
        let state = self
            .wait_for(&format!("message {n} at the receiver"), |state| state.arrivals.len() >= n);
        state.arrivals.clone()
    }

    /// Waits until nobody is connected, so that nothing more of an ended engine can come.
    pub fn wait_quiet(&self) {
        drop(
            self.wait_for("every connection to the receiver has ended", |state| {
                state.open.is_empty()
            }),
        );
    }

    fn wait_for(&self, what: &str, mut there: impl FnMut(&State) -> bool) -> MutexGuard<'_, State> {
        let (state, timeout) = self
            .shared
            .changed
            .wait_timeout_while(self.shared.state(), wait::PATIENCE, |state| !there(state))
            .unwrap();
        assert!(
            !timeout.timed_out(),
            "waited in vain: {what}; {} messages arrived",
            state.arrivals.len()
        );
        state
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.go_down();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        let mut state = shared.state();
        if state.down {
            return;
        }
        let number = state.opened;
        let life = state.life;
        state.opened += 1;
        state.open.insert(number, stream.try_clone().unwrap());
        drop(state);
        shared.changed.notify_all();
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let _ = serve(stream, number, life, &shared);
            shared.state().open.remove(&number);
            shared.changed.notify_all();
        });
    }
}

/// Reads one connection to its end.
fn serve(
    mut stream: TcpStream,
    connection: u64,
    life: u64,
    shared: &Shared,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut pending = Vec::new();
    let mut chunk = vec![0_u8; 65_536];
    loop {
        while let Some(bytes) = wire::take_frame(&mut pending) {
            let control_id = message::control_id(&bytes);
            let arrival = Arrival { connection, life, bytes, control_id };
            let script = Arc::clone(&shared.script.lock().unwrap());
            let mut state = shared.state();
            let behaviour = script(&arrival, state.arrivals.len());
            state.arrivals.push(arrival.clone());
            drop(state);
            shared.changed.notify_all();
            if !answer(&mut stream, &behaviour, &arrival.control_id, shared)? {
                return stream.shutdown(Shutdown::Both);
            }
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            n => pending.extend_from_slice(&chunk[..n]),
        }
    }
}

/// Does what the script says; false ends the connection.
fn answer(
    stream: &mut TcpStream,
    behaviour: &Behaviour,
    id: &str,
    shared: &Shared,
) -> std::io::Result<bool> {
    let accepted = wire::frame(&message::ack("AA", id));
    match behaviour {
        Behaviour::Say(code) => stream.write_all(&wire::frame(&message::ack(code, id)))?,
        Behaviour::Write(bytes) => stream.write_all(bytes)?,
        Behaviour::Silent => {}
        Behaviour::WhenOpen => {
            drop(shared.changed.wait_while(shared.state(), |state| !state.gate).unwrap());
            stream.write_all(&accepted)?;
        }
        Behaviour::Late => {
            let mut rest = [0_u8; 1024];
            while stream.read(&mut rest)? > 0 {}
            stream.write_all(&accepted)?;
            return Ok(false);
        }
        Behaviour::Close => return Ok(false),
        Behaviour::CloseInside => {
            stream.write_all(&accepted[..accepted.len() / 2])?;
            return Ok(false);
        }
    }
    Ok(true)
}
