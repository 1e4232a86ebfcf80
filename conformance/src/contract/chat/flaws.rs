//! Where asynchat is wrong, and what is right.

use stheno::chat::Terminator;
use stheno::{Backend, Error, ErrorKind, Kind, Open};

use super::super::support::{Log, hold, same};
use super::super::{Case, Verdict};
use super::{Talk, Talker};
use crate::ground::{Family, Ground, Need};

pub(super) fn cases<G: Ground, B: Backend<G> + Open>() -> Vec<Case> {
    let case = |name, rules, check| Case::new(name, rules, check).beside_others();
    vec![
        case("chat-data-before-any-terminator-is-collected", "rules 3 and 7", before_a_terminator::<G, B>),
        case("chat-a-length-that-was-found-holds-for-the-next", "rule 3", length_again::<G, B>),
        case("chat-the-terminator-changes-in-the-middle-of-a-buffer", "rule 3", changes::<G, B>),
        case("chat-a-terminator-may-be-longer-than-a-chunk", "rules 3 and 10", longer_than_a_chunk::<G, B>),
        case("chat-after-a-close-nothing-is-told", "rule 2", after_a_close::<G, B>),
        case("chat-after-close-when-done-nothing-is-told", "rule 2", after_close_when_done::<G, B>),
        case("chat-what-is-held-back-comes-at-the-end", "rule 3", held_back::<G, B>),
        case("chat-nothing-is-lost-before-a-reset", "rule 3", before_a_reset::<G, B>).needing(&[Need::Resets]),
        case("chat-an-error-loses-nothing-of-the-rest", "rules 3 and 7", after_an_error::<G, B>),
        case("chat-a-line-beyond-its-limit-is-an-error", "rules 7 and 8", too_long::<G, B>),
        case("chat-a-line-beyond-its-limit-can-be-passed-over", "rules 7 and 8", passed_over::<G, B>),
        case("chat-close-when-done-with-nothing-waiting-is-at-once", "rule 2", close_empty::<G, B>),
        case("chat-close-when-done-works-unconnected", "rules 2 and 3", close_unconnected::<G, B>),
        case("chat-pushes-after-close-when-done-are-refused", "rule 8", pushes_refused::<G, B>),
        case("chat-an-empty-producer-leaves-its-successor", "rule 3", empty_producer::<G, B>),
        case("chat-an-empty-push-sends-nothing", "rule 6", empty_push::<G, B>),
        case("chat-discarding-forgets-both-sides", "rule 8", discard::<G, B>),
    ]
}

/// asynchat's terminator is not there before it is set, and the first byte ends the channel.
fn before_a_terminator<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::with(Talker::new(&Log::default(), 64, 64))?;
    talk.say(b"early")?;
    talk.tells(&["collected early"])?;
    talk.talker()?.chat.input.set_terminator(b"\n")?;
    talk.say(b"late\n")?;
    talk.tells(&["collected early", "found late"])
}

/// In asynchat a length that was found is 0 from then on, and nothing is found any more.
fn length_again<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(3)?;
    talk.say_in_pieces(b"abcdefgh", 2)?;
    talk.tells(&["found abc", "found def"])?;
    same("the terminator", talk.talker()?.chat.input.terminator(), Terminator::Length(3))?;
    talk.say(b"i")?;
    talk.tells(&["found abc", "found def", "found ghi"])
}

/// A header, a body of the length that it says, and the next header, all in one receive or byte by byte.
fn changes<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for piece in [1, 3, 64] {
        let mut talk = Talk::<G, B>::on(b"\r\n", |frame, chat, _| match frame.strip_prefix(b"body ") {
            Some(length) => chat.input.set_terminator(usize::from(length[0] - b'0')),
            None => chat.input.set_terminator(b"\r\n"),
        })?;
        talk.say_in_pieces(b"body 4\r\n\r\nxxbody 2\r\n\r\nend\r\n", piece)?;
        talk.tells(&["found body 4", r"found \r\nxx", "found body 2", r"found \r\n", "found end"])?;
    }
    Ok(())
}

fn longer_than_a_chunk<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\r\n.\r\n")?;
    talk.say_in_pieces(b"a\r\n.b\r\n.\r\r\n.\r\nc\r\n.\r\n", 2)?;
    talk.tells(&[r"found a\r\n.b\r\n.\r", "found c"])
}

/// asynchat goes on with what it has read when the program has closed the channel.
fn after_a_close<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::on(b"\n", |frame, _, channel| {
        if frame == b"close" {
            channel.close();
        }
        Ok(())
    })?;
    talk.say(b"one\nclose\ntwo\nthree")?;
    talk.tells(&["found one", "found close"])?;
    hold(talk.events.is_empty(), || "the channel is still there".into())
}

fn after_close_when_done<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::on(b"\n", |_, chat, channel| {
        chat.output.send(channel, b"goodbye")?;
        chat.output.close_when_done(channel);
        Ok(())
    })?;
    talk.say(b"quit\nquit\nquit\n")?;
    talk.ends_with(b"goodbye")?;
    talk.tells(&["found quit"])
}

/// asynchat never delivers what may be the beginning of a terminator where the stream ends with it.
fn held_back<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\r\n")?;
    talk.say(b"whole\r\nhalf\r")?;
    talk.tells(&["found whole"])?;
    talk.hang_up();
    talk.tells(&["found whole", r"collected half\r", "close end of stream"])
}

fn before_a_reset<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::with(Talker::new(&Log::default(), 4, 64).ending(b"\n")?)?;
    // More lines than a receive takes.
    talk.say(b"a\nb\nc\nd\ne\n")?;
    talk.events.net_mut().pass(std::time::Duration::from_millis(5));
    let Some(peer) = talk.peer.take() else { return Err("there is no peer".into()) };
    talk.events.net_mut().reset(peer)?;
    talk.tells(&["found a", "found b", "found c", "found d", "found e", "close ECONNRESET"])
}

/// asynchat leaves the rest where it is until more comes.
fn after_an_error<G: Ground, B: Backend<G> + Open>() -> Verdict {
    for input in [256, 16] {
        let mut talker = Talker::new(&Log::default(), input, 64).ending(b"\n")?.on(|frame, _, _| match frame {
            b"fail" => Err(Error::user("as it was told", 1)),
            _ => Ok(()),
        });
        talker.forgiving = true;
        let mut talk = Talk::<G, B>::with(talker)?;
        talk.say(b"one\nfail\ntwo\nfail\nthree\n")?;
        talk.tells(&[
            "found one",
            "found fail",
            "error as it was told",
            "found two",
            "found fail",
            "error as it was told",
            "found three",
        ])
        .map_err(|why| format!("with {input} bytes: {why}"))?;
    }
    Ok(())
}

/// asynchat collects without bounds.
fn too_long<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::with(Talker::new(&Log::default(), 64, 64).ending(b"\n")?)?;
    talk.talker()?.chat.input.set_limit(6);
    talk.say(b"12345\n123456")?;
    talk.tells(&["found 12345", "error a frame is longer than it may be", "close Full"])
}

fn passed_over<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talker = Talker::new(&Log::default(), 8, 64).ending(b"\n")?;
    talker.forgiving = true;
    let mut talk = Talk::<G, B>::with(talker)?;
    talk.say(b"ok\nthis is by far too long")?;
    talk.until("the error", |talk| Ok(talk.log.lines().len() >= 2))?;
    let (talker, mut io) = talk.events.channel(talk.key)?;
    talker.chat.input.skip();
    talker.chat.output.send(&mut io, b"500\n")?;
    talk.say(b", and goes on\nfine\n")?;
    talk.until("the line behind it", |talk| Ok(talk.log.lines().iter().any(|line| line == "found fine")))?;
    let mut told = talk.log.lines();
    told.dedup();
    same("what was told", told, ["found ok", "error a frame is longer than it may be", "found fine"])?;
    talk.hears(b"500\n")
}

/// asynchat waits for an event that need not come.
fn close_empty<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    let (talker, mut io) = talk.events.channel(talk.key)?;
    talker.chat.output.close_when_done(&mut io);
    hold(!io.connected(), || "it is still connected".into())?;
    talk.ends_with(b"")?;
    talk.tells(&[])
}

/// asynchat never closes a channel that is not connected.
fn close_unconnected<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let log = Log::default();
    // With nothing to say it is over at once, connected or not.
    let mut talk = Talk::<G, B>::with(Talker::new(&log, 64, 64))?;
    let idle = talk.events.create(Kind::Stream, G::anywhere(Family::Inet)?, Talker::new(&log, 64, 64))?;
    let mut host = talk.events.net_mut().host()?;
    let at = talk.events.net().address(&host)?;
    let connecting = talk.events.connect(at.clone(), Talker::new(&log, 64, 64))?;
    for key in [idle, connecting] {
        let (talker, mut io) = talk.events.channel(key)?;
        talker.chat.output.close_when_done(&mut io);
        talk.turn()?;
        hold(talk.events.channel(key).is_err(), || "an unconnected channel is still there".into())?;
    }
    // What waits is sent once it is connected, and then it is over.
    let key = talk.events.connect(at, Talker::new(&log, 64, 64))?;
    let (talker, mut io) = talk.events.channel(key)?;
    talker.chat.output.send(&mut io, b"last words")?;
    talker.chat.output.close_when_done(&mut io);
    talk.until("the last words are sent", |talk| Ok(talk.events.channel(key).is_err()))?;
    let net = talk.events.net_mut();
    let mut heard = Vec::new();
    // The caller that was closed before it had anything to say may be in line as well.
    while heard.is_empty() {
        let mut taken = net.take(&mut host)?;
        heard = super::super::far_end::hear_to_the_end(net, &mut taken)?;
    }
    same("what the host heard", heard, b"last words")?;
    same("what was told", log.lines(), Vec::<String>::new())
}

/// asynchat keeps them, and never sends them.
fn pushes_refused<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    let (talker, mut io) = talk.events.channel(talk.key)?;
    let output = &mut talker.chat.output;
    output.push(b"this is sent")?;
    output.close_when_done(&mut io);
    let refused = [
        output.push(b"no"),
        output.send(&mut io, b"no"),
        output.send_vectored(&mut io, [b"n", b"o"]),
        output.push_with_producer(b"no").map_err(Error::from),
        output.fill_from(&mut io).map(drop),
    ];
    for refused in refused {
        same("what comes after the end", refused.map_err(|why| why.kind()), Err(ErrorKind::Unsupported))?;
    }
    talk.ends_with(b"this is sent")
}

/// asynchat deletes an empty producer, and then what stands behind it.
fn empty_producer<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    let output = &mut talk.talker()?.chat.output;
    output.push_with_producer(b"")?;
    output.push(b"one ")?;
    output.push_with_producer(b"")?;
    output.push_with_producer(b"two")?;
    talk.hears(b"one two")?;
    // Alone it is done, and nothing comes of it.
    talk.talker()?.chat.output.push_with_producer(b"")?;
    talk.until("it is done", |talk| Ok(talk.talker()?.chat.output.is_empty()))?;
    talk.hears(b"one two")
}

/// asynchat makes a call that sends nothing, and asks for room to do so.
fn empty_push<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    let (talker, mut io) = talk.events.channel(talk.key)?;
    talker.chat.output.push(b"")?;
    talker.chat.output.send(&mut io, b"")?;
    hold(!talker.chat.writable(), || "it wants room to send nothing".into())?;
    let before = talk.events.backend().waits;
    talk.events.run_turns(3, Some(std::time::Duration::from_millis(5)))?;
    let waits = talk.events.backend().waits - before;
    hold(waits <= 3, || format!("{waits} waits"))?;
    talk.hears(b"")
}

fn discard<G: Ground, B: Backend<G> + Open>() -> Verdict {
    let mut talk = Talk::<G, B>::new(b"\n")?;
    talk.say(b"half a l")?;
    talk.until("it has come", |talk| Ok(talk.talker()?.chat.input.len() == 8))?;
    let output = &mut talk.talker()?.chat.output;
    output.push(b"never ")?;
    output.push_with_producer(b"said")?;
    talk.talker()?.chat.discard();
    hold(!talk.talker()?.chat.writable(), || "something waits to be sent".into())?;
    talk.say(b"line\n")?;
    talk.tells(&["found line"])?;
    talk.hears(b"")
}
