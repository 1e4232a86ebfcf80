//! One question: it is sent, waited for, sent again, and answered or given up.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{Write, stdout};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, Question, RCODE, SimpleDnsError, TYPE, header_buffer};
use stheno::{Address, Channel, Dispatcher, Error, Kind, Net, Os, Result, Socket, With};

pub type World = With<Os, Work>;

/// What the questions share.
pub struct Work {
    pub server: Address,
    /// How long the first wait is.
    pub patience: Duration,
    pub tries: u32,
    /// The questions that wait for their turn.
    pub todo: VecDeque<Query>,
    /// The names that have an address.
    pub resolved: Vec<String>,
}

impl Work {
    /// A socket of which the other end is the server: what comes from elsewhere does not get in.
    pub fn connect(&self) -> Result<Socket> {
        let mut socket = Os.socket(Kind::Datagram, &self.server)?;
        Os.connect(&mut socket, &self.server)?;
        Ok(socket)
    }
}

pub struct Query {
    name: String,
    kind: TYPE,
    id: u16,
    message: Vec<u8>,
    /// It is to be sent as soon as there is room.
    unsent: bool,
    tries: u32,
    /// Messages that were no answers to it.
    strays: u32,
}

/// What a message is to a question.
enum Answer {
    Stray,
    Failed(String),
    /// None, perhaps: the name has others.
    Addresses(Vec<String>),
}

impl Dispatcher<World> for Query {
    fn writable(&self) -> bool {
        self.unsent
    }

    fn handle_write(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        if channel.send(&self.message)? > 0 {
            self.unsent = false;
            let patience = channel.net().shared.patience;
            channel.set_timeout(patience.saturating_mul(1 << self.tries));
            self.tries += 1;
        }
        Ok(())
    }

    /// Whatever comes that is no answer does not make the wait any longer.
    fn handle_read(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        let mut message = [0; 4096];
        let Some(datagram) = channel.recv_from(&mut message)? else { return Ok(()) };
        match self.understand(&message[..datagram.len], datagram.truncated) {
            Answer::Stray => self.strays += 1,
            Answer::Failed(why) => self.give_up(why, channel),
            Answer::Addresses(addresses) => self.answer(&addresses, channel)?,
        }
        Ok(())
    }

    fn handle_timeout(&mut self, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        if self.tries < channel.net().shared.tries {
            self.unsent = true;
        } else {
            let but = match self.strays {
                0 => String::new(),
                strays => format!(", but {strays} messages that answer something else"),
            };
            self.give_up(format_args!("no answer, asked {} times{but}", self.tries), channel);
        }
        Ok(())
    }

    /// Where nobody is at home the system says so, as an error of the socket.
    fn handle_error(&mut self, error: Error, channel: &mut Channel<'_, World, Self>) -> Result<()> {
        self.give_up(error, channel);
        Ok(())
    }
}

impl Query {
    /// A question under a number that nobody can guess.
    pub fn new(name: &str, kind: TYPE) -> std::result::Result<Self, String> {
        let mut id = [0; 2];
        getrandom(&mut id, GetRandomFlags::empty()).map_err(|why| format!("no random numbers: {why}"))?;
        let id = u16::from_ne_bytes(id);
        let write = || -> std::result::Result<Vec<u8>, SimpleDnsError> {
            let mut packet = Packet::new_query(id);
            packet.set_flags(PacketFlag::RECURSION_DESIRED);
            packet.questions.push(Question::new(Name::new(name)?, kind.into(), CLASS::IN.into(), false));
            packet.build_bytes_vec()
        };
        let message = write().map_err(|why| format!("{name} is no name: {why}"))?;
        Ok(Self { name: name.into(), kind, id, message, unsent: true, tries: 0, strays: 0 })
    }

    fn understand(&self, message: &[u8], cut: bool) -> Answer {
        if header_buffer::id(message) != Ok(self.id)
            || header_buffer::has_flags(message, PacketFlag::RESPONSE) != Ok(true)
        {
            return Answer::Stray;
        }
        if cut || header_buffer::has_flags(message, PacketFlag::TRUNCATION) == Ok(true) {
            return Answer::Failed("the answer was truncated, and would have to be asked for over TCP".into());
        }
        let Ok(packet) = Packet::parse(message) else { return Answer::Stray };
        let [question] = &packet.questions[..] else { return Answer::Stray };
        let name = self.name.trim_end_matches('.');
        if question.qtype != QTYPE::TYPE(self.kind) || !question.qname.to_string().eq_ignore_ascii_case(name) {
            return Answer::Stray;
        }
        match packet.rcode() {
            RCODE::NoError => {}
            RCODE::NameError => return Answer::Failed("no such name".into()),
            other => return Answer::Failed(format!("the server says {other:?}")),
        }
        let addresses = packet.answers.iter().filter_map(|record| match (&record.rdata, self.kind) {
            (RData::A(found), TYPE::A) => Some(Ipv4Addr::from_bits(found.address).to_string()),
            (RData::AAAA(found), TYPE::AAAA) => Some(Ipv6Addr::from_bits(found.address).to_string()),
            // What the name is an alias of, for example.
            _ => None,
        });
        Answer::Addresses(addresses.collect())
    }

    fn answer(&self, addresses: &[String], channel: &mut Channel<'_, World, Self>) -> Result<()> {
        for address in addresses {
            let written = writeln!(stdout(), "{} {:?} {address}", self.name, self.kind);
            written.map_err(|why| Error::user("cannot write", why.raw_os_error().unwrap_or(0)))?;
        }
        if !addresses.is_empty() {
            channel.net().shared.resolved.push(self.name.clone());
        }
        self.make_room(channel);
        Ok(())
    }

    fn give_up(&self, why: impl Display, channel: &mut Channel<'_, World, Self>) {
        eprintln!("resolver: {} {:?}: {why}", self.name, self.kind);
        self.make_room(channel);
    }

    /// It is done; the next question has its turn.
    fn make_room(&self, channel: &mut Channel<'_, World, Self>) {
        channel.close();
        while let Some(next) = channel.net().shared.todo.pop_front() {
            let name = next.name.clone();
            match channel.net().shared.connect().and_then(|socket| channel.add(socket, next)) {
                Ok(_) => break,
                Err(why) => eprintln!("resolver: {name}: {why}"),
            }
        }
    }
}
