//! What an idle timeout costs that moves at each message, with 100,000 other deadlines armed.
//!
//! The same echo server runs twice, once with the timeout and once without, under callgrind for its instructions and under
//! strace for its system calls. Each figure is what a message costs: the difference between two runs of which one has twice
//! as many, so that start and end cancel out. Fails where the timeout costs a system call, or more than a tenth.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use stheno::{Channel, Dispatcher, EventLoop, Guest, Os, Outbox, Reason, Received, Result};

const ARMED: usize = 100_000;
const MESSAGES: u64 = 2_000;
const IDLE: Duration = Duration::from_secs(60);

enum Echo {
    Door { timeouts: bool },
    Client { waiting: Box<Outbox<[u8; 256]>>, timeouts: bool },
    Armed,
}

impl Dispatcher<Os> for Echo {
    fn writable(&self) -> bool {
        matches!(self, Self::Client { waiting, .. } if !waiting.is_empty())
    }

    fn handle_accepted(&mut self, guest: &mut Guest<Os>, door: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Door { timeouts } = *self else { return Ok(()) };
        door.adopt(guest, Self::Client { waiting: Box::default(), timeouts }).map(drop)
    }

    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let Self::Client { waiting, timeouts } = self else { return Ok(()) };
        if let Received::Data(_) = waiting.fill_from(channel)? {
            waiting.flush(channel)?;
            if *timeouts {
                channel.set_timeout(IDLE);
            }
        }
        Ok(())
    }

    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.stop();
        Ok(())
    }
}

fn serve(timeouts: bool) -> Result<()> {
    let mut events = EventLoop::<Echo>::new()?;
    let door = events.listen("127.0.0.1:0", Echo::Door { timeouts })?;
    for number in 0..ARMED {
        events.add_timer(Duration::from_secs(3_600 + number as u64 % 977), Echo::Armed)?;
    }
    println!("{}", events.channel(door)?.1.local_address()?);
    events.run()
}

/// Runs the server under a tool, sends so many messages, and gives what the tool wrote on standard error.
fn under(tool: &[&str], timeouts: bool, messages: u64) -> String {
    let this = std::env::current_exe().expect("a program knows its own path");
    let mut server = Command::new(tool[0])
        .args(&tool[1..])
        .arg(this)
        .args(["serve", if timeouts { "yes" } else { "no" }])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("{} cannot be run: {why}", tool[0]));
    // Read as it comes: a tool that has nobody to read it waits.
    let mut stderr = server.stderr.take().expect("it was piped");
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        stderr.read_to_string(&mut said).map(|_| said)
    });
    let mut address = String::new();
    BufReader::new(server.stdout.take().expect("it was piped")).read_line(&mut address).expect("the server says where");
    let mut stream = TcpStream::connect(address.trim()).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time is no zero");
    for number in 0..messages {
        let sent = [number as u8; 64];
        stream.write_all(&sent).expect("the server reads");
        let mut came = [0; 64];
        stream.read_exact(&mut came).expect("the server answers");
        assert_eq!(came, sent, "message {number}");
    }
    drop(stream);
    let status = server.wait().expect("the server ends");
    let said = said.join().expect("a reader does not panic").expect("tools write text");
    assert!(status.success(), "{status}: {said}");
    said
}

fn instructions(timeouts: bool, messages: u64) -> u64 {
    let said = under(&["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"], timeouts, messages);
    let line = said.lines().find(|line| line.contains("Collected :")).unwrap_or_else(|| panic!("no count in {said}"));
    line.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or_else(|| panic!("no count in {line}"))
}

fn system_calls(timeouts: bool, messages: u64) -> u64 {
    under(&["strace", "-qq"], timeouts, messages).lines().count() as u64
}

fn main() -> ExitCode {
    match &std::env::args().skip(1).collect::<Vec<_>>()[..] {
        [serves, timeouts] if serves == "serve" => {
            return u8::from(serve(timeouts == "yes").inspect_err(|why| eprintln!("{why}")).is_err()).into();
        }
        // What `cargo bench` passes.
        [] => {}
        [flag] if flag == "--bench" => {}
        other => {
            eprintln!(
                "unknown arguments: {other:?}\n\nUsage: cargo bench --bench idle_timeout (needs valgrind and strace)"
            );
            return ExitCode::FAILURE;
        }
    }
    let per_message = |count: fn(bool, u64) -> u64, timeouts| {
        (count(timeouts, 2 * MESSAGES) as f64 - count(timeouts, MESSAGES) as f64) / MESSAGES as f64
    };
    let [plain, moving] = [false, true].map(|timeouts| per_message(instructions, timeouts));
    let [plain_calls, moving_calls] = [false, true].map(|timeouts| per_message(system_calls, timeouts));
    println!("{ARMED} deadlines armed; an echo of 64 bytes, per message:");
    println!("                          instructions   system calls");
    println!("without an idle timeout   {plain:12.1}   {plain_calls:12.3}");
    println!("with one that moves       {moving:12.1}   {moving_calls:12.3}");
    println!("ratio                     {:12.3}", moving / plain);
    let good = moving <= 1.1 * plain && moving_calls < plain_calls + 0.01;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
