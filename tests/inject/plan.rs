//! Which call fails, with which error, and when: one plan for each that a session without faults shows to be possible.

use std::collections::BTreeMap;
use std::fmt;

use crate::traced::{Call, Log};

/// The errors that each call can really return to these programs.
const ERRORS: &[(&str, &[&str])] = &[
    (
        "accept4",
        &[
            "EAGAIN",
            "EINTR",
            "ECONNABORTED",
            "EMFILE",
            "ENFILE",
            "ENOBUFS",
            "ENOMEM",
            "EPROTO",
            "ETIMEDOUT",
            "EHOSTUNREACH",
            "ENETDOWN",
            "EPERM",
            "EACCES",
        ],
    ),
    ("bind", &["EADDRINUSE", "EACCES", "EADDRNOTAVAIL", "ENOMEM"]),
    ("clone3", &["EAGAIN", "ENOMEM"]),
    ("close", &["EIO", "EINTR"]),
    (
        "connect",
        &[
            "EINTR",
            "EAGAIN",
            "ECONNREFUSED",
            "ENETUNREACH",
            "EHOSTUNREACH",
            "ETIMEDOUT",
            "EADDRNOTAVAIL",
            "EACCES",
            "EPERM",
            "ENOBUFS",
            "ENOMEM",
        ],
    ),
    ("epoll_create1", &["EMFILE", "ENFILE", "ENOMEM"]),
    ("epoll_ctl", &["ENOMEM", "ENOSPC"]),
    ("epoll_pwait", &["EINTR"]),
    ("eventfd2", &["EMFILE", "ENFILE", "ENOMEM", "ENODEV"]),
    ("fcntl", &["EMFILE"]),
    ("getsockname", &["ENOBUFS"]),
    ("getsockopt", &["ENOBUFS", "ENOMEM"]),
    ("listen", &["EADDRINUSE"]),
    ("poll", &["EINTR", "ENOMEM"]),
    ("ppoll", &["EINTR", "ENOMEM"]),
    // How the clock is looked for; earlier systems do not know it.
    ("prctl", &["EINVAL"]),
    ("pselect6", &["EINTR", "ENOMEM"]),
    ("read", &["EAGAIN", "EINTR"]),
    ("recvfrom", RECEIVE),
    ("recvmsg", RECEIVE),
    ("select", &["EINTR", "ENOMEM"]),
    ("sendmsg", SEND),
    ("sendto", SEND),
    ("setsockopt", &["ENOBUFS", "ENOMEM", "EINVAL"]),
    ("shutdown", &["ENOTCONN"]),
    ("socket", &["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EACCES"]),
    ("write", &["EAGAIN", "EINTR", "EPIPE", "EIO", "ENOSPC"]),
];
const RECEIVE: &[&str] =
    &["EAGAIN", "EINTR", "ECONNRESET", "ENOTCONN", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENOMEM", "ENOBUFS"];
const SEND: &[&str] = &[
    "EAGAIN",
    "EINTR",
    "ECONNRESET",
    "EPIPE",
    "ENOTCONN",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOMEM",
    "ENOBUFS",
];

/// Calls of a program's own that are left alone: the allocator's, the signal handlers', and what cannot fail.
const LEFT_ALONE: &[&str] = &[
    "brk",
    "clock_gettime",
    "exit_group",
    "futex",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "prlimit64",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigaltstack",
];

/// What a backend waits with.
pub fn waits_of(backend: &str) -> &'static [&'static str] {
    match backend {
        "select" => &["select", "pselect6"],
        "poll" => &["poll", "ppoll"],
        _ => &["epoll_pwait"],
    }
}

/// What all of them wait with.
pub const WAITS: &[&str] = &["epoll_pwait", "poll", "ppoll", "pselect6", "select"];

/// Of a call that is made more often in a session, so many are taken, evenly spread.
pub const MOST: usize = 24;

/// For a fault that does not pass.
pub const FOR_EVER: usize = usize::MAX;

/// What fails in a session of which program on which backend.
#[derive(Clone, Debug)]
pub struct Plan {
    pub program: &'static str,
    pub backend: &'static str,
    pub faults: Vec<Fault>,
}

/// These calls of one kind meet this error.
#[derive(Clone, Debug)]
pub struct Fault {
    pub call: &'static str,
    pub errno: &'static str,
    /// Which of them, from 1 on, those before `main` included.
    pub first: usize,
    pub last: usize,
}

impl Plan {
    /// How many calls are to fail.
    pub fn faults(&self) -> usize {
        self.faults.iter().map(Fault::count).sum()
    }

    /// Whether the program may end although it had come to listen.
    pub fn may_end(&self) -> bool {
        self.faults.iter().any(Fault::may_end)
    }

    /// How many connections it may cost at the most.
    pub fn may_harm(&self) -> usize {
        self.faults.iter().map(Fault::may_harm).sum()
    }

    /// Whether calls of this kind fail.
    pub fn has(&self, call: &str) -> bool {
        self.faults.iter().any(|fault| fault.call == call)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let [program, backend, faults] = text.split('/').collect::<Vec<_>>()[..] else { return None };
        let faults = faults.split('+').map(Fault::parse).collect::<Option<_>>()?;
        Some(Self { program: known(&crate::PROGRAMS, program)?, backend: known(&crate::BACKENDS, backend)?, faults })
    }
}

impl Fault {
    fn count(&self) -> usize {
        self.last - self.first + 1
    }

    /// It can no longer wait, or could not say where it listens.
    fn may_end(&self) -> bool {
        self.call == "write" || (WAITS.contains(&self.call) && self.errno != "EINTR")
    }

    fn may_harm(&self) -> usize {
        let again = match self.call {
            // An attempt that cannot be begun is over.
            "connect" | "socket" => self.errno == "EINTR",
            _ => matches!(self.errno, "EAGAIN" | "EINTR"),
        };
        let harmless = ["accept4", "close", "setsockopt"].contains(&self.call) || WAITS.contains(&self.call);
        if again || harmless { 0 } else { self.count() }
    }

    fn parse(text: &str) -> Option<Self> {
        let [call, errno, when] = text.split(':').collect::<Vec<_>>()[..] else { return None };
        let (call, errnos) = ERRORS.iter().find(|(known, _)| *known == call)?;
        let (first, last) = when.split_once("..")?;
        Some(Self { call, errno: known(errnos, errno)?, first: first.parse().ok()?, last: last.parse().ok()? })
    }

    /// As strace is told.
    pub fn injection(&self) -> String {
        let last = if self.last == FOR_EVER { "+".into() } else { format!("..{}", self.last) };
        format!("inject={}:error={}:when={}{last}", self.call, self.errno, self.first)
    }
}

fn known(names: &[&'static str], name: &str) -> Option<&'static str> {
    names.iter().copied().find(|known| *known == name)
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/", self.program, self.backend)?;
        for (n, Fault { call, errno, first, last }) in self.faults.iter().enumerate() {
            write!(f, "{}{call}:{errno}:{first}..{last}", if n > 0 { "+" } else { "" })?;
        }
        Ok(())
    }
}

/// Every plan of one fault, or of one range of them, for a session that went like this one.
pub fn all(program: &'static str, backend: &'static str, log: &Log) -> Vec<Plan> {
    let own = log.own();
    for call in log.calls().filter(|call| call.line >= own) {
        let known = ERRORS.iter().any(|(name, _)| *name == call.name) || LEFT_ALONE.contains(&call.name);
        assert!(known, "{program} on {backend} makes a call that has no errors to try: {}", call.text);
    }
    let mut plans = Vec::new();
    for (call, errnos, first) in places(log, own, MOST) {
        for errno in errnos {
            let lasts = match *errno {
                // The second would be the message that says what failed.
                _ if call == "write" => vec![first],
                "EAGAIN" | "EINTR" => vec![first, first + 3],
                "EMFILE" | "ENOBUFS" | "EPERM" if call == "accept4" => vec![first, first + 1],
                _ => vec![first],
            };
            let faults = lasts.into_iter().map(|last| vec![Fault { call, errno, first, last }]);
            plans.extend(faults.map(|faults| Plan { program, backend, faults }));
        }
    }
    plans
}

/// A send that finds no room, about a third of the way: what follows it happens in no session that has no faults.
pub fn no_room(program: &'static str, backend: &'static str, log: &Log) -> Plan {
    let first = log.calls().filter(|call| call.name == "sendto").count() / 3 + 1;
    Plan { program, backend, faults: vec![Fault { call: "sendto", errno: "EAGAIN", first, last: first }] }
}

/// Every plan of that fault and another one after it, for a session that went like this one.
pub fn after(plan: &Plan, log: &Log) -> Vec<Plan> {
    let from = log.first_fault().expect("the session had a fault");
    let places = places(log, from, MOST / 4).into_iter().filter(|(call, ..)| !plan.has(call));
    let faults = places
        .flat_map(|(call, errnos, first)| errnos.iter().map(move |errno| Fault { call, errno, first, last: first }));
    faults.map(|fault| Plan { faults: [&plan.faults[..], &[fault]].concat(), ..plan.clone() }).collect()
}

/// The calls from this line on that can fail, and with what: of each kind so many at the most.
fn places(log: &Log, from: usize, most: usize) -> Vec<(&'static str, &'static [&'static str], usize)> {
    let mut numbers = BTreeMap::<&str, Vec<usize>>::new();
    for call in log.calls().filter(|call| call.line >= from && can_fail(call)) {
        numbers.entry(call.name).or_default().push(call.number);
    }
    let mut places = Vec::new();
    for (call, errnos) in ERRORS {
        let Some(numbers) = numbers.get(call) else { continue };
        let taken = numbers.len().min(most);
        places.extend((0..taken).map(|n| (*call, *errnos, numbers[n * numbers.len() / taken])));
    }
    places
}

/// Whether this call can return what its kind can: asking for flags needs no descriptor, leaving a set no memory.
fn can_fail(call: &Call<'_>) -> bool {
    match call.name {
        "fcntl" => call.text.contains("F_DUPFD"),
        "epoll_ctl" => !call.text.contains("EPOLL_CTL_DEL"),
        _ => true,
    }
}

/// Brings the plans into an order that depends on the seed.
pub fn shuffle(plans: &mut [Plan], seed: u64) {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for end in (1..plans.len()).rev() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        plans.swap(end, (random % (end as u64 + 1)) as usize);
    }
}
