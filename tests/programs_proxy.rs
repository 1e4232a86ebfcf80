//! `proxy` between sides that finish, break, and hardly read.
#![cfg(target_os = "linux")]

mod programs;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use programs::{BACKENDS, PATIENCE, Program, dial, has, path_of, pattern, until};
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_send_buffer_size};
use rustix::process::Signal;

fn proxy(backend: &str, at: &str, target: &str) -> Program {
    let mut command = Command::new(path_of("proxy"));
    command.args([at, target]).env("STHENO_BACKEND", backend);
    Program::launch(command)
}

/// A proxy, and the listener that it dials.
fn before_a_target(backend: &str) -> (Program, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = listener.local_addr().unwrap().to_string();
    (proxy(backend, "127.0.0.1:0", &target), listener)
}

fn taken(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut caller = None;
    until("somebody calling", || {
        caller = listener.accept().ok();
        caller.is_some()
    });
    let (stream, _) = caller.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(PATIENCE).unwrap();
    stream.set_write_timeout(PATIENCE).unwrap();
    stream
}

#[test]
fn nc_gets_its_answer_although_it_has_finished_sending() {
    if !has("nc") {
        return;
    }
    for backend in BACKENDS {
        let (proxy, listener) = before_a_target(backend);
        let before = proxy.descriptors();
        let port = proxy.address.port().to_string();
        let mut nc = Command::new("nc");
        nc.args(["-N", "-w", "10", "127.0.0.1", &port]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut nc = nc.spawn().unwrap();
        nc.stdin.take().unwrap().write_all(b"a question").unwrap();
        let mut target = taken(&listener);
        let mut heard = String::new();
        target.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "a question", "{backend}: the end came with it");
        target.write_all(b"an answer").unwrap();
        drop(target);
        assert_eq!(String::from_utf8(nc.wait_with_output().unwrap().stdout).unwrap(), "an answer", "{backend}");
        until("both sides being gone", || proxy.descriptors() == before);
    }
}

#[test]
fn either_half_goes_on_without_the_other() {
    for backend in BACKENDS {
        let (proxy, listener) = before_a_target(backend);
        let before = proxy.descriptors();
        let (there, back) = (pattern(3_000_000), pattern(2_000_001));
        for first_ends_the_caller in [true, false] {
            let (mut caller, mut target) = (dial(proxy.address), taken(&listener));
            let (early, late, said_early, said_late) = match first_ends_the_caller {
                true => (&mut caller, &mut target, &there, &back),
                false => (&mut target, &mut caller, &back, &there),
            };
            let mut speaking = early.try_clone().unwrap();
            let says = said_early.clone();
            let speaking = thread::spawn(move || {
                speaking.write_all(&says).unwrap();
                speaking.shutdown(Shutdown::Write).unwrap();
            });
            let mut heard = Vec::new();
            late.read_to_end(&mut heard).unwrap();
            assert!(heard == *said_early, "{backend}: {} bytes", heard.len());
            speaking.join().unwrap();
            let mut answering = late.try_clone().unwrap();
            let says = said_late.clone();
            let answering = thread::spawn(move || {
                answering.write_all(&says).unwrap();
                answering.shutdown(Shutdown::Write).unwrap();
            });
            heard.clear();
            early.read_to_end(&mut heard).unwrap();
            assert!(heard == *said_late, "{backend}: {} bytes", heard.len());
            answering.join().unwrap();
        }
        until("all sides being gone", || proxy.descriptors() == before);
    }
}

/// The Unix family shows it best: what was sent is with the receiver, whatever becomes of the sender.
#[test]
fn what_a_side_sent_before_it_broke_is_not_lost_although_it_was_paused() {
    let folder = std::env::temp_dir().join(format!("stheno-proxy-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for backend in BACKENDS {
        let (door, home) = (folder.join(format!("door-{backend}")), folder.join(format!("home-{backend}")));
        let listener = UnixListener::bind(&home).unwrap();
        let mut command = Command::new(path_of("proxy"));
        command.arg(format!("unix:{}", door.display())).arg(format!("unix:{}", home.display()));
        command.env("STHENO_BACKEND", backend).stdout(Stdio::piped());
        let mut proxy = Killed(command.spawn().unwrap());
        proxy.0.stdout.as_mut().unwrap().read_exact(&mut [0; "listening".len()]).unwrap();
        let mut caller = UnixStream::connect(&door).unwrap();
        let (mut target, _) = listener.accept().unwrap();
        target.set_read_timeout(PATIENCE).unwrap();
        // As much as there is room for, on the way to somebody who does not read.
        caller.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let (mut sent, words) = (0, pattern(8 << 20));
        while let Ok(n) = caller.write(&words[sent..]) {
            sent += n;
        }
        assert!(sent > 200_000, "only {sent} bytes fit in");
        drop(caller);
        // The proxy finds that the caller has gone by sending to it, before it has read the caller's words.
        target.write_all(b"are you there?").unwrap();
        let mut heard = Vec::new();
        target.read_to_end(&mut heard).unwrap();
        assert!(heard == words[..sent], "{backend}: {} bytes of {sent}", heard.len());
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_target_that_hangs_up_lets_the_caller_have_the_last_words_however_much_that_still_sends() {
    for backend in BACKENDS {
        let (proxy, listener) = before_a_target(backend);
        let before = proxy.descriptors();
        let (mut caller, mut target) = (dial(proxy.address), taken(&listener));
        let mut sending = caller.try_clone().unwrap();
        let sending = thread::spawn(move || while sending.write_all(&[b'x'; 4096]).is_ok() {});
        let words = pattern(300_000);
        target.write_all(&words).unwrap();
        // With what came unread, so that its own system resets the connection; the words have arrived by then.
        let mut heard = vec![0; words.len()];
        caller.read_exact(&mut heard).unwrap();
        assert!(heard == words, "{backend}: a byte is wrong");
        drop(target);
        assert_eq!(caller.read(&mut [0]).unwrap(), 0, "{backend}: an end, and no reset");
        caller.shutdown(Shutdown::Both).unwrap();
        drop(caller);
        sending.join().unwrap();
        until("both sides being gone", || proxy.descriptors() == before);
        assert!(proxy.end(Signal::TERM).0.success());
    }
}

/// A process that ends with its guard.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The byte at this place of a stream without an end.
fn byte(at: usize) -> u8 {
    (at.wrapping_mul(2_654_435_761) >> 11) as u8
}

/// For `PRESSURE_SECONDS` (three without it): memory is flat, the sender stalled, and not a byte lost.
#[test]
fn a_fast_sender_waits_for_a_reader_of_one_kilobyte_a_second() {
    let seconds = std::env::var("PRESSURE_SECONDS").map_or(3, |text| text.parse().expect("a number of seconds"));
    let patience = Duration::from_secs(seconds);
    let running = BACKENDS.map(|backend| thread::spawn(move || between_fast_and_slow(backend, patience)));
    running.into_iter().for_each(|thread| println!("{}", thread.join().unwrap()));
}

fn between_fast_and_slow(backend: &str, patience: Duration) -> String {
    let (proxy, listener) = before_a_target(backend);
    let (mut slow, mut fast) = (dial(proxy.address), taken(&listener));
    // The systems' own buffers are kept small, so that they are soon full.
    set_socket_recv_buffer_size(&slow, 1 << 16).unwrap();
    set_socket_send_buffer_size(&fast, 1 << 16).unwrap();
    fast.set_write_timeout(Some(Duration::from_millis(50))).unwrap();
    let (sent, enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, told) = (sent.clone(), enough.clone());
    let sending = thread::spawn(move || {
        let mut at = 0;
        while !told.load(Ordering::Relaxed) {
            let piece: Vec<u8> = (at..at + 8192).map(byte).collect();
            match fast.write(&piece) {
                Ok(n) => at += n,
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(why) => panic!("{why}"),
            }
            counted.store(at, Ordering::Relaxed);
        }
        at
    });
    let mut last = usize::MAX;
    until("the sender being stalled", || {
        thread::sleep(Duration::from_millis(200));
        let now = sent.load(Ordering::Relaxed);
        std::mem::replace(&mut last, now) == now && now > 0
    });

    let (mut heard, mut buffer) = (0, [0; 1 << 16]);
    let (stalled_at, began) = (last, Instant::now());
    let (mut least, mut most) = (usize::MAX, 0);
    while began.elapsed() < patience {
        slow.read_exact(&mut buffer[..102]).unwrap();
        assert!(buffer[..102].iter().zip(heard..).all(|(is, at)| *is == byte(at)), "{backend}: wrong behind {heard}");
        heard += 102;
        (least, most) = (least.min(proxy.resident()), most.max(proxy.resident()));
        thread::sleep(Duration::from_millis(100));
    }
    let more = sent.load(Ordering::Relaxed) - stalled_at;
    // Windows open in steps, of which no one is larger than the buffer behind it.
    assert!(more <= heard + (1 << 18), "{backend}: {more} more bytes were sent while {heard} were read");
    assert!(most - least < 1 << 16, "{backend}: memory went from {least} to {most}");

    enough.store(true, Ordering::Relaxed);
    let total = sending.join().unwrap();
    let slowly = heard;
    loop {
        let n = slow.read(&mut buffer).unwrap();
        assert!(buffer[..n].iter().zip(heard..).all(|(is, at)| *is == byte(at)), "{backend}: wrong behind {heard}");
        heard += n;
        if n == 0 {
            break;
        }
    }
    assert_eq!(heard, total, "{backend}: bytes are lost");
    format!(
        "{backend}: in {} s {slowly} bytes were read, and {more} sent beyond {stalled_at}; the proxy held {} KiB, \
         within {} KiB; all {total} bytes arrived",
        patience.as_secs(),
        most >> 10,
        (most - least) >> 10
    )
}
