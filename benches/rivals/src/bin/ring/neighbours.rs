//! Stheno's neighbours, each as its documentation tells.

use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, OwnedFd};

use calloop::generic::Generic;
use calloop::{Mode, PostAction};
use mio::unix::SourceFd;
use mio::{Interest, Token};
use polling::{Event, PollMode, Poller};
use stheno_rivals::echo::BATCH;
use stheno_rivals::ring::{Ring, Watch};

type Failure = Box<dyn std::error::Error>;

/// Edges: a pipe is read until it is empty.
pub struct OnMio {
    poll: mio::Poll,
    events: mio::Events,
    readers: Vec<OwnedFd>,
}

impl Watch for OnMio {
    fn over(readers: Vec<OwnedFd>) -> Result<Self, Failure> {
        let poll = mio::Poll::new()?;
        for (link, reader) in readers.iter().enumerate() {
            poll.registry().register(&mut SourceFd(&reader.as_raw_fd()), Token(link), Interest::READABLE)?;
        }
        Ok(Self { poll, events: mio::Events::with_capacity(BATCH), readers })
    }

    fn turn(&mut self, ring: &mut Ring) -> Result<(), Failure> {
        self.poll.poll(&mut self.events, None)?;
        for event in &self.events {
            let Token(link) = event.token();
            while ring.take(link, &self.readers[link])? {}
        }
        Ok(())
    }
}

/// Levels, as its other modes have to be asked anew for each event.
pub struct OnPolling {
    poller: Poller,
    events: polling::Events,
    readers: Vec<OwnedFd>,
}

impl Watch for OnPolling {
    fn over(readers: Vec<OwnedFd>) -> Result<Self, Failure> {
        let poller = Poller::new()?;
        for (link, reader) in readers.iter().enumerate() {
            // SAFETY: reader and poller end together, and the poller, which is first, ends first.
            unsafe { poller.add_with_mode(reader, Event::readable(link), PollMode::Level) }?;
        }
        let events = polling::Events::with_capacity(NonZeroUsize::new(BATCH).ok_or("no batch")?);
        Ok(Self { poller, events, readers })
    }

    fn turn(&mut self, ring: &mut Ring) -> Result<(), Failure> {
        self.events.clear();
        self.poller.wait(&mut self.events, None)?;
        for event in self.events.iter() {
            ring.take(event.key, &self.readers[event.key])?;
        }
        Ok(())
    }
}

pub struct OnCalloop(calloop::EventLoop<'static, Ring>);

impl Watch for OnCalloop {
    fn over(readers: Vec<OwnedFd>) -> Result<Self, Failure> {
        let events = calloop::EventLoop::try_new()?;
        for (link, reader) in readers.into_iter().enumerate() {
            let source = Generic::new(reader, calloop::Interest::READ, Mode::Level);
            events.handle().insert_source(source, move |_, reader, ring: &mut Ring| {
                ring.take(link, &*reader)?;
                Ok(PostAction::Continue)
            })?;
        }
        Ok(Self(events))
    }

    fn turn(&mut self, ring: &mut Ring) -> Result<(), Failure> {
        Ok(self.0.dispatch(None, ring)?)
    }
}
