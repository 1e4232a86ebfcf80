//! How many connections the machine's limits allow, and how each of them is raised.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use rustix::process::{Resource, getrlimit};

use crate::{Outcome, grouped, proc};

/// Descriptors of a process that are no connections: the standard ones, the backend's, the waker's, the listener.
const OTHERS: u64 = 32;
/// So many client processes at the most.
pub const MOST_CLIENTS: u64 = 64;
/// What both ends of a connection take in the kernel, in bytes, with something to spare; the run says what it was.
const KERNEL_BYTES: u64 = 10 * 1024;

/// One thing that there is not without end.
struct Limit {
    name: &'static str,
    value: String,
    /// So many connections.
    allows: u64,
    raise: String,
}

pub struct Plan {
    pub connections: u64,
    pub clients: u64,
    /// How many connections call from one address.
    pub at_an_address: u64,
    limits: Vec<Limit>,
    wanted: u64,
}

/// As many connections as are wanted, or as the narrowest of all limits allows, called from so many processes at the least.
pub fn plan(wanted: u64, clients: u64) -> Outcome<Plan> {
    let mut limits = Vec::new();
    let mut limit = |name, value: String, allows, raise: String| limits.push(Limit { name, value, allows, raise });

    let descriptors = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let each = descriptors.saturating_sub(OTHERS);
    let needed = wanted + OTHERS;
    let ceiling = proc::number("/proc/sys/fs/nr_open")?.unwrap_or(u64::MAX);
    let first = if needed > ceiling { format!("sudo sysctl -w fs.nr_open={needed} && ") } else { String::new() };
    let raise =
        format!("{first}sudo prlimit --pid $$ --nofile={needed}:{needed} # then make million, in the same shell");
    limit("descriptors of the server (ulimit -Hn)", grouped(descriptors), each, raise.clone());
    let most = each.saturating_mul(MOST_CLIENTS);
    limit("descriptors of the clients", format!("{MOST_CLIENTS} times as many"), most, raise);

    if let (Some(used), Some(most)) = (proc::number("/proc/sys/fs/file-nr")?, proc::number("/proc/sys/fs/file-max")?) {
        let raise = format!("sudo sysctl -w fs.file-max={}", used + 2 * needed + 10_000);
        limit("open files of the system (fs.file-max)", grouped(most), most.saturating_sub(used) / 2, raise);
    }
    if let Some(most) = proc::number("/proc/sys/fs/epoll/max_user_watches")? {
        let raise = format!("sudo sysctl -w fs.epoll.max_user_watches={}", 2 * needed + 10_000);
        limit("watches of the user (fs.epoll.max_user_watches)", grouped(most), most.saturating_sub(1000) / 2, raise);
    }
    if let (Some(used @ 1..), Some(most)) = (tracked()?, proc::number("/proc/sys/net/netfilter/nf_conntrack_max")?) {
        let raise = format!("sudo sysctl -w net.netfilter.nf_conntrack_max={}", used + needed + 10_000);
        limit("tracked connections (nf_conntrack_max)", grouped(most), most.saturating_sub(used), raise);
    }
    let memory = proc::system_memory("MemAvailable")?.min(proc::group_memory()?.unwrap_or(u64::MAX));
    let raise = format!("{} MiB free", (needed * KERNEL_BYTES * 5 / 4) >> 20);
    limit("memory", format!("{} MiB", grouped(memory >> 20)), memory / 5 * 4 / KERNEL_BYTES, raise);

    // Half of the range, so that the system finds a free port soon; of addresses there are as many as one likes.
    let range = proc::numbers("/proc/sys/net/ipv4/ip_local_port_range")?.unwrap_or_default();
    let ports = if let [first, last] = range[..] { (last + 1).saturating_sub(first) } else { 20_000 };
    let at_an_address = (ports / 2).max(1);
    let addresses = 60_000;
    let raise = "sudo sysctl -w net.ipv4.ip_local_port_range='10000 65535'".into();
    let value = format!("{} at each of {} addresses", grouped(at_an_address), grouped(addresses));
    limit("ports (ip_local_port_range)", value, addresses * at_an_address, raise);

    let connections = limits.iter().map(|limit| limit.allows).fold(wanted, u64::min);
    let clients = connections.div_ceil(each.max(1)).max(clients).min(connections.max(1));
    Ok(Plan { connections, clients, at_an_address, limits, wanted })
}

/// How many connections the firewall keeps account of, of which one is open here: none where it keeps none.
fn tracked() -> Outcome<Option<u64>> {
    let door = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let _caller = TcpStream::connect(door.local_addr()?)?;
    proc::number("/proc/sys/net/netfilter/nf_conntrack_count")
}

impl Plan {
    /// Says what stands in the way, narrowest first, and how to clear it.
    pub fn explain(&self) {
        println!("{:<50} {:>28}  {:>12}", "limit", "is", "connections");
        for limit in &self.limits {
            println!("{:<50} {:>28}  {:>12}", limit.name, limit.value, grouped(limit.allows));
        }
        let mut in_the_way: Vec<_> = self.limits.iter().filter(|limit| limit.allows < self.wanted).collect();
        in_the_way.sort_by_key(|limit| limit.allows);
        if in_the_way.is_empty() {
            println!("None stands in the way of {}.", grouped(self.wanted));
            return;
        }
        println!("\nFor {} connections, raise:", grouped(self.wanted));
        for limit in in_the_way {
            println!("  {}: {}", limit.name, limit.raise);
        }
    }

    /// What it was that stopped it.
    pub fn stopped_by(&self) -> &'static str {
        let narrowest = self.limits.iter().filter(|limit| limit.allows < self.wanted).min_by_key(|limit| limit.allows);
        narrowest.map_or("nothing; it is what was asked for", |limit| limit.name)
    }
}
