//! What CPython's tests leave open about the same sockets.

use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{FdFlags, fcntl_getfd};
use stheno::{Os, Reason};

use crate::common::events::*;
use crate::{common, stage};

/// What the peer sent before it closed is told before the close, the urgent byte too (rule 3).
#[test]
fn urgent_data_is_told_before_the_close_that_followed_it() {
    for at in inet() {
        on_each_backend(|backend| {
            let (mut host, at) = common::door(&at, 4);
            let (mut events, notes) = (events(backend), Notes::default());
            let key = events.connect(&at, Actor::new(&notes)).unwrap();
            common::readable(&host);
            let (mut guest, _) = stheno::Net::accept(&mut Os, &mut host).unwrap().unwrap();
            turn_until(&mut events, |_| notes.has(&Told::Connect));
            stheno::Net::send(&mut Os, &mut guest, b"data").unwrap();
            stheno::Net::send_urgent(&mut Os, &mut guest, b'!').unwrap();
            common::ready(events.channel(key).unwrap().1.socket().unwrap(), PollFlags::PRI);
            drop(guest);
            turn_until(&mut events, |_| notes.closes() > 0);
            assert_eq!((notes.data(), notes.reason()), (b"data".to_vec(), Some(Reason::End)));
            assert!(notes.has(&Told::Expt(Some(b'!'))), "{notes:?}");
        });
    }
}

#[test]
fn what_is_accepted_or_listens_or_connects_is_tame_too() {
    on_each_family("tame", |backend, at| {
        let (mut events, _, at) = stage(backend, at, Actor::new(&Notes::default()));
        events.connect(&at, Actor::new(&Notes::default())).unwrap();
        turn_until(&mut events, |events| events.len() == 3);
        for key in events.keys().collect::<Vec<_>>() {
            let (_, io) = events.channel(key).unwrap();
            assert!(fcntl_getfl(io.socket().unwrap()).unwrap().contains(OFlags::NONBLOCK));
            assert!(fcntl_getfd(io.socket().unwrap()).unwrap().contains(FdFlags::CLOEXEC));
        }
    });
}
