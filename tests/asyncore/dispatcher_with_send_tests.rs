//! CPython's `DispatcherWithSendTests`, over an outbox.

use crate::common::events::*;
use crate::stage;

#[test]
fn test_send() {
    on_each_family("send", |backend, at| {
        let door = Actor::new(&Notes::default());
        let guests = door.guests.clone();
        let (mut events, _, at) = stage(backend, at, door);
        let caller = events.connect(&at, Actor { readable: false, ..Actor::new(&Notes::default()) }).unwrap();
        let mut expected = Vec::new();
        for part in [&b"first "[..], &[b'-'; 20_000], b" last\n"] {
            let (actor, mut io) = events.channel(caller).unwrap();
            actor.out.send(&mut io, part).unwrap();
            expected.extend(part);
        }
        assert!(!events.dispatcher(caller).unwrap().out.is_empty(), "nothing is sent while connecting");
        turn_until(&mut events, |events| events.dispatcher(caller).unwrap().out.is_empty());
        turn_until(&mut events, |_| guests.data().len() >= expected.len());
        assert!(guests.data() == expected);
    });
}
