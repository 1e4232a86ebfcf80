//! What embedded systems make of the same calls: what their headers and sources say, and what a port has to do about it.

use super::Fact;

/// The suite on a stack that says of an error that everything is ready, has sixteen handles and counts them from its own
/// first: what its test asks besides is that nothing was left out for convenience.
const ON_A_SMALL_STACK: &[(&str, &str)] =
    &[("conformance/tests/own_network/main.rs", "nothing_is_declared_needlessly")];

#[rustfmt::skip]
pub(super) const FACTS: &[Fact] = &[
    // Which set tells what.
    Fact::tests("NuttX, Zephyr, lwIP: a hang-up or an error is told in other sets", "a hang-up is readable and writable, an error exceptional alone, or writable, or all three: `told` makes of each what leads to it", &[("core/src/backend.rs", "each_bit_says_its_own_to_each_interest")]),
    Fact::tests("lwIP, ESP-IDF: POLLHUP and POLLPRI never come", "a backend that says neither leads to the same steps", ON_A_SMALL_STACK),
    Fact::tests("lwIP, ESP-IDF, NuttX, Zephyr, FreeRTOS+TCP: except is an error or an end, not urgent data", "an exception asks for the waiting error first, and only where there is none is it told as urgent data", &[("core/tests/behaviour/order.rs", "priority_asks_for_the_error_first"), ("core/tests/behaviour/closing.rs", "an_error_found_beside_urgent_data_loses_nothing")]),
    Fact::cases("FreeRTOS+TCP: the peer's end is exceptional and not readable", "a hang-up that is told to who reads is read to its end first", &["contract/nothing-is-lost-before-an-end", "contract/test_readwrite"]),
    Fact::cases("NuttX: POLLRDHUP is POLLHUP", "a hang-up is told where only the peer's sending is over: reading goes on to the end, and so does writing", &["contract/state-peer-shut-its-writing-is-readable", "contract/test_readwrite", "scenario/half-close"]),
    Fact::cases("NuttX: a bad descriptor is POLLERR and not POLLNVAL", "what is not open is an error of the channel's next operation where it is not INVALID", &["contract/closed-behind-the-loop-is-an-error-of-the-next-operation"]),
    Fact::cases("Zephyr: POLLOUT was always true", "without room nothing is writable, which the suite asks of any backend", &["contract/room-to-send-comes-and-goes", "contract/state-send-buffer-full-is-silent"]),
    Fact::not("NuttX: EPOLLET is defined and not implemented", "edges", "no descriptor is watched for edges, nor for one shot"),
    Fact::cases("NuttX: POLL and select agree since one is built on the other", "a backend over either tells the same story", &["scenario/walk-1", "contract/readiness-is-told-until-it-is-over"]),
    // How many.
    Fact::tests("NuttX, QNX, RTEMS 256, ESP-IDF 64, lwIP as many as sockets: FD_SETSIZE", "sets have the size that the program gives them, and what is past it is refused", &[("backend-select/tests/sizes.rs", "what_is_past_the_sets_is_refused"), ("tests/select_size.rs", "the_connection_past_its_size_is_refused_and_the_rest_go_on")]),
    Fact::tests("lwIP, Zephyr: FD_SET ignores a number outside", "so a backend refuses it itself, at registration", &[("backend-select/tests/sizes.rs", "what_is_past_the_sets_is_refused")]),
    Fact::tests("lwIP: nfds past the limit is EINVAL", "the call is never told of more than the sets hold", &[("backend-select/tests/sizes.rs", "sets_on_the_heap_grow_to_their_end"), ("backend-select/tests/sizes.rs", "many_words_many_results_and_a_few_closed_ones")]),
    Fact::tests("ESP-IDF: sockets have the highest numbers, 54 to 63", "keys begin at a base, so that ten sockets need ten keys", &[("backend-select/tests/sizes.rs", "keys_begin_at_the_base")]),
    Fact::tests("Zephyr: ZVFS_POLL_MAX is 3, and more is ENOMEM", "a list has the length that the program gives it, and refuses what is past it; want of memory in a wait is an error with its words", &[("backend-poll/tests/lists.rs", "every_list_holds_what_it_says"), ("backend-poll/src/system.rs", "an_errno_is_classified_and_kept")]),
    Fact::cases("NuttX: a third waiter on a socket is ENOMEM", "a wait that fails changes nothing; a socket is in one loop, and where it is in two each backend watches it alone", &["contract/a-wait-past-the-limit-of-descriptors-is-told-or-fails-and-changes-nothing", "contract/two-backends-watch-one-socket"]),
    Fact::tests("NuttX: FS_NEPOLL_DESCRIPTORS is 8; epoll has no room", "whom the backend has no room for is told so, and nobody else", &[("tests/bad_input.rs", "a_full_backend_is_an_error_of_the_new_channel")]),
    Fact::tests("lwIP: MEMP_NUM_NETCONN is 4, and a select needs one of MEMP_NUM_SELECT_CB", "want of sockets rests the listener; the small stack has sixteen, far ends included", ON_A_SMALL_STACK),
    Fact::cases("FreeRTOS+TCP: a socket belongs to one set", "a socket under a second key is refused, or watched beside", &["contract/a-second-key-for-a-socket-is-refused-or-watched-beside-the-first"]),
    Fact::tests("lwIP, ESP-IDF: windows of four segments, buffers of two", "small windows and segments lose nothing and bring it in order", &[("conformance/tests/sim_weather.rs", "segments_and_latency_show"), ("conformance/tests/sim_weather.rs", "streams_arrive_exact_in_order_and_once")]),
    Fact::tests("NuttX: select takes memory from the heap in each call", "a wait takes none of its own", &[("conformance/tests/allocation.rs", "waits_and_results_take_no_memory")]),
    // What there is not.
    Fact::tests("ESP-IDF, lwIP: neither pipe nor socketpair", "what rings a bell is the port's: a pair of UDP sockets, or anything else that becomes readable", &[("tests/bells.rs", "each_wakes_and_stops_a_loop_from_another_thread"), ("core/tests/behaviour/loops.rs", "a_wake_ends_the_wait_and_is_no_channels_event")]),
    Fact::not("ESP-IDF: esp_vfs_eventfd_register comes before eventfd", "what a port's bell is made of has to be set up", "a port sets up what it makes its bell of; the loop is given the bell"),
    Fact::tests("FreeRTOS+TCP: sockets are pointers", "a socket is whatever the net says: a handle that is no descriptor will do", ON_A_SMALL_STACK),
    Fact::tests("FreeRTOS+TCP: FreeRTOS_SignalSocket interrupts a select", "an interrupted wait is made again for the rest of its time", &[("core/src/backend.rs", "interruptions_and_early_ends_shorten_what_is_left")]),
    Fact::not("BSD, macOS: kqueue", "readiness comes by filters", "poll and select are there as well; a backend over kqueue would be one of its own, and run this suite"),
    Fact::not("which systems have no epoll", "those that mio lists: AIX, ESP-IDF, NuttX, Fuchsia, Haiku, Hermit, Hurd, QNX, Vita, WASI, Horizon", "the backend is left out by target, and the next best is the default; `make no-std` builds each feature alone"),
    Fact::not("illumos, Redox: epoll is an emulation", "what it does in each state", "the package is for Linux and Android; there poll is the default"),
    Fact::not("musl, uClibc, 32 bits: select and its timeval have other names", "the right one has to be linked", "rustix declares the call and its types for each target"),
    Fact::not("QNX, ESP-IDF, lwIP, Haiku, AIX: other numbers for POLLIN and its kin", "flags go by name", "rustix declares the call and its types for each target; a port without it has its own flags, and `told`"),
    Fact::not("VxWorks, RTEMS, Fuchsia: what poll does there", "headers alone are not known to be true", "nobody has run them here; whoever ports runs the suite, which says"),
];
