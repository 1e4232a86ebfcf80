//! What the system says seldom, and what no test can bring about: a filter of the kernel's (seccomp) has it say so to one
//! thread, whatever the call is for.
#![cfg(all(
    target_os = "linux",
    feature = "std",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
#![allow(missing_docs)]

mod common;

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use common::events::*;
use rustix::io::Errno;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};
use stheno::{ErrorKind, Net, Os, Socket};

/// A call, or one with this second argument alone.
#[derive(Clone, Copy)]
struct Call {
    number: libc::c_long,
    second: Option<u64>,
}

const ACCEPT: Call = Call { number: libc::SYS_accept4, second: None };
const EPOLL_ADD: Call = Call { number: libc::SYS_epoll_ctl, second: Some(libc::EPOLL_CTL_ADD as u64) };

/// From now on the call fails in this thread, for good. `false` where the kernel has no filters.
fn refuse(call: Call, errno: Errno) -> bool {
    let second = call.second.map(|value| {
        SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value).expect("there is a second argument")
    });
    let rules = second.map(|second| SeccompRule::new(vec![second]).expect("a condition is enough"));
    let filter = SeccompFilter::new(
        [(call.number, rules.into_iter().collect())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(errno.raw_os_error().cast_unsigned()),
        std::env::consts::ARCH.try_into().expect("the filter knows this machine"),
    );
    let program: BpfProgram = filter.and_then(TryInto::try_into).expect("the filter is well-formed");
    let done = seccompiler::apply_filter(&program);
    if let Err(why) = &done {
        eprintln!("no filters here: {why}");
    }
    done.is_ok()
}

/// In a thread of its own, which is over before a call is as it was.
fn elsewhere(deed: impl FnOnce() + Send) {
    thread::scope(|scope| scope.spawn(deed).join()).unwrap_or_else(|why| std::panic::resume_unwind(why));
}

/// A listener in nobody's loop, and somebody who waits in line there.
fn in_line() -> (Socket, TcpStream) {
    let (door, at) = common::door(&common::loopback(), 4);
    let caller = TcpStream::connect(at.as_inet().unwrap()).unwrap();
    common::readable(&door);
    (door, caller)
}

fn is_served(door: &mut Socket, caller: &TcpStream) {
    let (_, from) = Os.accept(door).unwrap().expect("the caller is still in line");
    assert_eq!(from.as_inet(), Some(caller.local_addr().unwrap()));
}

/// Linux hands on by `accept` what the network said of a caller: none of it concerns the listener, who tries again.
#[test]
fn what_the_network_said_of_a_caller_is_no_error_of_the_listener() {
    let said = [
        Errno::CONNABORTED,
        Errno::CONNRESET,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::NONET,
        Errno::NOPROTOOPT,
        Errno::OPNOTSUPP,
        Errno::PROTO,
        Errno::TIMEDOUT,
    ];
    for errno in said {
        on_each_backend(|backend| {
            let _place = Place(format!("{errno}"));
            let (mut door, caller) = in_line();
            elsewhere(|| {
                let (mut events, notes) = (events(backend), Notes::default());
                let other = with_a_witness(&mut events);
                let key = events.add(Socket::duplicate(&door).unwrap(), Actor::new(&notes)).unwrap();
                if !refuse(ACCEPT, errno) {
                    return;
                }
                assert!(matches!(Os.accept(&mut Socket::duplicate(&door).unwrap()), Ok(None)));
                for _ in 0..5 {
                    events.turn(Some(Duration::ZERO)).unwrap();
                }
                assert_eq!(notes.all(), [], "nobody is told anything");
                assert!(events.channel(key).unwrap().1.accepting());
                is_still_told(&mut events, other);
            });
            is_served(&mut door, &caller);
        });
    }
}

/// A rule of the system's, which may be another one later: the listener rests, is told once, and is not closed.
#[test]
fn what_a_rule_forbids_is_tried_again_later() {
    for errno in [Errno::PERM, Errno::ACCESS] {
        on_each_backend(|backend| {
            let _place = Place(format!("{errno}"));
            let (mut door, caller) = in_line();
            elsewhere(|| {
                let (mut events, notes) = (events(backend), Notes::default());
                let other = with_a_witness(&mut events);
                let key = events.add(Socket::duplicate(&door).unwrap(), Actor::new(&notes)).unwrap();
                if !refuse(ACCEPT, errno) {
                    return;
                }
                let (began, mut turns) = (Instant::now(), 0);
                let time = Duration::from_millis(250);
                while let Some(left) = time.checked_sub(began.elapsed()) {
                    events.turn(Some(left)).unwrap();
                    turns += 1;
                }
                assert!(turns <= 12, "{turns} turns in {time:?}");
                let [Told::Error(why)] = notes.all()[..] else { panic!("{notes:?}") };
                assert_eq!((why.kind(), why.code()), (ErrorKind::Exhausted, errno.raw_os_error()));
                assert!(events.channel(key).unwrap().1.accepting());
                is_still_told(&mut events, other);
            });
            is_served(&mut door, &caller);
        });
    }
}

/// More than the system lets one user watch (`max_user_watches`), or has memory for: whoever comes is refused, and whoever
/// is there stays.
#[cfg(feature = "epoll")]
#[test]
fn whom_epoll_has_no_room_for_is_refused_and_the_others_stay() {
    for (errno, words) in
        [(Errno::NOSPC, "too many watched descriptors (max_user_watches)"), (Errno::NOMEM, "no memory")]
    {
        elsewhere(|| {
            let _place = Place(format!("{errno}"));
            let (mut events, notes) = (events::<Actor>(stheno::BackendName::Epoll), Notes::default());
            let other = with_a_witness(&mut events);
            let door = events.listen(common::loopback(), Actor::new(&notes)).unwrap();
            let at = events.channel(door).unwrap().1.local_address().unwrap();
            turn_out(&mut events);
            if !refuse(EPOLL_ADD, errno) {
                return;
            }
            let why = events.add(Socket::pair().unwrap().0, Actor::new(&notes)).unwrap_err();
            assert_eq!((why.kind(), why.code(), why.text()), (ErrorKind::Exhausted, errno.raw_os_error(), words));
            assert!(why.to_string().starts_with("register descriptor "), "{why}");
            // Whom a handler adopts is told itself, and hung up on.
            let guests = events.dispatcher(door).unwrap().guests.clone();
            let mut caller = TcpStream::connect(at.as_inet().unwrap()).unwrap();
            turn_until(&mut events, |_| guests.closes() > 0);
            assert_eq!(guests.errors().iter().map(|why| why.code()).collect::<Vec<_>>(), [errno.raw_os_error()]);
            caller.set_read_timeout(Some(PATIENCE)).unwrap();
            assert_eq!(std::io::Read::read(&mut caller, &mut [0; 1]).unwrap(), 0);
            assert_eq!((events.len(), notes.all()), (2, vec![Told::Accepted]));
            is_still_told(&mut events, other);
        });
    }
}

/// Another channel, which all of this is nothing to.
fn with_a_witness(events: &mut Loop<Actor>) -> (Notes, Socket) {
    let (notes, (here, there)) = (Notes::default(), Socket::pair().unwrap());
    events.add(here, Actor::new(&notes)).unwrap();
    turn_out(events);
    (notes, there)
}

fn is_still_told(events: &mut Loop<Actor>, (notes, mut there): (Notes, Socket)) {
    Os.send(&mut there, b"still here").unwrap();
    turn_until(events, |_| notes.data() == b"still here");
    assert_eq!((notes.errors(), notes.closes()), (vec![], 0));
}
