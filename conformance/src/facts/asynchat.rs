//! What CPython's `test_asynchat` asserts, and what asynchat gets wrong.

use super::Fact;

#[rustfmt::skip]
pub(super) const FACTS: &[Fact] = &[
    // test_asynchat, method by method.
    Fact::cases("test_line_terminator1, 2 and 3", "lines end at one, two or three bytes, in pieces of one, two or three", &["contract/chat-line-terminator1", "contract/chat-line-terminator2", "contract/chat-line-terminator3"]),
    Fact::cases("test_numeric_terminator1 and 2", "a length is counted off, and found once", &["contract/chat-numeric-terminator1", "contract/chat-numeric-terminator2"]),
    Fact::cases("test_none_terminator", "without a terminator everything is collected and nothing found", &["contract/chat-none-terminator"]),
    Fact::cases("test_simple_producer", "what a producer gives bit by bit is all sent", &["contract/chat-simple-producer", "contract/outbox-a-producer-is-asked-as-there-is-room"]),
    Fact::cases("test_string_producer", "bytes are a producer as well", &["contract/chat-string-producer"]),
    Fact::cases("test_empty_line", "an empty line is found, and nothing collected for it", &["contract/chat-empty-line"]),
    Fact::cases("test_close_when_done", "the channel closes when its output has been sent", &["contract/chat-close-when-done", "contract/outbox-what-waits-is-sent-before-the-close"]),
    Fact::cases("test_push", "bytes of any kind are pushed, and nothing else is", &["contract/chat-push"]),
    Fact::cases("test_blockingioerror", "a receive that would block is no error", &["contract/chat-blockingioerror"]),
    Fact::cases("test_find_prefix_at_end", "the beginning of a terminator is known at the end of the input", &["contract/chat-find-prefix-at-end"]),
    Fact::cases("test_disallow_negative_terminator", "a length is not negative", &["contract/chat-disallow-negative-terminator"]),
    Fact::cases("TestFifo.test_basic", "what is pushed first goes first", &["contract/chat-fifo-basic"]),
    Fact::cases("TestFifo.test_given_list", "a list goes in its order", &["contract/chat-fifo-given-list"]),
    // asynchat itself.
    Fact::cases("asynchat: no initial terminator", "there data before set_terminator ends the channel; here it is collected", &["contract/chat-data-before-any-terminator-is-collected"]),
    Fact::cases("asynchat: a numeric terminator that fired", "there it is 0 and never fires again; here it holds until it is changed", &["contract/chat-a-length-that-was-found-holds-for-the-next"]),
    Fact::cases("asynchat: a terminator that is false", "there it collects without end; here it is refused, and what it had stays", &["contract/chat-disallow-negative-terminator"]),
    Fact::cases("asynchat: the terminator is read anew each time", "it may change between two frames of one buffer", &["contract/chat-the-terminator-changes-in-the-middle-of-a-buffer"]),
    Fact::cases("asynchat: a terminator longer than a read", "it is found all the same", &["contract/chat-a-terminator-may-be-longer-than-a-chunk"]),
    Fact::cases("asynchat: close in found_terminator", "there what is left is dispatched after it; here it is not", &["contract/chat-after-a-close-nothing-is-told", "contract/chat-after-close-when-done-nothing-is-told"]),
    Fact::cases("asynchat: the end of the stream", "there a prefix that is held back is never delivered; here it is", &["contract/chat-what-is-held-back-comes-at-the-end"]),
    Fact::cases("asynchat: an exception in found_terminator", "there what is left waits for more data; here it comes by itself", &["contract/chat-an-error-loses-nothing-of-the-rest"]),
    Fact::cases("asynchat: incoming data", "there it has no bounds; here a frame has a limit", &["contract/chat-a-line-beyond-its-limit-is-an-error", "contract/chat-a-line-beyond-its-limit-can-be-passed-over"]),
    Fact::cases("asynchat: outgoing data", "there it has no bounds; here a peer that does not listen is not served", &["contract/chat-a-peer-that-does-not-listen-is-not-heard", "contract/chat-a-peer-that-finishes-first-gets-all-its-answers", "contract/outbox-each-mark-is-told-once"]),
    Fact::cases("asynchat: close_when_done with an empty fifo", "there it waits for a write event; here it is at once", &["contract/chat-close-when-done-with-nothing-waiting-is-at-once"]),
    Fact::cases("asynchat: close_when_done while unconnected", "there it never happens; here it does", &["contract/chat-close-when-done-works-unconnected"]),
    Fact::cases("asynchat: push after close_when_done", "there it is kept and never sent; here it is refused", &["contract/chat-pushes-after-close-when-done-are-refused"]),
    Fact::cases("asynchat: a producer that is false", "there its successor goes with it; here it is just done", &["contract/chat-an-empty-producer-leaves-its-successor"]),
    Fact::cases("asynchat: an empty push", "there it makes a call that sends nothing; here none", &["contract/chat-an-empty-push-sends-nothing"]),
    Fact::cases("asynchat: discard_buffers", "both sides are forgotten, producers included", &["contract/chat-discarding-forgets-both-sides"]),
    Fact::tests("asynchat: one send to a call", "there pieces go one by one; here all that waits goes in one call", &[("core/tests/behaviour/outboxes.rs", "a_header_and_a_body_go_in_one_call_and_the_rest_waits"), ("core/tests/behaviour/sending.rs", "what_fits_goes_at_once_and_the_rest_in_order")]),
    Fact::tests("asynchat: simple_producer", "it gives piece by piece, and then says for ever that it is done", &[("core/tests/behaviour/producers.rs", "a_producer_may_be_borrowed"), ("core/tests/behaviour/producers.rs", "more_than_the_memory_is_sent_through_it")]),
    Fact::cases("asynchat: errors in send", "what would block waits, and what broke is one close", &["contract/a-reset-that-a-send-met-is-no-end", "contract/a-full-outbox-is-an-error-and-sends-nothing"]),
    Fact::not("asynchat 2.7: push takes unicode", "it sends the text's inner representation", "a text here is bytes in UTF-8, and nothing else can be pushed"),
    Fact::not("asynchat: found_terminator and collect_incoming_data must be overridden", "they raise NotImplementedError", "frames are taken by a handler and not told to one, so that there is nothing to override"),
];
