//! Whom a fault may hurt: each is traced to the connection whose socket met it.
//!
//! Only who is at the ends of that connection may lose anything by it: the channel, its client, and where the program has
//! joined it with another one, that one too. A fault of the door's own socket concerns those whom it had not let in by
//! then. What means only that the same call has to be made again concerns nobody.

use stheno_conformance::faults::{Call, Outcome, Struck};

use crate::session::{Client, World};

/// So many calls of a session are the program's start: a fault there is the end of it.
pub const START: usize = 5;

/// What a program makes of faults.
#[derive(Clone, Copy, Default)]
pub struct Manners {
    /// Its door takes upon itself that nobody can be accepted.
    pub forgiving_door: bool,
    /// It sends again what could not be sent for another reason than that the connection broke.
    pub tries_again: bool,
}

/// How a client fared, when nothing happens any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fate {
    /// How many bytes it has got, and how many there were for it. That they are the right ones is a matter of its own.
    pub got: usize,
    pub due: usize,
    /// Whether it has seen the end of its connection.
    pub over: bool,
    /// Whether it was to be let go once it had everything.
    pub goes: bool,
}

/// What some clients have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Harm {
    /// They lose nothing by it.
    None,
    /// Whether it ends their connections is the program's decision.
    May,
    /// It ends their connections.
    Must,
}

/// Whom a fault hurts, how, and by what way it is known.
struct Trace {
    struck: Struck,
    harm: Harm,
    whom: Vec<usize>,
}

fn harm(struck: &Struck, of_the_door: bool, manners: Manners) -> Harm {
    match (struck.call, struck.fault.outcome) {
        (_, Outcome::WouldBlock | Outcome::Short | Outcome::Interrupted) => Harm::None,
        // Whoever calls stays in line, and the door comes back (rule 6).
        (Call::Accept, Outcome::Exhausted) => Harm::None,
        (Call::Register, Outcome::Exhausted) if of_the_door && struck.fault.at >= START => Harm::None,
        (Call::Accept, _) if manners.forgiving_door => Harm::None,
        (Call::Send, Outcome::Exhausted | Outcome::Other) if manners.tries_again => Harm::May,
        _ => Harm::Must,
    }
}

fn trace(net: &World, struck: &Struck, clients: &[Client], manners: Manners) -> Trace {
    let sockets = net.sockets();
    // Whoever was let in last before this socket was there: the program dials out for it at once.
    let last_of = |sockets: &[_]| -> Option<usize> {
        let guest = sockets.iter().rev().find(|origin: &&stheno_conformance::faults::Origin<_>| origin.accepted)?;
        clients.iter().position(|client| client.address == guest.there)
    };
    let owner = last_of(&sockets[..struck.socket.map_or(struck.sockets, |place| place + 1)]);
    // The door's socket is the first, and it is accepted from as long as it lives.
    let of_the_door = struck.socket == Some(0) || owner.is_none();
    let let_in = |client: &Client| {
        let guests = sockets[..struck.sockets].iter().filter(|origin| origin.accepted);
        guests.into_iter().any(|guest| guest.there == client.address)
    };
    let newcomers = || (0..clients.len()).filter(|id| !let_in(&clients[*id])).collect();
    let whom = if of_the_door { newcomers() } else { owner.into_iter().collect() };
    Trace { struck: *struck, harm: harm(struck, of_the_door, manners), whom }
}

/// Who has been hurt, and whether by the faults that happened: nobody else may be, and who must be is.
pub fn judge(net: &World, clients: &[Client], fates: &[Fate], manners: Manners) -> Result<(), String> {
    let traces: Vec<_> = net.struck().iter().map(|struck| trace(net, struck, clients, manners)).collect();
    hold(&traces, fates)
}

fn hold(traces: &[Trace], fates: &[Fate]) -> Result<(), String> {
    for (id, fate) in fates.iter().enumerate() {
        let met = |harm| traces.iter().any(|trace| trace.harm == harm && trace.whom.contains(&id));
        let wrong = match (fate, met(Harm::May) || met(Harm::Must)) {
            (Fate { got, due, over: true, goes: true }, false) if got == due => continue,
            (Fate { over: true, .. }, false) => "was cut off",
            (Fate { got, due, over: false, goes: true }, _) if got == due => "was not let go",
            (Fate { got, due, .. }, false) if got < due => "did not get everything",
            (Fate { got, due, over: false, .. }, true) if got < due => "hangs",
            (Fate { over: false, .. }, true) if met(Harm::Must) => "goes on as if nothing had happened",
            _ => continue,
        };
        let Fate { got, due, .. } = fate;
        let faults: Vec<_> = traces.iter().map(Trace::to_string).collect();
        return Err(format!("client {id} {wrong}, after {got} of {due} bytes; {}", faults.join("; ")));
    }
    Ok(())
}

impl std::fmt::Display for Trace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Struck { fault, call, .. } = self.struck;
        write!(f, "call {} ({call:?}, {:?})", fault.at, fault.outcome)?;
        match self.harm {
            Harm::None => f.write_str(" concerns nobody"),
            Harm::May => write!(f, " may concern clients {:?}", self.whom),
            Harm::Must => write!(f, " concerns clients {:?}", self.whom),
        }
    }
}

#[test]
fn the_verdict_names_who_was_hurt() {
    use stheno_conformance::faults::Fault;
    let struck = |call, outcome| Struck { fault: Fault { at: 9, outcome }, call, socket: Some(1), sockets: 4 };
    let trace = |harm, whom: &[usize]| Trace { struck: struck(Call::Recv, Outcome::Other), harm, whom: whom.to_vec() };
    let fate = |got, over| Fate { got, due: 7, over, goes: false };
    let (well, hurt) = (fate(7, false), fate(3, true));
    let guest = |got, over| Fate { goes: true, ..fate(got, over) };
    let cases = [
        (vec![trace(Harm::Must, &[0])], vec![hurt, well], ""),
        (vec![trace(Harm::Must, &[0])], vec![fate(7, true), well], ""),
        (vec![trace(Harm::May, &[0])], vec![well, well], ""),
        // As many as there were faults, and not those whom they met.
        (vec![trace(Harm::Must, &[0])], vec![well, hurt], "client 0 goes on"),
        (vec![trace(Harm::May, &[0])], vec![well, hurt], "client 1 was cut off"),
        (vec![trace(Harm::None, &[0])], vec![hurt, well], "client 0 was cut off"),
        (vec![trace(Harm::Must, &[0])], vec![hurt, fate(6, false)], "client 1 did not get everything"),
        (vec![trace(Harm::Must, &[0])], vec![fate(6, false), well], "client 0 hangs"),
        (vec![trace(Harm::Must, &[0]), trace(Harm::Must, &[1])], vec![hurt, hurt], ""),
        (vec![], vec![guest(7, true)], ""),
        (vec![], vec![guest(3, true)], "client 0 was cut off"),
        (vec![trace(Harm::Must, &[0])], vec![guest(3, true)], ""),
        (vec![], vec![guest(7, false)], "client 0 was not let go"),
        (vec![trace(Harm::May, &[0])], vec![guest(7, false)], "client 0 was not let go"),
    ];
    for (traces, fates, expected) in cases {
        match hold(&traces, &fates) {
            Ok(()) => assert_eq!(expected, "", "{fates:?} was let pass"),
            Err(wrong) => assert!(!expected.is_empty() && wrong.starts_with(expected), "{wrong:?}, not {expected:?}"),
        }
    }
    // What concerns nobody, and what the program may decide.
    let manners = Manners { forgiving_door: true, tries_again: true };
    for (call, outcome, of_the_door, plain, mannered) in [
        (Call::Recv, Outcome::WouldBlock, false, Harm::None, Harm::None),
        (Call::Send, Outcome::Short, false, Harm::None, Harm::None),
        (Call::Connect, Outcome::Interrupted, false, Harm::None, Harm::None),
        (Call::Accept, Outcome::Exhausted, true, Harm::None, Harm::None),
        (Call::Accept, Outcome::Other, true, Harm::Must, Harm::None),
        (Call::Register, Outcome::Exhausted, true, Harm::None, Harm::None),
        (Call::Register, Outcome::Exhausted, false, Harm::Must, Harm::Must),
        (Call::Send, Outcome::Other, false, Harm::Must, Harm::May),
        (Call::Send, Outcome::Disconnected, false, Harm::Must, Harm::Must),
    ] {
        let struck = struck(call, outcome);
        assert_eq!(harm(&struck, of_the_door, Manners::default()), plain, "{struck:?}");
        assert_eq!(harm(&struck, of_the_door, manners), mannered, "{struck:?}");
    }
}
