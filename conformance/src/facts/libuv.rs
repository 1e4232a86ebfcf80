//! What libuv's suite asserts.

use super::Fact;

#[rustfmt::skip]
pub(super) const FACTS: &[Fact] = &[
    Fact::cases("poll_duplex, poll_unidirectional", "under random actions events lie within what was asked, bytes are exact, and each side closes once", &["scenario/walk-1", "scenario/walk-8"]),
    Fact::cases("poll_multiple_handles", "a second watch of the same thing is refused until the first ends", &["contract/a-key-registered-twice-is-refused-and-nothing-changes", "contract/a-second-key-for-a-socket-is-refused-or-watched-beside-the-first"]),
    Fact::cases("poll_bad_fdtype", "a directory cannot be watched", &["contract/state-directory-is-always-ready"]),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Fact::cases("poll_nested_epoll", "an epoll descriptor is watched like any other", &["contract/an-epoll-descriptor-is-watched-like-any-other"]),
    Fact::cases("poll_oob", "an urgent byte is told as such, and data as data", &["contract/state-urgent-byte-is-priority-and-no-data", "contract/an-urgent-byte-is-told-to-who-wants-only-that"]),
    Fact::cases("poll_close, poll_closesocket", "watches that never fired can be closed", &["contract/registered-and-left-a-thousand-times-nothing-stays", "contract/deregistering-is-idempotent"]),
    Fact::cases("emfile", "at the limit of descriptors nothing spins; there the waiting caller is cut off, here it waits", &["contract/want-of-descriptors-rests-the-listener"]),
    Fact::cases("delayed_accept", "a caller waits until it is accepted", &["contract/a-listener-that-does-not-accept-is-silent"]),
    Fact::cases("close_fd, iouring_pollhup", "a duplicate keeps a connection alive, but not its registration", &["contract/deregistered-and-closed-is-silent-though-a-duplicate-lives"]),
    Fact::cases("watcher_cross_stop", "closing everyone while results wait leaves no event for anybody", &["contract/closing-everyone-while-results-wait-tells-nobody-more"]),
    Fact::cases("tcp_close_accept", "a caller that closed before it was accepted is accepted, and then closed", &["scenario/listener-closed-by-caller", "contract/a-caller-that-has-reset-is-accepted-and-closed"]),
    Fact::cases("tcp_rst, tcp_close_reset", "a reset is an error that is told once", &["contract/a-reset-is-one-close", "contract/nothing-is-lost-before-a-reset"]),
    Fact::tests("not_writable_after_shutdown", "whose sending half is shut is not asked to write", &[("core/tests/behaviour/closing.rs", "a_half_that_is_shut_is_not_told_any_more")]),
    Fact::tests("shutdown_twice", "shutting down again harms nothing", &[("tests/bad_input.rs", "what_a_state_does_not_allow_says_so_and_harms_nothing")]),
    Fact::cases("shutdown_eof", "after the own half is shut the peer's words still come", &["contract/nothing-is-lost-where-both-sides-shut-their-writing"]),
    Fact::cases("tcp_write_to_half_open_connection", "what is sent to a peer that has gone breaks, and is told once", &["contract/nothing-is-lost-after-a-send-broke", "contract/a-reset-that-a-send-met-is-no-end"]),
    Fact::cases("tcp_unexpected_read", "a write does not begin to read", &["contract/the-predicate-is-asked-before-each-step", "scenario/datagrams-unreadable"]),
    Fact::cases("eintr_handling", "an interrupted call is made again", &["contract/signals-neither-end-a-wait-nor-lengthen-it"]),
];
