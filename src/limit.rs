//! How many descriptors the process may have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stheno_core::Result;

use crate::errno::failed;

/// Raises the number of descriptors that this process may open as far as it may without privileges (the soft limit to
/// the hard one), and returns it; [`u64::MAX`] means that there is no limit.
///
/// Systems start programs with 1024 or even 256. A server with more channels calls this once, before it opens them; not
/// so a program whose library uses `select`, which cannot watch descriptors past 1023.
///
/// ```
/// let limit = stheno::raise_descriptor_limit()?;
/// assert!(limit > 0);
/// # Ok::<(), stheno::Error>(())
/// ```
#[doc(alias = "RLIMIT_NOFILE")]
#[doc(alias = "setrlimit")]
#[doc(alias = "ulimit")]
pub fn raise_descriptor_limit() -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    // Apple's systems report no hard limit, and refuse a soft one above OPEN_MAX.
    let most = match limit.maximum {
        None if cfg!(target_vendor = "apple") => Some(10240),
        most => most,
    };
    let wanted = most.unwrap_or(u64::MAX);
    if limit.current.unwrap_or(u64::MAX) < wanted {
        let raised = Rlimit { current: most, maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).map_err(|errno| failed(errno, "raise the descriptor limit"))?;
        return Ok(wanted);
    }
    Ok(limit.current.unwrap_or(u64::MAX))
}
