//! `line_server`, with `nc` for a client, and with plain sockets where it must not read or must not end.
#![cfg(target_os = "linux")]

mod programs;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use programs::{BACKENDS, Program, dial, has, path_of, pattern, run, until};
use rustix::process::Signal;

fn server(backend: &str, args: &[&str]) -> Program {
    let mut command = Command::new(path_of("line_server"));
    command.args(["--port", "0"]).args(args).env("STHENO_BACKEND", backend);
    Program::launch(command)
}

/// What `nc` hears if it says this and then nothing more.
fn nc(server: &Program, says: &[u8]) -> String {
    let port = server.address.port().to_string();
    let mut nc = Command::new("nc");
    nc.args(["-N", "-w", "10", "127.0.0.1", &port]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut nc = nc.spawn().unwrap();
    let (mut stdin, says) = (nc.stdin.take().unwrap(), says.to_vec());
    let saying = thread::spawn(move || drop(stdin.write_all(&says)));
    let out = nc.wait_with_output().unwrap();
    saying.join().unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap()
}

const HELLO: &str = "OK say HELP\n";

#[test]
fn nc_converses_on_every_backend() {
    if !has("nc") {
        return;
    }
    for backend in BACKENDS {
        let server = server(backend, &[]);
        let before = server.descriptors();
        // Lines end in either fashion, commands are written in any case, and the last line may lack its end.
        let said = nc(
            &server,
            b"ECHO one\r\necho two  words\nCOUNT 3\r\nDATA 7\nab\ncdefECHO x\nnonsense\n\nCOUNT x\nEcho end",
        );
        let sum = "ab\ncdef".bytes().map(u64::from).sum::<u64>();
        assert_eq!(
            said,
            format!(
                "{HELLO}OK one\nOK two  words\n1\n2\n3\nOK 7 bytes, sum {sum}\nOK x\n\
                 ERR there is no such command; say HELP\nERR there is no such command; say HELP\n\
                 ERR it takes a number\nOK end\n"
            ),
            "{backend}"
        );
        let said = nc(&server, b"QUIT\nECHO too late\n");
        assert_eq!(said, format!("{HELLO}BYE\n"));
        let said = nc(&server, b"HELP\nTIME\n");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let time: u64 = said.lines().last().unwrap().strip_prefix("OK ").unwrap().parse().unwrap();
        assert!(said.contains("COUNT N") && time.abs_diff(now) < 10, "{said}");
        until("everyone being gone", || server.descriptors() == before);
        assert!(server.end(Signal::INT).0.success());
    }
}

#[test]
fn much_data_is_taken_and_much_is_counted_in_little_memory() {
    if !has("nc") {
        return;
    }
    for backend in BACKENDS {
        let server = server(backend, &[]);
        nc(&server, b"HELP\n");
        let before = server.resident();
        let data = pattern(3 << 20);
        let sum = data.iter().map(|byte| u64::from(*byte)).sum::<u64>();
        let said =
            nc(&server, &[format!("DATA {}\n", data.len()).as_bytes(), &data, b"COUNT 300000\nECHO x\n"].concat());
        let mut lines = said.lines().skip(1);
        assert_eq!(lines.next().unwrap(), format!("OK {} bytes, sum {sum}", data.len()));
        (1..=300_000).for_each(|n| assert_eq!(lines.next(), Some(n.to_string().as_str())));
        assert_eq!((lines.next(), lines.next()), (Some("OK x"), None));
        assert!(server.resident() < before + (1 << 18), "{backend}: it grew by {}", server.resident() - before);
        assert_eq!(nc(&server, b"DATA 10\nfew"), format!("{HELLO}ERR the data is cut off\n"));
    }
}

#[test]
fn a_line_that_is_too_long_is_answered_and_the_next_one_obeyed() {
    if !has("nc") {
        return;
    }
    for backend in BACKENDS {
        let server = server(backend, &[]);
        for (length, fits) in [(511, true), (512, false), (5000, false), (1 << 20, false)] {
            let mut line = b"ECHO ".to_vec();
            line.resize(length, b'x');
            let answer = match fits {
                true => format!("OK {}\n", "x".repeat(length - 5)),
                false => "ERR a line is longer than 512 bytes\n".into(),
            };
            let said = nc(&server, &[&line, &b"\nECHO next\n"[..]].concat());
            assert_eq!(said, format!("{HELLO}{answer}OK next\n"), "{backend}: {length}");
        }
    }
}

/// Answers far longer than the outbox, to somebody who asks on and on and reads only then.
#[test]
fn a_visitor_that_asks_without_reading_is_not_read_either_and_loses_nothing() {
    for backend in BACKENDS {
        let server = server(backend, &[]);
        let mut stream = dial(server.address);
        let before = server.resident();
        let mut asking = stream.try_clone().unwrap();
        let line = format!("ECHO {}\n", "x".repeat(500));
        let lines = 40_000;
        let questions = line.repeat(lines);
        let asking = thread::spawn(move || {
            asking.write_all(questions.as_bytes()).unwrap();
            asking.shutdown(Shutdown::Write).unwrap();
        });
        let traffic = || std::fs::read_to_string(format!("/proc/{}/io", server.id())).unwrap();
        let mut last = traffic();
        until("the server being stalled", || {
            thread::sleep(Duration::from_millis(100));
            let now = traffic();
            std::mem::replace(&mut last, now.clone()) == now
        });
        assert!(!asking.is_finished(), "it took all of it");
        assert!(server.resident() < before + (1 << 18), "it grew by {}", server.resident() - before);
        assert_eq!(greeting(&mut dial(server.address)), HELLO, "others are served");
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        let answer = format!("OK {}\n", "x".repeat(500));
        assert!(answers == HELLO.to_string() + &answer.repeat(lines), "{backend}: {} bytes", answers.len());
        asking.join().unwrap();
    }
}

fn greeting(stream: &mut TcpStream) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[test]
fn who_says_no_whole_line_in_time_is_shown_out_however_often_it_says_a_byte() {
    for backend in BACKENDS {
        let server = server(backend, &["--timeout", "1"]);
        let before = server.descriptors();
        let (mut silent, mut dripping) = (dial(server.address), dial(server.address));
        let mut dripper = dripping.try_clone().unwrap();
        let drip = thread::spawn(move || {
            while dripper.write_all(b"E").is_ok() {
                thread::sleep(Duration::from_millis(50));
            }
        });
        for visitor in [&mut silent, &mut dripping] {
            let mut heard = String::new();
            visitor.read_to_string(&mut heard).unwrap();
            assert_eq!(heard, format!("{HELLO}ERR silent for too long\n"), "{backend}");
        }
        // The server has not closed yet, and waits for their ends, but not for long.
        drop(silent);
        until("both being gone", || server.descriptors() == before);
        drip.join().unwrap();
    }
}

#[test]
fn an_interrupted_server_says_goodbye() {
    for backend in BACKENDS {
        let server = server(backend, &[]);
        let mut visitor = dial(server.address);
        assert_eq!(greeting(&mut visitor), HELLO);
        let hearing = thread::spawn(move || {
            let mut heard = String::new();
            visitor.read_to_string(&mut heard).unwrap();
            heard
        });
        assert!(server.end(Signal::INT).0.success());
        assert_eq!(hearing.join().unwrap(), "BYE the server ends\n", "{backend}");
    }
}

#[test]
fn what_is_asked_wrongly_is_answered_clearly() {
    for (args, answer) in
        [(&["--port", "x"][..], "cannot parse argument \"x\""), (&["--loud"], "invalid option '--loud'")]
    {
        let out = run(Command::new(path_of("line_server")).args(args));
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(said.starts_with("line_server: ") && said.contains(answer), "{args:?} said {said:?}");
        assert_eq!(out.status.code(), Some(1), "{args:?}");
    }
    let out = run(Command::new(path_of("line_server")).arg("--help"));
    assert!(out.status.success() && String::from_utf8(out.stdout).unwrap().contains("Usage: line_server"));
}
