//! What may go to another thread: loops with their sockets and backends, wakers and sounds. This file need only compile.
#![cfg(all(target_os = "linux", feature = "std"))]
#![allow(missing_docs)]

use stheno::{
    Address, AnyBackend, Channel, Dispatcher, Epoll, Error, EventLoop, Fired, Guest, Io, Key, Os, Outbox, Poll, Select,
    Slot, Socket, Sound, Turn, Waker, With, storage::Array, waker::Bell,
};

struct Anything;

impl Dispatcher<Os> for Anything {}
impl Dispatcher<With<Os, u32>> for Anything {}

const fn may_go<T: Send>() {}
const fn may_be_shared<T: Send + Sync>() {}

const _: () = {
    may_go::<EventLoop<Anything>>();
    may_go::<EventLoop<Anything, Os, Select>>();
    may_go::<EventLoop<Anything, Os, Poll>>();
    may_go::<EventLoop<Anything, Os, Epoll>>();
    may_go::<EventLoop<Anything, Os, AnyBackend>>();
    may_go::<EventLoop<Anything, With<Os, u32>>>();
    may_go::<EventLoop<Anything, Os, stheno::poll::Poll<stheno::poll::Fixed<16>>, Array<Slot<Anything, Os>, 16>>>();
    may_go::<Channel<'static, Os, Anything>>();
    may_go::<Io<'static, Os>>();
    may_go::<Guest<Os>>();
    may_be_shared::<(Socket, Address, Error, Key, Fired, Turn)>();
    may_be_shared::<(Waker, Sound, Bell<Sound>, Outbox<Vec<u8>>)>();
    may_be_shared::<(stheno::tty::Mode, stheno::tty::Raw)>();
};

#[cfg(feature = "signals")]
const _: () = may_be_shared::<stheno::signals::Signals>();

/// An error goes wherever errors go, also without std.
const fn is_an_error<T: core::error::Error + Send + Sync + 'static>() {}
const _: () = is_an_error::<Error>();

#[test]
fn a_loop_runs_in_another_thread_than_it_was_made_in() {
    for backend in stheno::BackendName::ALL {
        let mut events: EventLoop<Anything, Os, AnyBackend> =
            EventLoop::with_parts(Os, AnyBackend::named(*backend).unwrap(), Vec::new());
        events.listen("127.0.0.1:0", Anything).unwrap();
        let waker = stheno::waker(&mut events).unwrap();
        let running = std::thread::spawn(move || events.run());
        waker.stop().unwrap();
        running.join().unwrap().unwrap();
    }
}
