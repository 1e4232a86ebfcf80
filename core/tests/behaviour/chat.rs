//! Conversations: who speaks, who is heard, and when it is over.

use std::cell::RefCell;
use std::rc::Rc;

use crate::NO_WAIT;
use crate::memory::{Far, HANG, Memory, Table, Watch, pair};
use stheno_core::chat::{Conversation, Frame, TOO_LONG, Terminator};
use stheno_core::{Channel, Dispatcher, Eof, Error, ErrorKind, EventLoop, Key, Reason, Received, Result, Slot};

/// Writes down what it is told, answers `x` with as many as there are in it, and obeys.
struct Talker {
    chat: Conversation<[u8; 16], [u8; 32]>,
    told: String,
    errors: Vec<Error>,
    closed: Option<Reason>,
    /// What it was told, where it is not there any more to be asked.
    copy: Rc<RefCell<String>>,
}

/// As much as there is room for above the high mark.
const ABOVE_THE_MARK: &[u8] = b"yyyyyyyy";

impl Talker {
    fn new() -> Self {
        let mut chat = Conversation::new();
        chat.input.set_terminator(b"\n").unwrap();
        Self { chat, told: String::new(), errors: Vec::new(), closed: None, copy: Rc::default() }
    }
}

impl Dispatcher<Memory> for Talker {
    fn readable(&self) -> bool {
        self.chat.readable()
    }
    fn writable(&self) -> bool {
        self.chat.writable()
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
        self.chat.fill_from(channel)?;
        while let Some((frame, output)) = self.chat.next(channel)? {
            let (Frame::Found(bytes) | Frame::Collected(bytes)) = frame;
            let end = if matches!(frame, Frame::Found(_)) { "." } else { "…" };
            let told = String::from_utf8_lossy(bytes) + end;
            self.told += &told;
            *self.copy.borrow_mut() += &told;
            match bytes {
                b"fail" => return Err(Error::user("as I was told", 1)),
                b"close" => channel.close(),
                b"bye" => {
                    output.send(channel, b"goodbye")?;
                    output.close_when_done(channel);
                }
                b"four" => self.chat.input.set_terminator(4)?,
                b"none" => self.chat.input.set_terminator(Terminator::None)?,
                [b'x' | b'y', ..] => match output.send(channel, if bytes == b"y" { ABOVE_THE_MARK } else { bytes }) {
                    // That there is nobody any more to be answered is no reason not to listen.
                    Err(why) if why.kind() != ErrorKind::Disconnected => return Err(why),
                    _ => {}
                },
                _ => {}
            }
        }
        Ok(())
    }
    fn handle_write(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
        self.chat.flush(channel)
    }
    fn handle_eof(&mut self, channel: &mut Channel<'_, Memory, Self>) -> Result<Eof> {
        Ok(self.chat.finish(channel))
    }
    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, Memory, Self>) -> Result<()> {
        self.errors.push(error);
        if error == TOO_LONG {
            self.chat.input.skip();
        }
        self.chat.go_on(channel);
        Ok(())
    }
    fn handle_close(&mut self, reason: Reason, _: &mut Channel<'_, Memory, Self>) -> Result<()> {
        self.closed = Some(reason);
        Ok(())
    }
}

struct Talk {
    events: EventLoop<Talker, Memory, Watch, Table<Slot<Talker, Memory>>>,
    key: Key,
    far: Far,
}

impl Talk {
    fn new() -> Self {
        let (mut net, watch) = pair();
        let (socket, far) = net.connection();
        let mut events = EventLoop::with_parts(net, watch, Table::default());
        let key = events.add(socket, Talker::new()).unwrap();
        Self { events, key, far }
    }

    /// What the talker was told since the last time, after so many turns.
    fn told(&mut self, turns: usize) -> String {
        for _ in 0..turns {
            self.events.turn(NO_WAIT).unwrap();
        }
        self.events.channel(self.key).map(|(talker, _)| std::mem::take(&mut talker.told)).unwrap_or_default()
    }

    /// What it is told of these words.
    fn say(&mut self, words: &[u8]) -> String {
        self.events.net_mut().say(self.far, words);
        self.told(8)
    }

    fn hear(&mut self) -> String {
        String::from_utf8(self.events.net_mut().hear(self.far)).unwrap()
    }
}

#[test]
fn frames_are_told_as_they_come_and_answered() {
    let mut talk = Talk::new();
    assert_eq!(talk.say(b"hello\nxy"), "hello.");
    assert_eq!(talk.say(b"z\nhow are you"), "xyz.");
    assert_eq!(talk.hear(), "xyz");
    assert_eq!(talk.say(b"\n"), "how are you.");
}

#[test]
fn the_terminator_changes_between_two_frames() {
    let mut talk = Talk::new();
    assert_eq!(talk.say(b"four\nabcdefghij"), "four.abcd.efgh.");
    assert_eq!(talk.say(b"klnone..."), "ijkl.none....…");
}

#[test]
fn after_a_close_nothing_is_told() {
    let mut talk = Talk::new();
    talk.events.net_mut().say(talk.far, b"one\nclose\ntwo\n");
    let (talker, mut io) = talk.events.channel(talk.key).unwrap();
    // By hand, as its dispatcher is gone after the turn.
    talker.chat.fill_from(&mut io).unwrap();
    let mut told = Vec::new();
    while let Some((Frame::Found(line), _)) = talker.chat.next(&mut io).unwrap() {
        told.push(line.to_vec());
        if line == b"close" {
            io.close();
        }
    }
    assert_eq!(told, [&b"one"[..], b"close"]);
    assert!(talker.chat.input.is_empty(), "what is left is of no use");
}

#[test]
fn after_close_when_done_nothing_is_told_and_what_waits_goes() {
    let mut talk = Talk::new();
    talk.events.net_mut().capacity = 3;
    assert_eq!(talk.say(b"one\nbye\ntwo\n"), "one.bye.");
    let mut heard = talk.hear();
    assert_eq!(talk.say(b"three\n"), "", "it is read, and nobody is told");
    for _ in 0..4 {
        heard += &talk.hear();
        talk.told(2);
    }
    assert_eq!(heard, "goodbye");
    assert!(talk.events.is_empty());
}

#[test]
fn an_error_loses_nothing_of_the_rest() {
    let mut talk = Talk::new();
    assert_eq!(talk.say(b"a\nfail\nb\nfail\n"), "a.fail.b.fail.");
    assert_eq!(talk.say(b"c\n"), "c.");
    let kinds: Vec<_> = talk.events.dispatcher(talk.key).unwrap().errors.iter().map(Error::kind).collect();
    assert_eq!(kinds, [ErrorKind::User; 2]);
}

/// Also where the memory is full of what is left, and no more could be received.
#[test]
fn an_error_in_a_full_buffer_loses_nothing_either() {
    let mut talk = Talk::new();
    assert_eq!(talk.say(b"fail\n1\n2\n3\n4\n5\n67\n8\n"), "fail.1.2.3.4.5.67.8.");
}

#[test]
fn one_that_is_too_long_can_be_answered_and_passed_over() {
    let mut talk = Talk::new();
    assert_eq!(talk.say(b"ok\nthis line is by far too long\nxs\n"), "ok.xs.");
    assert_eq!(talk.hear(), "xs");
    assert_eq!(talk.events.dispatcher(talk.key).unwrap().errors, [TOO_LONG]);
}

#[test]
fn the_end_of_the_stream_gives_the_rest_and_waits_for_the_answer() {
    let mut talk = Talk::new();
    talk.events.net_mut().capacity = 2;
    talk.events.net_mut().say(talk.far, b"one\nxyzzy");
    talk.events.net_mut().finish(talk.far);
    assert_eq!(talk.told(3), "one.xyzzy…");
    let mut heard = String::new();
    for _ in 0..4 {
        heard += &talk.hear();
        talk.told(1);
    }
    assert_eq!(heard, "xyzzy");
    assert!(talk.events.is_empty());
}

/// Who asks without listening is not served beyond the high mark, and then goes on by itself.
#[test]
fn a_peer_that_does_not_listen_is_not_heard() {
    let mut talk = Talk::new();
    talk.events.net_mut().capacity = 0;
    let question = b"xxxxxxx\n"; // seven of 32
    let mut told = String::new();
    for _ in 0..20 {
        told += &talk.say(question);
    }
    assert_eq!(told, "xxxxxxx.".repeat(4), "which is 28, and the high mark is 24");
    assert!(talk.events.dispatcher(talk.key).unwrap().errors.is_empty(), "an answer always had room");
    let waits = talk.events.net().count.wait;
    assert_eq!(talk.events.run(), Err(HANG));
    assert!(talk.events.net().count.wait - waits <= 3, "it spins");
    talk.events.net_mut().capacity = 5;
    let mut heard = String::new();
    for _ in 0..100 {
        heard += &talk.hear();
        told += &talk.told(1);
    }
    assert_eq!(told, "xxxxxxx.".repeat(20));
    assert_eq!(heard, "x".repeat(140));
    assert!(talk.events.dispatcher(talk.key).unwrap().errors.is_empty());
}

/// Who asks a lot, finishes, and only then listens, gets every answer, though they never fit all at once.
#[test]
fn a_peer_that_finishes_before_it_listens_gets_all_its_answers() {
    let mut talk = Talk::new();
    talk.events.net_mut().capacity = 3;
    talk.events.net_mut().say(talk.far, &b"y\n".repeat(60));
    talk.events.net_mut().say(talk.far, b"xyz");
    talk.events.net_mut().finish(talk.far);
    let mut heard = String::new();
    for _ in 0..1_000 {
        talk.told(1);
        heard += &talk.hear();
        if let Some(talker) = talk.events.dispatcher(talk.key) {
            assert_eq!(talker.errors, [], "an answer always had room");
        }
    }
    assert_eq!(heard, "yyyyyyyy".repeat(60) + "xyz");
    assert!(talk.events.is_empty());
}

/// What cannot be sent any more does not keep from being heard what was said before.
#[test]
fn a_peer_that_resets_is_heard_to_the_end() {
    let mut talk = Talk::new();
    talk.events.net_mut().capacity = 0;
    // Some of it is in the conversation's memory, some with the network.
    let mut told = talk.say(&b"y\nxxx\n".repeat(20));
    assert_eq!(told, "y.xxx.y.xxx.y.", "which is 30, and the high mark is 24");
    let last = talk.events.channel(talk.key).unwrap().0.copy.clone();
    last.take();
    talk.events.net_mut().reset(talk.far);
    talk.told(8);
    assert!(talk.events.is_empty());
    told += &last.take();
    assert_eq!(told, "y.xxx.".repeat(20));
}

#[test]
fn discarding_forgets_both_sides() {
    let mut talk = Talk::new();
    talk.events.net_mut().capacity = 0;
    assert_eq!(talk.say(b"xyz\nhalf"), "xyz.");
    let (talker, _) = talk.events.channel(talk.key).unwrap();
    assert_eq!((talker.chat.input.len(), talker.chat.output.len()), (4, 3));
    talker.chat.discard();
    assert!(talker.chat.input.is_empty() && talker.chat.output.is_empty() && !talker.chat.writable());
    assert_eq!(talk.say(b"new\n"), "new.");
}

#[test]
fn who_has_no_room_does_not_read() {
    let mut talk = Talk::new();
    let (Talker { chat, .. }, _) = talk.events.channel(talk.key).unwrap();
    assert!(chat.readable());
    assert_eq!(chat.input.push(&[b'.'; 20]), 16);
    assert!(!chat.readable());
}

/// What is here comes before what is still to be received, once; and where nothing is held, sending asks for nothing.
#[test]
fn what_is_gone_on_with_comes_before_what_is_received() {
    let mut talk = Talk::new();
    talk.events.net_mut().say(talk.far, b"abc\n");
    let (Talker { chat, .. }, mut io) = talk.events.channel(talk.key).unwrap();
    chat.go_on(&mut io);
    assert_eq!(chat.fill_from(&mut io), Ok(Received::Data(0)));
    chat.flush(&mut io).unwrap();
    assert_eq!(chat.fill_from(&mut io), Ok(Received::Data(4)));
}

/// A frame that is held back while the answers wait is handed out once they have gone.
#[test]
fn what_was_held_back_comes_when_there_is_room_for_an_answer() {
    let mut talk = Talk::new();
    talk.events.net_mut().capacity = 0;
    let (Talker { chat, .. }, mut io) = talk.events.channel(talk.key).unwrap();
    chat.output.push(&[b'y'; 32]).unwrap();
    assert_eq!(chat.input.push(b"one\n"), 4);
    assert!(chat.next(&mut io).unwrap().is_none());
    assert_eq!(talk.told(2), "");
    talk.events.net_mut().capacity = 64;
    assert_eq!(talk.told(3), "one.");
}
