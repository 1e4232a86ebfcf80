//! Datagrams to all and to groups, over the loopback interface, on each backend.
//!
//! Where the environment has no broadcast or no groups there, the test says so and is skipped; those of IPv6 ask for a
//! network of their own, as the loopback interface has none.
#![cfg(all(target_os = "linux", feature = "std"))]
#![allow(missing_docs)]

mod common;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::{Command, Stdio};

use common::events::*;
use common::skipped;
use stheno::{Address, BackendName, Channel, Dispatcher, Error, ErrorKind, Key, Kind, Net, Os, Result, Socket};

/// Notes the datagrams that it is told.
struct Member(Notes);

impl Dispatcher<Os> for Member {
    fn writable(&self) -> bool {
        false
    }
    fn handle_read(&mut self, channel: &mut Channel<'_, Os, Self>) -> Result<()> {
        let mut data = [0; 64];
        while let Some(datagram) = channel.recv_from(&mut data)? {
            self.0.add(Told::Read(data[..datagram.len].to_vec()));
        }
        Ok(())
    }
}

/// A loop with a channel that is bound to all addresses, the channel, and the port that it has.
fn member(backend: BackendName, at: &str, notes: &Notes) -> (Loop<Member>, Key, u16) {
    let mut events = events(backend);
    let at: Address = at.parse().unwrap();
    let key = events.create(Kind::Datagram, &at, Member(notes.clone())).unwrap();
    let (_, mut io) = events.channel(key).unwrap();
    io.bind(&at).unwrap();
    let port = io.local_address().unwrap().port().unwrap();
    (events, key, port)
}

/// What the member hears of a datagram that is sent to the group, and of one that surely arrives after it.
#[track_caller]
fn heard(events: &mut Loop<Member>, notes: &Notes, sender: &mut Socket, group: &Address, own: &Address) -> Vec<Told> {
    notes.clear();
    assert_eq!(Os.send_to(sender, b"to the group", group), Ok(true));
    assert_eq!(Os.send_to(sender, b"to you", own), Ok(true));
    turn_until(events, |_| notes.has(&Told::Read(b"to you".to_vec())));
    notes.all()
}

fn both() -> Vec<Told> {
    vec![Told::Read(b"to the group".to_vec()), Told::Read(b"to you".to_vec())]
}

fn only_its_own() -> Vec<Told> {
    vec![Told::Read(b"to you".to_vec())]
}

/// What an environment says that has no such thing; anything else is a failure of the test.
fn is_refusal(why: &Error) -> bool {
    matches!(stheno::errno_name(why.code()), Some("ENETUNREACH" | "ENODEV" | "EADDRNOTAVAIL" | "EACCES" | "EPERM"))
}

#[test]
fn a_broadcast_is_forbidden_until_it_is_allowed() {
    on_each_backend(|backend| {
        let notes = Notes::default();
        let (mut events, _, port) = member(backend, "0.0.0.0:0", &notes);
        let all = Address::from((Ipv4Addr::new(127, 255, 255, 255), port));
        let own = Address::from((Ipv4Addr::LOCALHOST, port));
        let mut sender = Os.socket(Kind::Datagram, &own).unwrap();
        let why = Os.send_to(&mut sender, b"to all", &all).unwrap_err();
        assert_eq!(why.to_string(), format!("send a datagram {all}: permission denied (os error 13)"));
        sender.set_broadcast(true).unwrap();
        if let Err(why) = Os.send_to(&mut sender, b"to all", &all) {
            assert!(is_refusal(&why), "{why}");
            return skipped("a_broadcast_is_forbidden_until_it_is_allowed", why);
        }
        turn_until(&mut events, |_| notes.has(&Told::Read(b"to all".to_vec())));
        sender.set_broadcast(false).unwrap();
        assert!(Os.send_to(&mut sender, b"to all", &all).is_err());
    });
}

/// A group that no other program and no other test is likely to be in.
fn group_v4(backend: BackendName) -> Ipv4Addr {
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(239, 192 + backend as u8, high, low)
}

#[test]
fn a_group_of_ipv4_is_joined_and_left() {
    on_each_backend(|backend| {
        let (notes, here, group) = (Notes::default(), Ipv4Addr::LOCALHOST, group_v4(backend));
        let (mut events, key, port) = member(backend, "0.0.0.0:0", &notes);
        let (to, own) = (Address::from((group, port)), Address::from((here, port)));
        let mut sender = Os.socket(Kind::Datagram, &own).unwrap();
        sender.set_multicast_if_v4(&here).unwrap();
        assert_eq!(sender.multicast_if_v4(), Ok(here));
        if let Err(why) = join(&mut events, key, |socket| socket.join_multicast_v4(&group, &here)) {
            assert!(is_refusal(&why), "{why}");
            return skipped("a_group_of_ipv4_is_joined_and_left", why);
        }
        if let Err(why) = Os.send_to(&mut sender, b"", &to) {
            assert!(is_refusal(&why), "{why}");
            return skipped("a_group_of_ipv4_is_joined_and_left", why);
        }
        turn_until(&mut events, |_| notes.has(&Told::Read(vec![])));
        assert_eq!(heard(&mut events, &notes, &mut sender, &to, &own), both());

        sender.set_multicast_ttl_v4(0).unwrap();
        assert_eq!(heard(&mut events, &notes, &mut sender, &to, &own), both(), "0 is this host");

        let again = join(&mut events, key, |socket| socket.join_multicast_v4(&group, &here)).unwrap_err();
        assert_eq!(again.text(), "address already in use");
        join(&mut events, key, |socket| socket.leave_multicast_v4(&group, &here)).unwrap();
        assert_eq!(heard(&mut events, &notes, &mut sender, &to, &own), only_its_own());
        let again = join(&mut events, key, |socket| socket.leave_multicast_v4(&group, &here)).unwrap_err();
        assert_eq!(again.text(), "address not available");
        let no_group = join(&mut events, key, |socket| socket.join_multicast_v4(&here, &here)).unwrap_err();
        assert_eq!(no_group.kind(), ErrorKind::Invalid, "{no_group}");
        assert_eq!(events.len(), 1);
    });
}

fn join(events: &mut Loop<Member>, key: Key, how: impl FnOnce(&Socket) -> Result<()>) -> Result<()> {
    how(events.channel(key).unwrap().1.socket().unwrap())
}

const OWN_NETWORK: &str = "STHENO_TEST_OWN_NETWORK";

/// What the loopback interface does not have by itself: groups of IPv6, and an interface that does not give back whatever
/// is sent to it. A network that belongs to these processes alone has them, and leads nowhere.
const SETUP: &str = "
ip link set lo up && ip -6 route add ff11::/16 dev lo &&
ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up &&
ip addr add 10.99.0.1/24 dev v0 && ip -6 addr add fd99::1/64 dev v0 nodad || exit 77
exec \"$0\" --exact \"$1\"";

/// Runs a test as a process of its own in such a network; skips it where there is none to be had.
fn in_its_own_network(name: &str, test: impl FnOnce()) {
    if std::env::var_os(OWN_NETWORK).is_some() {
        return test();
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", SETUP]).arg(std::env::current_exe().unwrap()).arg(name);
    let output = match command.env(OWN_NETWORK, "1").stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(why) => return skipped(name, format_args!("unshare: {why}")),
    };
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let ran = said.contains("running 1 test");
    match output.status.code() {
        Some(0) if ran => {}
        _ if !ran => skipped(name, format_args!("no network of its own: {}", said.trim())),
        _ => panic!("{said}"),
    }
}

fn interface(name: &str) -> u32 {
    let any = Os.socket(Kind::Datagram, &"127.0.0.1:0".parse().unwrap()).unwrap();
    rustix::net::netdevice::name_to_index(&any, name).unwrap()
}

#[test]
fn a_group_of_ipv6_is_joined_and_left() {
    in_its_own_network("a_group_of_ipv6_is_joined_and_left", || {
        let (lo, group) = (interface("lo"), Ipv6Addr::new(0xff11, 0, 0, 0, 0, 0, 0, 0x99));
        on_each_backend(|backend| {
            let notes = Notes::default();
            let (mut events, key, port) = member(backend, "[::]:0", &notes);
            let (to, own) = (Address::from((group, port)), Address::from((Ipv6Addr::LOCALHOST, port)));
            let mut sender = Os.socket(Kind::Datagram, &own).unwrap();
            sender.set_multicast_if_v6(lo).unwrap();
            assert_eq!(sender.multicast_if_v6(), Ok(lo));
            assert_eq!(heard(&mut events, &notes, &mut sender, &to, &own), only_its_own());
            join(&mut events, key, |socket| socket.join_multicast_v6(&group, lo)).unwrap();
            assert_eq!(heard(&mut events, &notes, &mut sender, &to, &own), both());
            sender.set_multicast_hops_v6(0).unwrap();
            assert_eq!(heard(&mut events, &notes, &mut sender, &to, &own), both(), "0 is this host");

            let again = join(&mut events, key, |socket| socket.join_multicast_v6(&group, lo)).unwrap_err();
            assert_eq!(again.text(), "address already in use");
            join(&mut events, key, |socket| socket.leave_multicast_v6(&group, lo)).unwrap();
            assert_eq!(heard(&mut events, &notes, &mut sender, &to, &own), only_its_own());
            let again = join(&mut events, key, |socket| socket.leave_multicast_v6(&group, lo)).unwrap_err();
            assert_eq!(again.text(), "address not available");
            let nowhere = join(&mut events, key, |socket| socket.join_multicast_v6(&group, 4_000)).unwrap_err();
            assert_eq!(nowhere.text(), "no such device");
        });
    });
}

/// What is sent to a group comes back to this host's own members, or does not.
#[test]
fn what_is_sent_to_a_group_is_heard_here_or_not() {
    in_its_own_network("what_is_sent_to_a_group_is_heard_here_or_not", || {
        let (here, group) = (Ipv4Addr::new(10, 99, 0, 1), Ipv4Addr::new(239, 9, 9, 9));
        let (v0, group_v6) = (interface("v0"), Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0, 0x99));
        on_each_backend(|backend| {
            let notes = Notes::default();
            let (mut events, key, port) = member(backend, "0.0.0.0:0", &notes);
            let (to, own) = (Address::from((group, port)), Address::from((here, port)));
            join(&mut events, key, |socket| socket.join_multicast_v4(&group, &here)).unwrap();
            let mut sender = Os.socket(Kind::Datagram, &own).unwrap();
            sender.set_multicast_if_v4(&here).unwrap();
            for (on, expected) in [(true, both()), (false, only_its_own()), (true, both())] {
                sender.set_multicast_loop_v4(on).unwrap();
                assert_eq!(heard(&mut events, &notes, &mut sender, &to, &own), expected);
            }

            let (mut events, key, port) = member(backend, "[::]:0", &notes);
            let own = Address::from((Ipv6Addr::new(0xfd99, 0, 0, 0, 0, 0, 0, 1), port));
            join(&mut events, key, |socket| socket.join_multicast_v6(&group_v6, v0)).unwrap();
            let mut sender = Os.socket(Kind::Datagram, &own).unwrap();
            sender.set_multicast_if_v6(v0).unwrap();
            for (on, expected) in [(true, both()), (false, only_its_own()), (true, both())] {
                sender.set_multicast_loop_v6(on).unwrap();
                let to = Address::from((group_v6, port));
                assert_eq!(heard(&mut events, &notes, &mut sender, &to, &own), expected);
            }
        });
    });
}

/// Two members of one host share the port, and both hear what is said to the group.
#[test]
fn members_on_one_host_share_the_port() {
    on_each_backend(|backend| {
        let (notes, here) = (Notes::default(), Ipv4Addr::LOCALHOST);
        let mut group = group_v4(backend).octets();
        group[1] += 16;
        let mut events = events::<Member>(backend);
        let mut at: Address = "0.0.0.0:0".parse().unwrap();
        for _ in 0..2 {
            let key = events.create(Kind::Datagram, &at, Member(notes.clone())).unwrap();
            let (_, mut io) = events.channel(key).unwrap();
            io.set_reuse_address().unwrap();
            io.bind(&at).unwrap();
            at = io.local_address().unwrap();
            if let Err(why) = io.socket().unwrap().join_multicast_v4(&group.into(), &here) {
                assert!(is_refusal(&why), "{why}");
                return skipped("members_on_one_host_share_the_port", why);
            }
        }
        let mut sender = Os.socket(Kind::Datagram, &at).unwrap();
        sender.set_multicast_if_v4(&here).unwrap();
        let to = Address::from((Ipv4Addr::from(group), at.port().unwrap()));
        if let Err(why) = Os.send_to(&mut sender, b"news", &to) {
            assert!(is_refusal(&why), "{why}");
            return skipped("members_on_one_host_share_the_port", why);
        }
        turn_until(&mut events, |_| notes.all().len() == 2);
        assert_eq!(notes.all(), vec![Told::Read(b"news".to_vec()); 2]);
    });
}
