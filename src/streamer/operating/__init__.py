"""What whoever runs a log looks at and does by hand, over HTTP and from the shell alike.

Layout:

- `topics`: the topics of a log, with what is kept of each.
- `topic`: all that is known of one topic; and that it is deleted.
- `retaining`: what is kept of the topics of a prefix, set by hand.
- `reports`: how the processes of a log do, as each says it, and all of them together.
- `answers`: what is said of a topic, as JSON has it.
"""

__all__ = ["answers", "reports", "retaining", "topic", "topics"]
