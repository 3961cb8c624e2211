"""The names of everything the log keeps in Redis."""

from __future__ import annotations

import hashlib


class Keys:
    """Key names under one prefix.

    All of them carry the hash tag ``{prefix}``: in a Redis Cluster the keys of
    one script must share a slot. `database` is in the names of notifications
    because those, unlike keys, are shared by all databases of a server.
    """

    def __init__(self, prefix: str, database: int = 0) -> None:
        self.database = database
        tag = f"{{{prefix}}}"
        self.clock = f"{tag}:clock"
        self.birth = f"{tag}:birth"
        self.topics = f"{tag}:topics"
        #: What position.lua takes first.
        self.position = (self.clock, self.birth, self.topics)
        self.rules = f"{tag}:rules"
        self.processes = f"{tag}:processes"
        self.lease_deadlines = f"{tag}:leases:deadlines"
        self.leases = f"{tag}:leases:held"
        self.leases_looked = f"{tag}:leases:looked"
        #: Written to see whether anything can be; nothing is kept in it.
        self.trial = f"{tag}:check"
        self.presence_due = f"{tag}:presence:due"
        self.presence_looked = f"{tag}:presence:looked"
        self.typing = f"{tag}:typing"
        self.workers = f"{tag}:workers"
        self.reporting = f"{tag}:reporting"
        self.signing_key = f"{tag}:access:key"
        self.revoked = f"{tag}:access:revoked"
        self.revision = f"{tag}:access:revision"
        self.push_due = f"{tag}:push:due"
        self.push_sends = f"{tag}:push:sends"
        self.push_subjects = f"{tag}:push:subjects"
        self.notification_prefix = f"{tag}:n:{database}:"
        self.probe_prefix = f"{tag}:p:{database}:"
        self._tag = tag

    def stream(self, topic: str) -> str:
        """The topic's events."""
        return f"{self._tag}:t:{topic}"

    def meta(self, topic: str) -> str:
        """What outlives the topic's events: its last and its last removed id."""
        return f"{self._tag}:m:{topic}"

    def snapshot(self, topic: str) -> str:
        """The topic's snapshot, without its tasks."""
        return f"{self._tag}:s:{topic}"

    def tasks(self, topic: str) -> str:
        """The last event of each task of the topic."""
        return f"{self._tag}:k:{topic}"

    def parts(self, topic: str) -> str:
        """The parts of what is not whole yet."""
        return f"{self._tag}:pt:{topic}"

    def cursors(self, topic: str) -> str:
        """How far each subject has read the topic."""
        return f"{self._tag}:rc:{topic}"

    def moved(self, topic: str) -> str:
        """When the cursor of each subject on the topic was moved last."""
        return f"{self._tag}:rm:{topic}"

    def push_subscriptions(self, subject: str) -> str:
        """The push subscriptions of a subject."""
        return f"{self._tag}:ps:{subject}"

    def push_owner(self, subscription: str) -> str:
        """Whose the push subscription of that name is."""
        return f"{self._tag}:po:{subscription}"

    def members(self, topic: str) -> str:
        """Who is there in the conversation that the topic is."""
        return f"{self._tag}:pm:{topic}"

    def left(self, topic: str) -> str:
        """The event that told of each user that they have left that conversation."""
        return f"{self._tag}:pl:{topic}"

    def notification(self, topic: str) -> str:
        """The name under which the topic's events are notified."""
        return self.notification_prefix + topic

    def batch(self, publisher: str) -> str:
        """The last batch of a publisher."""
        return f"{self._tag}:b:{publisher}"

    def idempotency(self, topic: str, key: str) -> str:
        """The first event with an idempotency key, by its first topic."""
        # Hashed: a key is any text of a client's, a topic never holds a newline.
        digest = hashlib.sha256(f"{topic}\n{key}".encode()).hexdigest()
        return f"{self._tag}:i:{digest[:40]}"

    def checkpoint(self, job_id: str) -> str:
        """Where a job can go on from."""
        return f"{self._tag}:cp:{job_id}"

    def worker(self, worker: str) -> str:
        """The queues of a worker."""
        return f"{self._tag}:w:{worker}"

    def report(self, process: str) -> str:
        """How a process does."""
        return f"{self._tag}:pr:{process}"

    def renewals(self, process: str) -> str:
        """The renewals of streams that a process is to take."""
        return f"{self._tag}:access:r:{process}"

    def answer(self, renewal: str) -> str:
        """The answer to a renewal."""
        return f"{self._tag}:access:a:{renewal}"

    def process(self, process: str) -> str:
        """How many readers a process has, by topic."""
        return f"{self._tag}:c:{process}"
