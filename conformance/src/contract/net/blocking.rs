//! N1: no operation blocks.

use stheno::{Backend, Kind, Open, Readiness, Received};

use super::super::far_end::hear_all;
use super::super::support::{A_WHILE, PATIENCE, W, Watch, hold, same};
use super::super::{Case, Verdict};
use super::{listener, next_caller};
use crate::ground::{Ground, Need};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = Case::new;
    vec![
        case("an-accept-without-a-caller-is-none", "N1 N8", accept::<G>),
        case("a-receive-without-data-would-block", "N1 N9", recv::<G>),
        case("a-receive-does-not-wait-for-what-comes-later", "N1", recv_before_it_comes::<G>).needing(&[Need::Later]),
        case("a-receive-without-a-datagram-is-none", "N1 N4", recv_from::<G>).needing(&[Need::Datagrams]),
        case("a-receive-without-urgent-data-is-none", "N1", recv_urgent::<G>).needing(&[Need::Urgent]),
        case("a-send-without-room-is-none-until-there-is-some", "N1 N5", send::<G>),
        case("an-urgent-byte-without-room-is-not-sent", "N1 N5", send_urgent::<G>).needing(&[Need::Urgent]),
        case("a-connect-to-a-full-line-goes-on-without-the-call", "N1 N6", connect::<G, B>).needing(&[Need::Backlog]),
    ]
}

fn accept<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut door, at) = listener(&mut net, 4)?;
    for callers in 0..3 {
        same("the caller", net.accept(&mut door)?.map(|(_, from)| from), None)?;
        let caller = net.dial(&at)?;
        let (guest, from) = next_caller(&mut net, &mut door)?;
        same(&format!("where caller {callers} is"), from, net.address(&caller)?)?;
        net.close(guest);
    }
    same("the caller", net.accept(&mut door)?.map(|(_, from)| from), None)
}

fn recv<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, _theirs) = net.pair()?;
    let (mut one, mut other) = net.sockets()?;
    for socket in [&mut ours, &mut one, &mut other] {
        let (mut some, mut more) = ([0; 8], [0; 8]);
        same("a receive", net.recv(socket, &mut some)?, Received::WouldBlock)?;
        same("a vectored receive", net.recv_vectored(socket, [&mut some, &mut more])?, Received::WouldBlock)?;
    }
    Ok(())
}

fn recv_before_it_comes<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, theirs) = net.pair()?;
    let later = net.say_later(A_WHILE, theirs, b"late")?;
    same("a receive", net.recv(&mut ours, &mut [0; 8])?, Received::WouldBlock)?;
    super::comes(&mut net, &mut ours, b"late")?;
    let theirs = net.done(later)?;
    net.hang_up(theirs);
    Ok(())
}

fn recv_from<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let mut ours = net.mailbox()?;
    same("a datagram", net.recv_from(&mut ours, &mut [0; 8])?.map(|datagram| datagram.len), None)?;
    same("a receive", net.recv(&mut ours, &mut [0; 8])?, Received::WouldBlock)
}

fn recv_urgent<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = net.pair()?;
    same("an urgent byte", net.recv_urgent(&mut ours)?, None)?;
    net.say(&mut theirs, b"plain")?;
    super::comes(&mut net, &mut ours, b"plain")?;
    same("an urgent byte after plain data", net.recv_urgent(&mut ours)?, None)
}

fn send<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, mut theirs) = net.pair()?;
    net.fill(&mut ours)?;
    same("a send", net.send(&mut ours, b"x")?, None)?;
    same("a vectored send", net.send_vectored(&mut ours, [b"x", b"y"])?, None)?;
    let (mut heard, until) = (Vec::new(), net.clock() + PATIENCE);
    while net.send(&mut ours, b"x")?.is_none() {
        hold(net.clock() < until, || format!("no room came, though {} bytes were taken", heard.len()))?;
        hold(hear_all(&mut net, &mut theirs, &mut heard)?, || "the connection is over".into())?;
        net.pass(std::time::Duration::from_millis(1));
    }
    Ok(())
}

fn send_urgent<G: Ground>() -> Verdict {
    let mut net = G::open()?;
    let (mut ours, _theirs) = net.pair()?;
    net.fill(&mut ours)?;
    same("an urgent byte", net.send_urgent(&mut ours, b'!')?, false)
}

/// Callers are let in until the line is full. The next one's attempt goes on, is silent, and ends once there is room.
fn connect<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut watch = Watch::<G, B>::open()?;
    let (mut door, at) = listener(&mut watch.net, 1)?;
    let mut callers = Vec::new();
    loop {
        let mut caller = watch.net.socket(Kind::Stream, &at)?;
        watch.net.connect(&mut caller, &at)?;
        let key = callers.len() as u32;
        watch.register(&caller, key, W)?;
        let told = watch.results(A_WHILE)?;
        if told.iter().all(|(index, _)| *index != key) {
            callers.push(caller);
            break;
        }
        watch.deregister(&caller, key)?;
        callers.push(caller);
        hold(callers.len() < 64, || "a line of about one has no end".into())?;
    }
    let key = callers.len() as u32 - 1;
    let until = watch.net.clock() + PATIENCE;
    let mut guests = Vec::new();
    loop {
        guests.extend(watch.net.accept(&mut door)?);
        if let [(index, readiness)] = watch.results(A_WHILE)?[..] {
            hold(index == key && readiness.contains(Readiness::WRITABLE), || format!("{index}: {readiness:?}"))?;
            break;
        }
        hold(watch.net.clock() < until, || "the attempt does not end, though there is room".into())?;
    }
    let last = callers.last_mut().ok_or("nobody called")?;
    same("the waiting error", watch.net.take_error(last)?, None)?;
    same("whom it is connected to", watch.net.peer_address(last)?, at)
}
