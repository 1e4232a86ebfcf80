//! `resolver`, against name servers that forget, forge, dawdle and refuse.
#![cfg(target_os = "linux")]

mod programs;

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Output};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use programs::{BACKENDS, PATIENCE, path_of, pattern, run, until};
use simple_dns::rdata::{A, AAAA, CNAME, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

/// A question as the server got it.
struct Asked {
    message: Vec<u8>,
    from: SocketAddr,
    name: String,
    kind: QTYPE,
    /// The how manieth time it is asked, from 1 on.
    time: usize,
}

impl Asked {
    /// An answer with these records, changed as the test likes.
    fn answer(&self, records: &[RData<'_>], change: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
        let mut packet = Packet::parse(&self.message).unwrap().into_reply();
        let name = packet.questions[0].qname.clone();
        packet
            .answers
            .extend(records.iter().map(|rdata| ResourceRecord::new(name.clone(), CLASS::IN, 60, rdata.clone())));
        change(&mut packet);
        packet.build_bytes_vec_compressed().unwrap()
    }

    /// What one would expect: an address of the kind that was asked for.
    fn plainly(&self) -> Vec<u8> {
        match self.kind {
            QTYPE::TYPE(TYPE::A) => self.answer(&[v4(1)], |_| {}),
            _ => self.answer(&[v6(1)], |_| {}),
        }
    }
}

fn v4(last: u32) -> RData<'static> {
    RData::A(A { address: 0xc000_0200 + last })
}

fn v6(last: u128) -> RData<'static> {
    RData::AAAA(AAAA { address: (0x2001_0db8 << 96) + last })
}

/// A server that sends what `answers` says for each question; it serves as long as the test runs.
fn server(mut answers: impl FnMut(&Asked, &UdpSocket) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let (mut times, mut buffer) = (HashMap::new(), [0; 512]);
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let packet = Packet::parse(&buffer[..len]).expect("the resolver asks in good form");
            assert!(packet.has_flags(PacketFlag::RECURSION_DESIRED) && !packet.has_flags(PacketFlag::RESPONSE));
            let (name, kind) = (packet.questions[0].qname.to_string(), packet.questions[0].qtype);
            let time = times.entry((name.clone(), format!("{kind:?}"))).or_insert(0);
            *time += 1;
            let asked = Asked { message: buffer[..len].to_vec(), from, name, kind, time: *time };
            for answer in answers(&asked, &socket) {
                // Who has heard enough may be gone.
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

fn resolve(server: SocketAddr, backend: &str, args: &[&str]) -> Output {
    let mut command = Command::new(path_of("resolver"));
    run(command.args(["--server", &server.to_string()]).args(args).env("STHENO_BACKEND", backend))
}

fn sorted(lines: &[u8]) -> Vec<String> {
    let mut lines: Vec<_> = String::from_utf8(lines.to_vec()).unwrap().lines().map(String::from).collect();
    lines.sort();
    lines
}

#[test]
fn names_have_addresses_of_both_families_on_every_backend() {
    let at = server(|asked, _| match (asked.name.as_str(), asked.kind) {
        ("both.example", QTYPE::TYPE(TYPE::A)) => {
            vec![asked.answer(&[RData::CNAME(CNAME(Name::new("alias.example").unwrap())), v4(1), v4(2)], |_| {})]
        }
        ("old.example", QTYPE::TYPE(TYPE::AAAA)) => vec![asked.answer(&[], |_| {})],
        _ => vec![asked.plainly()],
    });
    for backend in BACKENDS {
        let out = resolve(at, backend, &["both.example", "old.example"]);
        assert_eq!(
            sorted(&out.stdout),
            [
                "both.example A 192.0.2.1",
                "both.example A 192.0.2.2",
                "both.example AAAA 2001:db8::1",
                "old.example A 192.0.2.1"
            ]
        );
        assert_eq!((out.status.success(), sorted(&out.stderr)), (true, vec![]), "{backend}");
    }
}

#[test]
fn a_question_that_gets_lost_is_asked_again_and_the_waits_grow() {
    let (noted, times) = mpsc::channel();
    let at = server(move |asked, _| {
        noted.send((Instant::now(), asked.message.clone())).unwrap();
        if asked.time % 3 == 0 { vec![asked.plainly()] } else { vec![] }
    });
    for backend in BACKENDS {
        let began = Instant::now();
        let out = resolve(at, backend, &["-4", "--timeout", "100", "lost.example"]);
        assert_eq!(sorted(&out.stdout), ["lost.example A 192.0.2.1"], "{backend}");
        let [first, second, third] = [(); 3].map(|()| times.try_recv().unwrap());
        assert_eq!((first.1 == second.1, second.1 == third.1), (true, true), "it is the same question");
        let (second, third) = (second.0 - began, third.0 - began);
        assert!(second >= Duration::from_millis(100) && third >= Duration::from_millis(300), "{second:?} {third:?}");
    }
}

#[test]
fn silence_is_told_after_the_last_try() {
    let at = server(|_, _| vec![]);
    for backend in BACKENDS {
        let began = Instant::now();
        let out = resolve(at, backend, &["-6", "--timeout", "30", "--tries", "3", "silent.example"]);
        assert!(began.elapsed() >= Duration::from_millis(30 + 60 + 120), "it gave up early");
        assert_eq!(sorted(&out.stderr), ["resolver: silent.example AAAA: no answer, asked 3 times"]);
        assert_eq!((out.status.code(), out.stdout), (Some(1), vec![]), "{backend}");
    }
}

#[test]
fn what_answers_something_else_is_not_believed() {
    let at = server(|asked, socket| {
        let wrong_id = asked.answer(&[v4(66)], |packet| packet.set_id(packet.id().wrapping_add(1)));
        let wrong_name =
            asked.answer(&[v4(66)], |packet| packet.questions[0].qname = Name::new("evil.example").unwrap());
        let wrong_kind = asked.answer(&[v4(66)], |packet| packet.questions[0].qtype = TYPE::MX.into());
        let no_answer = asked.message.clone();
        let cut_short = asked.plainly()[..20].to_vec();
        // The beginnings of a true answer, each of them with something else behind it.
        let plain = asked.answer(&[v4(66)], |_| {});
        let garbage = |at: usize| [&plain[..at], &pattern(80)[at..]].concat();
        (12..20).for_each(|at| drop(socket.send_to(&garbage(at), asked.from)));
        let mut all = vec![wrong_id, wrong_name, wrong_kind, no_answer, cut_short, vec![], vec![0; 3]];
        if asked.name == "true.example" {
            // A name may be written in any case.
            all.push(asked.answer(&[v4(1)], |packet| packet.questions[0].qname = Name::new("TRUE.example").unwrap()));
        }
        all
    });
    for backend in BACKENDS {
        let args = ["-4", "--timeout", "100", "--tries", "1", "true.example", "forged.example"];
        let out = resolve(at, backend, &args);
        assert_eq!(sorted(&out.stdout), ["true.example A 192.0.2.1"], "{backend}");
        let told = "no answer, asked 1 times, but 15 messages that answer something else";
        assert_eq!(sorted(&out.stderr), [format!("resolver: forged.example A: {told}")], "{backend}");
        assert_eq!(out.status.code(), Some(1));
    }
}

#[test]
fn an_answer_from_somebody_else_does_not_get_in() {
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = server(move |asked, _| {
        let _ = stranger.send_to(&asked.answer(&[v4(66)], |_| {}), asked.from);
        vec![asked.plainly()]
    });
    let out = resolve(at, "", &["-4", "x.example"]);
    assert_eq!(sorted(&out.stdout), ["x.example A 192.0.2.1"]);
}

#[test]
fn what_the_server_has_to_say_is_told() {
    let at = server(|asked, _| {
        let mut long = asked.plainly();
        long.resize(5000, 0);
        vec![match asked.name.as_str() {
            "no.example" => asked.answer(&[], |packet| *packet.rcode_mut() = RCODE::NameError),
            "refused.example" => asked.answer(&[], |packet| *packet.rcode_mut() = RCODE::Refused),
            "big.example" => asked.answer(&[v4(1)], |packet| packet.set_flags(PacketFlag::TRUNCATION)),
            _ => long,
        }]
    });
    for backend in BACKENDS {
        let out = resolve(at, backend, &["-4", "no.example", "refused.example", "big.example", "huge.example"]);
        let cut = "the answer was truncated, and would have to be asked for over TCP";
        assert_eq!(
            sorted(&out.stderr),
            [
                format!("resolver: big.example A: {cut}"),
                format!("resolver: huge.example A: {cut}"),
                "resolver: no.example A: no such name".into(),
                "resolver: refused.example A: the server says Refused".into(),
            ]
        );
        assert_eq!((out.status.code(), out.stdout), (Some(1), vec![]), "{backend}");
    }
}

#[test]
fn that_nobody_is_at_home_is_an_error_and_not_silence() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for backend in BACKENDS {
        let began = Instant::now();
        let out = resolve(nobody, backend, &["-4", "--timeout", "60000", "x.example", "y.example"]);
        assert!(began.elapsed() < PATIENCE.unwrap(), "it waited");
        let said = sorted(&out.stderr);
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said.iter().all(|line| line.contains("connection refused")), "{said:?}");
        assert_eq!(out.status.code(), Some(1), "{backend}");
    }
}

#[test]
fn no_more_questions_are_open_than_it_was_told_and_all_are_asked_at_last() {
    // Answers only when so many are there, the last one first.
    let (mut open, mut most) = (Vec::new(), 0);
    let (noted, counted) = mpsc::channel();
    let at = server(move |asked, socket| {
        open.push((asked.plainly(), asked.from));
        most = most.max(open.len());
        if open.len() == 8 {
            noted.send(most).unwrap();
            while let Some((answer, to)) = open.pop() {
                socket.send_to(&answer, to).unwrap();
            }
        }
        vec![]
    });
    let names: Vec<_> = (0..32).map(|n| format!("n{n}.example")).collect();
    let mut args = vec!["--at-once", "8", "--timeout", "5000"];
    args.extend(names.iter().map(String::as_str));
    for backend in BACKENDS {
        let out = resolve(at, backend, &args);
        assert_eq!((out.status.success(), sorted(&out.stdout).len()), (true, 64), "{backend}");
    }
    assert_eq!(counted.try_iter().collect::<Vec<_>>(), [8; 24]);
}

#[test]
fn an_interrupted_resolver_says_what_is_left() {
    let (heard, asked) = mpsc::channel();
    let at = server(move |_, _| {
        heard.send(()).unwrap();
        vec![]
    });
    let mut command = Command::new(path_of("resolver"));
    command.args(["--server", &at.to_string(), "--timeout", "60000", "--at-once", "1", "x.example"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    asked.recv_timeout(PATIENCE.unwrap()).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    until("its end", || child.try_wait().unwrap().is_some());
    let out = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(out.stderr).unwrap(), "resolver: stopped, with 2 questions open\n");
    assert_eq!(out.status.code(), Some(1));
}

#[test]
fn what_is_asked_wrongly_is_answered_clearly() {
    let long = "x".repeat(64);
    for (args, answer) in [
        (&[][..], "Usage: resolver"),
        (&["--server", "there", "x"], "parse address there: "),
        (&["--server", "127.0.0.1", &long], "is no name: "),
        (&["--server", "127.0.0.1", "--tries", "0", "x"], "--tries from 1 to 10"),
        (&["--loud"], "invalid option '--loud'"),
    ] {
        let out = run(Command::new(path_of("resolver")).args(args));
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(said.starts_with("resolver: ") && said.contains(answer), "{args:?} said {said:?}");
        assert_eq!(out.status.code(), Some(1), "{args:?}");
    }
    let out = run(Command::new(path_of("resolver")).arg("--help"));
    assert!(out.status.success() && String::from_utf8(out.stdout).unwrap().contains("Usage: resolver"));
}
