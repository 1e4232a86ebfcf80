//! `Buffer` and `Outbox` against a queue of bytes that has no corners.

use std::collections::VecDeque;

use stheno_core::storage::Array;
use stheno_core::{Buffer, Channel, Dispatcher, ErrorKind, EventLoop, Key, Outbox, Received, Result, Slot};

use crate::memory::{Far, Memory, Watch, pair};
use crate::tape::Tape;

/// The first byte says which of the two.
pub fn run(bytes: &[u8]) {
    let mut tape = Tape::new(bytes);
    match tape.up_to(3) {
        0 => a_buffer(Buffer::<[u8; 0]>::default(), &mut tape),
        1 => a_buffer(Buffer::<[u8; 7]>::default(), &mut tape),
        2 => {
            let memory = vec![0; tape.up_to(300)];
            a_buffer(Buffer::new(memory), &mut tape);
        }
        _ => {
            let memory = vec![0; tape.up_to(100)];
            an_outbox(memory.into(), &mut tape);
        }
    }
}

/// Bytes that tell their place in the stream.
#[derive(Default)]
struct Source(u8);

impl Source {
    fn take(&mut self, count: usize) -> Vec<u8> {
        let first = self.0;
        self.0 = first.wrapping_add(count as u8);
        (0..count).map(|number| first.wrapping_add(number as u8)).collect()
    }
}

fn a_buffer<S: AsRef<[u8]> + AsMut<[u8]>>(mut buffer: Buffer<S>, tape: &mut Tape<'_>) {
    let (mut model, mut source) = (VecDeque::new(), Source::default());
    let capacity = buffer.capacity();
    while !tape.is_over() {
        let most = tape.up_to(capacity + 3);
        let room = capacity - model.len();
        match tape.up_to(5) {
            0 => {
                let bytes = source.take(most);
                let n = buffer.push(&bytes);
                assert_eq!(n, most.min(room));
                model.extend(&bytes[..n]);
            }
            1 => {
                let mut bytes = vec![0; most];
                let n = buffer.pop(&mut bytes);
                assert_eq!(n, most.min(model.len()));
                assert!(model.drain(..n).eq(bytes[..n].iter().copied()));
            }
            2 => {
                buffer.consume(most);
                model.drain(..most.min(model.len()));
            }
            3 => {
                // What was received into the free part, as far as it went.
                let n = most.min(room);
                let bytes = source.take(n);
                let mut at = bytes.iter();
                for slice in buffer.free() {
                    slice.iter_mut().zip(&mut at).for_each(|(to, from)| *to = *from);
                }
                assert_eq!(at.len(), 0, "there is less room than was said");
                buffer.commit(n);
                model.extend(bytes);
            }
            4 => {
                // More than there is room for is only what there is room for.
                let free: Vec<u8> = buffer.free().concat();
                buffer.commit(room + most);
                model.extend(free);
            }
            _ => {
                buffer.clear();
                model.clear();
            }
        }
        let [first, second] = buffer.filled();
        assert!(model.iter().eq(first.iter().chain(second)));
        assert!(second.is_empty() || !first.is_empty(), "the first slice comes first");
        let lengths = (buffer.len(), buffer.room(), buffer.is_empty(), buffer.is_full());
        assert_eq!(lengths, (model.len(), capacity - model.len(), model.is_empty(), model.len() == capacity));
        let [first, second] = buffer.free();
        assert_eq!(first.len() + second.len(), capacity - model.len());
        assert!(!model.is_empty() || second.is_empty(), "an empty buffer is one slice");
    }
}

/// A channel that leaves everything to the program.
struct Quiet;

impl Dispatcher<Memory> for Quiet {
    fn readable(&self) -> bool {
        false
    }
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, _: &mut Channel<'_, Memory, Self>) -> Result<()> {
        Ok(())
    }
}

type Events = EventLoop<Quiet, Memory, Watch, Array<Slot<Quiet, Memory>, 1>>;

struct Line {
    events: Events,
    key: Key,
    far: Far,
    outbox: Outbox<Box<[u8]>>,
    /// What waits, by the model.
    waiting: VecDeque<u8>,
    /// What is on the way to the far end.
    on_the_way: VecDeque<u8>,
    hung_up: bool,
}

/// Everything that was taken arrives, once and in order; what was refused leaves no trace.
fn an_outbox(memory: Box<[u8]>, tape: &mut Tape<'_>) {
    let (mut net, watch) = pair();
    net.capacity = tape.up_to(70);
    net.gulp = 1 + tape.up_to(80);
    let (socket, far) = net.connection();
    let mut events = Events::with_parts(net, watch, Array::default());
    let key = events.add(socket, Quiet).unwrap();
    let outbox = Outbox::over(memory);
    let mut line =
        Line { events, key, far, outbox, waiting: VecDeque::new(), on_the_way: VecDeque::new(), hung_up: false };
    let mut source = Source::default();
    let capacity = line.outbox.capacity();
    while !tape.is_over() {
        let most = tape.up_to(capacity + 3);
        match tape.up_to(6) {
            0 => line.send(&source.take(most)),
            1 => line.push(&source.take(most)),
            2 => line.flush(),
            3 if !line.hung_up => line.fill(source.take(most)),
            4 if !line.hung_up => assert!(line.on_the_way.drain(..).eq(line.events.net_mut().hear(far))),
            5 if !line.hung_up => {
                line.events.net_mut().hang_up(far);
                line.hung_up = true;
            }
            _ => {
                line.outbox.clear();
                line.waiting.clear();
            }
        }
        let lengths = (line.outbox.len(), line.outbox.is_empty(), line.outbox.room());
        assert_eq!(lengths, (line.waiting.len(), line.waiting.is_empty(), capacity - line.waiting.len()));
    }
    while !line.hung_up && line.events.net().capacity > 0 && !line.waiting.is_empty() {
        line.flush();
        assert!(line.on_the_way.drain(..).eq(line.events.net_mut().hear(far)));
    }
}

impl Line {
    fn taken(&mut self, n: usize) {
        self.on_the_way.extend(self.waiting.drain(..n));
    }

    /// How much the net takes of so many bytes.
    fn passes(&self, bytes: usize) -> usize {
        let net = self.events.net();
        net.capacity.saturating_sub(self.on_the_way.len()).min(net.gulp).min(bytes)
    }

    fn send(&mut self, bytes: &[u8]) {
        let (fits, at_once) = (bytes.len() <= self.outbox.room(), self.outbox.is_empty());
        let passes = if at_once { self.passes(bytes.len()) } else { 0 };
        let (_, mut io) = self.events.channel(self.key).unwrap();
        match self.outbox.send(&mut io, bytes) {
            Ok(()) => {
                assert!(fits, "more was taken than there is room for");
                assert!(!(self.hung_up && at_once && !bytes.is_empty()), "nobody is there");
                self.waiting.extend(bytes);
                self.taken(passes);
            }
            Err(why) if why.kind() == ErrorKind::Full => assert!(!fits, "{why}"),
            Err(why) => assert!(self.hung_up && why.kind() == ErrorKind::Disconnected, "{why}"),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let fits = bytes.len() <= self.outbox.room();
        assert_eq!(self.outbox.push(bytes).map_err(|why| why.kind()), if fits { Ok(()) } else { Err(ErrorKind::Full) });
        if fits {
            self.waiting.extend(bytes);
        }
    }

    fn flush(&mut self) {
        // The net in memory sends one slice at a time.
        let before = self.outbox.len();
        let passes = self.passes(self.waiting.len());
        let (_, mut io) = self.events.channel(self.key).unwrap();
        match self.outbox.flush(&mut io) {
            Ok(()) => {
                let sent = before - self.outbox.len();
                assert!(sent <= passes && (sent > 0) == (passes > 0), "{sent} of {passes}");
                self.taken(sent);
            }
            Err(why) => {
                assert!(self.hung_up && why.kind() == ErrorKind::Disconnected, "{why}");
                assert_eq!(self.outbox.len(), before, "a break loses nothing by itself");
            }
        }
    }

    fn fill(&mut self, bytes: Vec<u8>) {
        // All of it, or as much as there is room for; the rest is thrown away here.
        let room = self.outbox.room();
        self.events.net_mut().say(self.far, &bytes);
        let mut left = &bytes[..];
        loop {
            let (_, mut io) = self.events.channel(self.key).unwrap();
            match self.outbox.fill_from(&mut io).unwrap() {
                Received::Data(0) => break assert_eq!(self.outbox.room(), 0),
                Received::Data(n) => {
                    self.waiting.extend(&left[..n]);
                    left = &left[n..];
                }
                Received::WouldBlock => break assert!(left.is_empty()),
                Received::End => unreachable!("nobody has hung up"),
            }
        }
        assert_eq!(bytes.len() - left.len(), bytes.len().min(room));
        let (_, mut io) = self.events.channel(self.key).unwrap();
        while io.recv(&mut [0; 64]).unwrap() != Received::WouldBlock {}
    }
}
