//! CPython's `HelperFunctionTests`: what an event leads to, whatever its handler does, and closing everything.

use stheno::{
    Channel, Dispatcher, ErrorKind, EventLoop, Fired, Key, Net, Os, Readiness, Reason, Received, Result, Socket,
};

use crate::common::events::*;

/// Asks the loop to end, as raising `ExitNow` did.
struct Quitter;

impl Dispatcher<Os> for Quitter {
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.stop();
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.stop();
        Ok(())
    }
    fn handle_expt(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.stop();
        Ok(())
    }
    fn handle_close(&mut self, _: Reason, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        channel.stop();
        Ok(())
    }
    fn handle_error(&mut self, error: stheno::Error, _: &mut Channel<'_, Os, Self>) -> Result<()> {
        Err(error)
    }
}

/// Whether the loop ends once this was dispatched on a channel whose handlers ask for it.
fn quits_on(backend: stheno::BackendName, readiness: Readiness) -> bool {
    let mut events = events::<Quitter>(backend);
    let (here, _there) = Socket::pair().unwrap();
    let key = events.add(here, Quitter).unwrap();
    events.dispatch(Fired { key, readiness });
    events.turn(Some(std::time::Duration::ZERO)).unwrap().stopped
}

/// One channel that fails in this handler, or nowhere, and its peer.
fn failing(backend: stheno::BackendName, at: At) -> (Loop<Actor>, Key, Notes, Socket) {
    let (mut events, notes) = (events(backend), Notes::default());
    let (here, there) = Socket::pair().unwrap();
    let key = events.add(here, Actor { writable: true, ..Actor::failing(at, &notes) }).unwrap();
    (events, key, notes, there)
}

/// asyncore's `read`, `write` and `_exception`.
#[test]
fn test_readwriteexc() {
    type Door = fn(&mut Loop<Actor>, Key);
    let doors: [(At, Door); 3] = [
        (At::Read, |events, key| events.handle_read_event(key)),
        (At::Write, |events, key| events.handle_write_event(key)),
        (At::Expt, |events, key| events.handle_expt_event(key)),
    ];
    on_each_backend(|backend| {
        for (at, door) in doors {
            let (mut events, key, notes, _there) = failing(backend, at);
            door(&mut events, key);
            assert_eq!(notes.errors(), [ON_PURPOSE], "{at:?}");
            assert_eq!((notes.reason(), notes.closes()), (Some(Reason::Error(ON_PURPOSE)), 1), "{at:?}");
        }
        for readiness in [Readiness::READABLE, Readiness::WRITABLE, Readiness::PRIORITY] {
            assert!(quits_on(backend, readiness), "{readiness:?}");
        }
    });
}

/// asyncore's `readwrite`. It called `handle_close` for a hang-up and an error; here whatever the peer had sent is read
/// first, and reading finds the end (rule 3).
#[test]
fn test_readwrite() {
    let read = Told::Read(b"data".to_vec());
    on_each_backend(|backend| {
        for (readiness, at, told) in [
            (Readiness::READABLE, At::Read, read.clone()),
            (Readiness::WRITABLE, At::Write, Told::Write),
            (Readiness::PRIORITY, At::Expt, Told::Expt(None)),
        ] {
            let (mut events, key, notes, mut there) = failing(backend, At::Nowhere);
            Os.send(&mut there, b"data").unwrap();
            events.dispatch(Fired { key, readiness });
            assert_eq!(notes.all(), [told], "{readiness:?}");
            let (mut events, key, notes, _there) = failing(backend, at);
            events.dispatch(Fired { key, readiness });
            assert_eq!(notes.errors(), [ON_PURPOSE], "{readiness:?}");
        }
        for readiness in [Readiness::ERROR, Readiness::HANGUP] {
            let (mut events, key, notes, mut there) = failing(backend, At::Nowhere);
            events.channel(key).unwrap().0.writable = false;
            Os.send(&mut there, b"data").unwrap();
            drop(there);
            events.dispatch(Fired { key, readiness });
            assert_eq!(notes.all(), std::slice::from_ref(&read), "{readiness:?}");
            events.dispatch(Fired { key, readiness });
            assert_eq!(notes.all(), [read.clone(), Told::Close(Reason::End)], "{readiness:?}");
        }
        let (mut events, key, notes, _there) = failing(backend, At::Nowhere);
        events.dispatch(Fired { key, readiness: Readiness::INVALID });
        let [Told::Error(why), Told::Close(Reason::Error(reason))] = notes.all()[..] else { panic!("{notes:?}") };
        assert_eq!((why, why.kind()), (reason, ErrorKind::BadDescriptor));

        assert!(quits_on(backend, Readiness::INVALID));
        for readiness in [Readiness::ERROR, Readiness::HANGUP] {
            assert!(quits_on(backend, readiness), "{readiness:?}");
        }
    });
}

#[test]
fn test_closeall() {
    on_each_backend(|backend| {
        let (mut events, notes, mut peers) = (events(backend), Notes::default(), Vec::new());
        for _ in 0..10 {
            let (here, there) = Socket::pair().unwrap();
            events.add(here, Actor::new(&notes)).unwrap();
            peers.push(there);
        }
        assert_eq!((events.len(), events.keys().count()), (10, 10));
        events.close_all();
        assert_eq!((events.len(), events.keys().count(), events.is_empty()), (0, 0, true));
        for peer in &mut peers {
            assert_eq!(Os.recv(peer, &mut [0; 1]), Ok(Received::End));
        }
        assert_eq!(events.run(), Ok(()));
        assert_eq!(notes.all(), []);
        let (here, _there) = Socket::pair().unwrap();
        events.add(here, Actor::new(&notes)).expect("the loop is as good as new");
    });
}
/// There is no map of the module's own: each loop has one, by default too, and closes that.
#[test]
fn test_closeall_default() {
    let (notes, mut peers) = (Notes::default(), Vec::new());
    let mut events = EventLoop::<Actor>::new().unwrap();
    let mut other = EventLoop::<Actor>::new().unwrap();
    for number in 0..11 {
        let (here, there) = Socket::pair().unwrap();
        if number < 10 { &mut events } else { &mut other }.add(here, Actor::new(&notes)).unwrap();
        peers.push(there);
    }
    assert_eq!((events.len(), events.keys().count()), (10, 10));
    events.close_all();
    assert_eq!((events.len(), events.keys().count(), events.is_empty()), (0, 0, true));
    for peer in &mut peers[..10] {
        assert_eq!(Os.recv(peer, &mut [0; 1]), Ok(Received::End));
    }
    assert_eq!(Os.recv(&mut peers[10], &mut [0; 1]), Ok(Received::WouldBlock));
    assert_eq!((other.len(), notes.all()), (1, vec![]));
}
