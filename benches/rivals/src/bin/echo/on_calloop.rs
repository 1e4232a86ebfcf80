//! calloop, with an event source for each client, as its book has it: what a client wants changes with its source's interest.

use std::cell::RefCell;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;

use calloop::generic::Generic;
use calloop::{EventLoop, EventSource, Interest, LoopSignal, Mode, Poll, PostAction, Readiness, Token, TokenFactory};

use crate::Failure;
use stheno_rivals::census::Census;
use stheno_rivals::echo::{Client, Rest, retried, scratch};

struct Shared {
    census: Census,
    signal: LoopSignal,
}

/// Tells of its client's end.
struct Source {
    stream: Generic<TcpStream>,
    rest: Rest,
    scratch: Rc<RefCell<Box<[u8]>>>,
}

impl EventSource for Source {
    type Event = ();
    type Metadata = ();
    type Ret = ();
    type Error = std::io::Error;

    fn process_events<F: FnMut((), &mut ())>(
        &mut self,
        readiness: Readiness,
        token: Token,
        mut callback: F,
    ) -> Result<PostAction, Self::Error> {
        let Self { stream, rest, scratch } = self;
        let was_behind = !rest.is_empty();
        let mut state = Client::Served;
        stream.process_events(readiness, token, |_, stream| {
            let mut stream: &TcpStream = stream;
            state =
                if was_behind { rest.write(&mut stream) } else { rest.read(&mut stream, &mut scratch.borrow_mut()) };
            Ok(PostAction::Continue)
        })?;
        stream.interest = match state {
            Client::Served if was_behind => Interest::READ,
            Client::Behind if !was_behind => Interest::WRITE,
            Client::Served | Client::Behind => return Ok(PostAction::Continue),
            Client::Gone => {
                callback((), &mut ());
                return Ok(PostAction::Remove);
            }
        };
        Ok(PostAction::Reregister)
    }

    fn register(&mut self, poll: &mut Poll, tokens: &mut TokenFactory) -> calloop::Result<()> {
        self.stream.register(poll, tokens)
    }

    fn reregister(&mut self, poll: &mut Poll, tokens: &mut TokenFactory) -> calloop::Result<()> {
        self.stream.reregister(poll, tokens)
    }

    fn unregister(&mut self, poll: &mut Poll) -> calloop::Result<()> {
        self.stream.unregister(poll)
    }
}

pub fn serve(door: TcpListener) -> Result<(), Failure> {
    let mut events = EventLoop::<Shared>::try_new()?;
    let (handle, scratch) = (events.handle(), Rc::new(RefCell::new(scratch())));
    let mut shared = Shared { census: Census::default(), signal: events.get_signal() };
    events.handle().insert_source(Generic::new(door, Interest::READ, Mode::Level), move |_, door, shared| {
        while let Some((stream, _)) = retried(|| door.accept())? {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let stream = Generic::new(stream, Interest::READ, Mode::Level);
            let source = Source { stream, rest: Rest::default(), scratch: Rc::clone(&scratch) };
            let inserted = handle.insert_source(source, |(), (), shared| {
                if shared.census.left() {
                    shared.signal.stop();
                }
            });
            inserted.map_err(|why| std::io::Error::other(why.to_string()))?;
            shared.census.came();
        }
        Ok(PostAction::Continue)
    })?;
    Ok(events.run(None, &mut shared, |_| {})?)
}
