//! The doors for a program with a loop of its own: asyncore's `handle_read_event` and its like.

use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use stheno::{Dispatcher, Kind, Os, Reason, Socket};

use crate::common::events::*;
use crate::{common, stage};

/// One round of a program that asks poll(2) by itself.
fn own_round(events: &mut Loop<Actor>) {
    let mut asked = Vec::new();
    for key in events.keys().collect::<Vec<_>>() {
        let (actor, io) = events.channel(key).unwrap();
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN | PollFlags::PRI, Dispatcher::<Os>::readable(actor) && !io.connecting());
        let writable = Dispatcher::<Os>::writable(actor) && !io.accepting();
        flags.set(PollFlags::OUT, writable || io.connecting());
        asked.push((key, Socket::duplicate(io.socket().unwrap()).unwrap(), flags));
    }
    let mut watched: Vec<_> = asked.iter().map(|(_, socket, flags)| PollFd::new(socket, *flags)).collect();
    poll(&mut watched, Some(&Timespec { tv_sec: 0, tv_nsec: 20_000_000 })).unwrap();
    let fired: Vec<_> = asked.iter().zip(&watched).map(|((key, ..), watched)| (*key, watched.revents())).collect();
    for (key, flags) in fired {
        if flags.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR) {
            events.handle_read_event(key);
        }
        if flags.contains(PollFlags::OUT) {
            events.handle_write_event(key);
        }
        if flags.contains(PollFlags::PRI) {
            events.handle_expt_event(key);
        }
    }
    events.settle();
}

#[test]
fn a_program_with_its_own_loop_comes_in_by_the_low_doors() {
    for at in inet() {
        on_each_backend(|backend| {
            let notes = Notes::default();
            let (mut events, _, at) = stage(backend, &at, Actor::echo(&Notes::default()));
            let mut caller = Actor::new(&notes);
            caller.out.push(b"hello").unwrap();
            let caller = events.connect(&at, caller).unwrap();
            let began = Instant::now();
            while notes.data() != b"hello" {
                assert!(began.elapsed() < PATIENCE, "{notes:?}");
                own_round(&mut events);
            }
            let guest = events.keys().find(|key| ![0, caller.index()].contains(&key.index())).unwrap();
            events.channel(guest).unwrap().1.send_urgent(b'!').unwrap();
            while !notes.has(&Told::Expt(Some(b'!'))) {
                assert!(began.elapsed() < PATIENCE, "{notes:?}");
                own_round(&mut events);
            }
            events.close(guest).unwrap();
            while notes.closes() == 0 {
                assert!(began.elapsed() < PATIENCE, "{notes:?}");
                own_round(&mut events);
            }
            assert_eq!((notes.reason(), notes.errors(), events.len()), (Some(Reason::End), vec![], 1));
            assert!(events.channel(caller).is_err());
        });
    }
}

#[test]
fn one_event_is_one_handler() {
    on_each_backend(|backend| {
        let (mut events, notes) = (events(backend), Notes::default());
        let (here, mut there) = Socket::pair().unwrap();
        let key = events.add(here, Actor { writable: true, ..Actor::new(&notes) }).unwrap();
        stheno::Net::send(&mut Os, &mut there, b"data").unwrap();
        events.handle_read_event(key);
        assert_eq!(notes.all(), [Told::Read(b"data".to_vec())]);
        events.handle_write_event(key);
        assert_eq!(notes.all().len(), 2);
        assert_eq!(notes.all()[1], Told::Write);
        notes.clear();
        events.handle_expt_event(key);
        assert_eq!(notes.all(), [Told::Expt(None)]);
        notes.clear();
        events.channel(key).unwrap().0.writable = false;
        events.handle_write_event(key);
        assert_eq!(notes.all(), [], "who does not want it is not told");
        drop(there);
        events.handle_read_event(key);
        assert_eq!(notes.all(), [Told::Close(Reason::End)]);
        events.handle_read_event(key);
        events.handle_write_event(key);
        events.settle();
        events.handle_read_event(key);
        assert_eq!((notes.all().len(), events.len()), (1, 0), "and nothing comes after the close");
    });
}

#[test]
fn a_connection_attempt_is_judged_by_its_error_at_the_low_door_too() {
    on_each_backend(|backend| {
        let (silent, at) = common::bound(Kind::Stream, &common::loopback());
        let (mut events, notes) = (events(backend), Notes::default());
        let key = events.connect(&at, Actor::new(&notes)).unwrap();
        common::ready(events.channel(key).unwrap().1.socket().unwrap(), PollFlags::OUT);
        events.handle_write_event(key);
        events.settle();
        let [Told::Error(why), Told::Close(Reason::Error(reason))] = notes.all()[..] else { panic!("{notes:?}") };
        assert_eq!((why, stheno::errno_name(why.code())), (reason, Some("ECONNREFUSED")));
        assert!(events.is_empty());
        drop(silent);
    });
}
