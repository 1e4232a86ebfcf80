//! The stack's `select` as a [`Backend`]: three sets, made anew for each wait.

use std::time::Duration;

use stheno::backend::{REGISTERED_TWICE, told, wait_out};
use stheno::{Backend, Error, ErrorKind, Fired, Instant, Interest, Key, Net, Open, Readiness, Result};

use crate::net::{Handle, failed};
use crate::stack::{self, Set};

/// Works for whichever net has these sockets, so that it does for the layers upon it as well.
#[derive(Default)]
pub struct Select {
    watched: Vec<Watched>,
    /// What is to be taken, the last one first.
    results: Vec<Fired>,
    /// Who was taken last: whoever comes after it is told first. (B8)
    last: Option<Key>,
}

struct Watched {
    key: Key,
    handle: u8,
    interest: Interest,
}

impl Open for Select {
    fn open() -> Result<Self> {
        Ok(Self::default())
    }
}

impl<N: Net<Socket = Handle>> Backend<N> for Select {
    fn register(&mut self, _: &mut N, socket: &Handle, key: Key, interest: Interest) -> Result<()> {
        if self.watched.iter().any(|watched| watched.key == key) {
            return Err(REGISTERED_TWICE);
        }
        self.watched.push(Watched { key, handle: socket.number(), interest });
        Ok(())
    }

    fn reregister(&mut self, _: &mut N, _: &Handle, key: Key, interest: Interest) -> Result<()> {
        let known = self.watched.iter_mut().find(|watched| watched.key == key);
        known.ok_or(UNKNOWN)?.interest = interest;
        Ok(())
    }

    fn deregister(&mut self, _: &mut N, _: &Handle, key: Key) -> Result<()> {
        self.watched.retain(|watched| watched.key != key);
        Ok(())
    }

    fn wait(&mut self, _: &mut N, timeout: Option<Duration>) -> Result<usize> {
        self.results.clear();
        // Whoever is asked for anything is asked for errors, too: the third set is that on this stack.
        let of = |asked: Interest| self.watched.iter().filter(move |watched| watched.interest.intersects(asked));
        let set = |asked| of(asked).fold(0, |set: Set, watched| set | 1 << watched.handle);
        let (read, write, any) = (set(Interest::READ), set(Interest::WRITE), set(Interest::ALL));
        let mut sets = [0; 3];
        wait_out(timeout, stack::now, |left| {
            let (count, ready) = stack::select(read, write, any, left).map_err(|why| failed(why, "wait"))?;
            sets = ready;
            Ok(count)
        })?;
        let holds = |set: Set, watched: &Watched| set >> watched.handle & 1 == 1;
        self.results.extend(self.watched.iter().filter_map(|watched| {
            let said = Readiness::READABLE.when(holds(sets[0], watched))
                | Readiness::WRITABLE.when(holds(sets[1], watched))
                | Readiness::ERROR.when(holds(sets[2], watched));
            let readiness = told(said, watched.interest);
            (!readiness.is_empty()).then_some(Fired { key: watched.key, readiness })
        }));
        let order = |fired: &Fired| (self.last.is_some_and(|last| fired.key <= last), fired.key);
        self.results.sort_by_key(|fired| std::cmp::Reverse(order(fired)));
        Ok(self.results.len())
    }

    fn next(&mut self) -> Option<Fired> {
        let fired = self.results.pop()?;
        self.last = Some(fired.key);
        Some(fired)
    }

    fn now(&mut self, _: &N) -> Instant {
        stack::now()
    }

    fn name(&self) -> &'static str {
        "small select"
    }
}

const UNKNOWN: Error = Error::new(ErrorKind::Invalid, "the key is not registered");
