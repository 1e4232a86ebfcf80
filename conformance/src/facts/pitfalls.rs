//! Pitfalls of select, poll and epoll, as their manuals, their sources and their users have them.

use super::Fact;

const EDGES: &str = "no descriptor is watched for edges, nor for one shot";
const RAW: &str = "rustix declares the call and its types for each target";

#[rustfmt::skip]
pub(super) const FACTS: &[Fact] = &[
    // The readiness of every state.
    Fact::cases("states, TCP", "created, listening, connecting, refused, connected, full, closed, shut, reset, urgent: what is told in each", &["contract/state-tcp-created-is-hung-up", "contract/state-listening-idle-is-silent", "contract/state-listening-with-a-caller-is-readable", "contract/state-listener-that-was-shut-is-hung-up", "contract/state-connecting-is-silent", "contract/state-connect-refused-is-ready", "contract/state-connected-idle-is-writable", "contract/state-data-is-readable", "contract/state-send-buffer-full-is-silent", "contract/state-peer-closed-is-readable", "contract/state-own-reading-shut-is-readable", "contract/state-own-writing-shut-is-writable", "contract/state-both-shut-with-data-is-hung-up", "contract/state-reset-is-ready", "contract/state-urgent-byte-is-priority-and-no-data", "contract/state-urgent-byte-among-data-is-both"]),
    Fact::cases("states, Unix family", "the peer's close is a hang-up, with our unread data an error as well", &["contract/state-unix-peer-closed", "contract/state-unix-peer-closed-with-data", "contract/state-unix-peer-closed-without-reading"]),
    Fact::cases("states, pipes", "a reader sees the hang-up, a writer the error", &["contract/state-pipe-with-data-whose-writer-closed", "contract/state-pipe-empty-whose-writer-closed", "contract/state-pipe-whose-reader-closed", "contract/state-full-pipe-whose-reader-closed"]),
    Fact::cases("states, files", "files, directories and devices are always ready", &["contract/state-regular-file-is-always-ready", "contract/state-directory-is-always-ready", "contract/state-dev-null-is-always-ready"]),
    Fact::tests("states, terminals", "a terminal is read and written like a stream", &[("tests/datagrams_and_files.rs", "a_terminal_is_read_line_by_line_and_written_to")]),
    Fact::cases("states, datagrams", "an unreachable peer is an error, which an operation clears", &["contract/state-datagram-refused-is-ready", "contract/state-datagram-waiting-is-readable"]),
    // The numbered ones.
    Fact::cases("select: FD_SETSIZE", "a descriptor past 1023 is watched, and none is written out of bounds", &["contract/state-descriptor-past-1023-is-like-any-other"]),
    Fact::tests("select: sizes", "a descriptor past the sets is refused", &[("backend-select/tests/sizes.rs", "what_is_past_the_sets_is_refused"), ("tests/select_size.rs", "the_connection_past_its_size_is_refused_and_the_rest_go_on")]),
    Fact::cases("select: sets", "the sets are made anew for each wait", &["contract/readiness-is-told-until-it-is-over"]),
    Fact::tests("select: bits above the table", "a bit that the kernel left set is no result", &[("backend-select/tests/sizes.rs", "bits_above_the_kernels_table_are_no_results")]),
    Fact::cases("select: EBADF", "one closed descriptor does not fail the others", &["contract/state-closed-low-descriptor", "contract/state-closed-highest-descriptor"]),
    Fact::cases("select: which set", "an error is readable and writable, a hang-up readable, the third set is urgent data", &["contract/state-reset-is-ready", "contract/state-urgent-byte-is-priority-and-no-data"]),
    Fact::cases("select: timeout", "the timeout that the call writes back is nobody's; a long or broken one is no error", &["contract/a-timeout-past-every-bound-is-no-error"]),
    Fact::cases("poll: unasked", "errors and hang-ups come with no interest at all, and do not spin", &["contract/out-of-the-set-a-hang-up-is-silent", "contract/no-interest-is-no-result-and-no-end"]),
    Fact::tests("poll: negative numbers", "an entry that is out of the set is silent", &[("backend-poll/tests/lists.rs", "an_invalid_entry_returns_when_it_is_asked_for_again")]),
    Fact::cases("poll: more entries than descriptors", "the list is never longer than what is registered", &["contract/two-thousand-are-watched-and-one-is-found"]),
    Fact::cases("poll: hang-up and data", "a hang-up is readable, and reading decides", &["contract/state-pipe-empty-whose-writer-closed", "contract/nothing-is-lost-in-a-pipe-whose-writer-is-gone"]),
    Fact::cases("RDHUP", "the end of the peer's sending is no hang-up", &["contract/state-peer-shut-its-writing-is-readable", "contract/a-half-closed-peer-is-one-close"]),
    Fact::cases("HUP and ERR, paused", "who wants nothing hears nothing and loses nothing", &["contract/paused-a-hang-up-is-silent-and-nothing-is-lost"]),
    Fact::cases("added before the connect", "a socket that does not connect yet is not watched", &["contract/what-does-not-connect-nor-listen-is-not-watched", "contract/state-tcp-created-is-hung-up"]),
    Fact::cases("a refused connect", "one event, whose verdict is the waiting error", &["contract/a-refused-connect-is-an-error-and-a-close", "contract/state-refused-and-asked-why-is-ready"]),
    Fact::cases("a connect that ends at once", "refused synchronously or not, the story is the same; a full Unix line is no attempt", &["scenario/connect-refused", "contract/a-full-backlog-is-no-connect"]),
    Fact::cases("epoll_ctl: errors", "what is registered twice, or not at all, is an error or none, alike everywhere", &["contract/a-key-registered-twice-is-refused-and-nothing-changes", "contract/deregistering-is-idempotent", "contract/a-closed-descriptor-is-refused-or-told"]),
    Fact::cases("epoll: open file descriptions", "deregistered before it is closed, a socket is silent though a copy lives", &["contract/deregistered-and-closed-is-silent-though-a-duplicate-lives"]),
    Fact::cases("epoll: dup2 to the same number", "the number can be registered again", &["contract/a-number-used-again-can-be-registered"]),
    Fact::cases("epoll: EPERM", "what epoll refuses is ready at every wait, as elsewhere", &["contract/a-file-is-ready-at-every-wait-beside-the-others", "contract/a-file-that-wants-nothing-lets-the-others-wait"]),
    Fact::cases("numbers used again in one batch", "no event names a descriptor's successor", &["contract/data-on-a-number-used-again-is-the-new-channels", "contract/a-neighbour-closed-in-this-turn-hears-nothing"]),
    Fact::not("epoll: fork", "the set is shared with a child", "a child that was forked without exec has to make a loop of its own; safe code cannot fork, and an epoll descriptor is closed on exec"),
    Fact::cases("batches smaller than what is ready", "everyone has a turn", &["contract/six-hundred-ready-are-told-within-a-few-waits", "contract/whoever-takes-few-reaches-all"]),
    Fact::not("EPOLLET", "an event for each edge", EDGES),
    Fact::not("EPOLLONESHOT", "disarmed until armed again", EDGES),
    Fact::not("EPOLLEXCLUSIVE", "one of several waiters is woken", "a socket is in one loop"),
    Fact::cases("EINTR", "a signal does not end a wait, and the rest of the time is waited", &["contract/signals-neither-end-a-wait-nor-lengthen-it"]),
    Fact::cases("milliseconds", "timeouts round up, and neither 0 nor an exact value grows", &["contract/a-wait-is-never-early", "contract/a-wait-of-no-time-does-not-wait", "contract/a-turn-takes-its-time-though-a-deadline-is-later"]),
    Fact::cases("granularity", "a wait of 300 microseconds is not one of milliseconds", &["contract/a-wait-is-never-early"]),
    Fact::cases("big timeouts", "longer than the call can wait is no error", &["contract/a-timeout-past-every-bound-is-no-error"]),
    Fact::cases("spurious readiness", "a receive or accept that would block is no error", &["contract/a-receive-without-data-would-block", "contract/an-accept-without-a-caller-is-none"]),
    Fact::cases("ECONNABORTED", "a caller that has gone is no error of its listener", &["contract/a-caller-that-has-reset-is-accepted-and-closed", "scenario/reset-before-accept"]),
    Fact::cases("EMFILE", "callers wait, the listener rests, nothing spins", &["contract/want-of-descriptors-rests-the-listener"]),
    Fact::cases("urgent data", "it is told as such, without being readable", &["contract/state-urgent-byte-is-priority-and-no-data", "contract/one-firing-goes-read-write-expt-close"]),
    Fact::cases("half-closed reading", "everything is read before the end is told", &["contract/nothing-is-lost-before-an-end", "scenario/half-close"]),
    Fact::cases("EPIPE and SIGPIPE", "a write to a peer that has gone fails, and raises no signal", &["contract/nothing-is-lost-after-a-send-broke", "scenario/answer-to-the-gone"]),
    Fact::not("closing what another thread waits on", "nobody is woken", "a socket belongs to the loop that waits, and to one thread"),
    Fact::not("epoll_event is packed on x86-64", "its layout differs by target", RAW),
    Fact::not("32-bit time", "select's own name is the wrong one on some targets", RAW),
    Fact::not("the numbers of POLLIN and its kin", "they differ by target", RAW),
];
