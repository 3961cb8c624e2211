"""Asking the same of many sockets with one system call: Linux's io_uring(7), by ctypes.

The offsets and numbers are those of ``linux/io_uring.h``, part of the kernel's
stable interface, and the same on every architecture that we know of but Alpha.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import sys
import weakref
from array import array
from typing import Any, Final

_SYS_IO_URING_SETUP: Final = 425
_SYS_IO_URING_ENTER: Final = 426

_OFF_SQES: Final = 0x10000000
_FEAT_SINGLE_MMAP: Final = 1 << 0
#: A request that is refused leaves the others alone; Linux 5.18, and our oldest.
_SETUP_SUBMIT_ALL: Final = 1 << 7
_ENTER_GETEVENTS: Final = 1 << 0

# A request and a completion, in words of 32 bits.
_SQE_WORDS: Final = 16
_SQE_FD, _SQE_USER_DATA = 1, 8
_CQE_WORDS: Final = 4
_CQE_USER_DATA, _CQE_RESULT = 0, 2

_OP_SEND: Final = 26
#: A socket that takes nothing fails with EAGAIN; the kernel must not wait for it,
#: nor send later, behind what was written meanwhile.
_MSG_DONTWAIT: Final = 0x40
_SQE_ADDRESS, _SQE_LENGTH, _SQE_MSG_FLAGS = 4, 6, 7

_WORD: Final = 4
_WRAP: Final = 0xFFFFFFFF


class _SQOffsets(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("head", "tail", "mask", "entries", "flags")),
        *((name, ctypes.c_uint32) for name in ("dropped", "array", "reserved")),
        ("user_address", ctypes.c_uint64),
    ]


class _CQOffsets(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("head", "tail", "mask", "entries", "overflow")),
        *((name, ctypes.c_uint32) for name in ("cqes", "flags", "reserved")),
        ("user_address", ctypes.c_uint64),
    ]


class _Params(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("sq_entries", "cq_entries", "flags", "cpu", "idle")),
        ("features", ctypes.c_uint32),
        ("wq_fd", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32 * 3),
        ("sq", _SQOffsets),
        ("cq", _CQOffsets),
    ]


class Ring:
    """One process's ring of requests, all of one kind; used by one thread at a time.

    Every request is over when they have been asked: none ever waits in the kernel.

    Args:
        entries: most requests of one time; a power of two.
        operation: the kind.

    Raises:
        OSError: the kernel has no io_uring that can do this, or does not let us:
            containers often forbid it.
    """

    def __init__(self, entries: int, operation: int) -> None:
        self.entries: Final = entries
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, "io_uring is Linux's")
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        params = _Params(flags=_SETUP_SUBMIT_ALL)
        self._fd = self._call(_SYS_IO_URING_SETUP, entries, ctypes.byref(params))
        weakref.finalize(self, os.close, self._fd)
        if not params.features & _FEAT_SINGLE_MMAP:
            raise OSError(errno.ENOSYS, "this io_uring is too old")
        self._map(params, operation)

    def _map(self, params: _Params, operation: int) -> None:
        sq, cq = params.sq, params.cq
        size = max(
            sq.array + params.sq_entries * _WORD,
            cq.cqes + params.cq_entries * _CQE_WORDS * _WORD,
        )
        rings = mmap.mmap(self._fd, size)
        requests = mmap.mmap(self._fd, params.sq_entries * _SQE_WORDS * _WORD, offset=_OFF_SQES)
        self._rings = memoryview(rings).cast("I")
        self.requests = memoryview(requests).cast("i")
        self._sq_head = sq.head // _WORD
        self._sq_tail = sq.tail // _WORD
        self._sq_mask = params.sq_entries - 1
        self._sq_array = sq.array // _WORD
        self._cq_head = cq.head // _WORD
        self._cq_tail = cq.tail // _WORD
        self._cq_mask = params.cq_entries - 1
        self._cqes = cq.cqes // _WORD
        self._results = memoryview(rings).cast("i")
        self._numbers = array("I", range(self.entries))
        for number in range(self.entries):
            at = number * _SQE_WORDS
            requests[at * _WORD] = operation  # the first byte, whatever the byte order
            self.requests[at + _SQE_USER_DATA] = number

    def set_in_all(self, word: int, value: int) -> None:
        """Write a word that all requests have in common."""
        self.requests[word::_SQE_WORDS] = array("i", (value,)) * self.entries

    def set_address_in_all(self, word: int, memory: mmap.mmap) -> None:
        """Write where `memory` is to two words of all requests; whoever asks keeps it."""
        anchor = ctypes.c_char.from_buffer(memory)
        address = array("Q", [ctypes.addressof(anchor)]).tobytes()
        del anchor  # it would keep the memory from being unmapped
        for at, half in enumerate(array("i", address)):
            self.set_in_all(word + at, half)

    def ask(self, descriptors: array[int]) -> tuple[list[int], list[int]]:
        """Make the requests, of a descriptor each, and return when all are over.

        Returns:
            The numbers of those that are answered, and their answers.
        """
        count = len(descriptors)
        self.requests[_SQE_FD : count * _SQE_WORDS : _SQE_WORDS] = descriptors
        # Whatever an interrupted call has left unread is passed over.
        head = self._rings[self._cq_tail]
        submitted = self._submit(count)
        self._wait(head, submitted)
        results = self._completed(_CQE_RESULT, head, submitted)
        numbers = self._completed(_CQE_USER_DATA, head, submitted)
        self._rings[self._cq_head] = (head + submitted) & _WRAP
        return numbers, results

    def _submit(self, count: int) -> int:
        """Start the first `count` requests; how many the kernel took."""
        tail = self._rings[self._sq_tail]
        start = self._sq_array + (tail & self._sq_mask)
        first = min(count, self._sq_array + self._sq_mask + 1 - start)
        self._rings[start : start + first] = self._numbers[:first]
        self._rings[self._sq_array : self._sq_array + count - first] = self._numbers[first:count]
        self._rings[self._sq_tail] = (tail + count) & _WRAP
        try:
            return self._enter(count, count)
        except OSError:  # such as no memory: nothing was sent
            return 0
        finally:  # what the kernel did not take is withdrawn
            self._rings[self._sq_tail] = self._rings[self._sq_head]

    def _wait(self, head: int, count: int) -> None:
        """Return when `count` completions follow `head`: at once, for nothing waits."""
        while (self._rings[self._cq_tail] - head) & _WRAP < count:
            with contextlib.suppress(InterruptedError):
                self._enter(0, count)

    def _completed(self, word: int, head: int, count: int) -> list[int]:
        """One word of each of the `count` completions from `head` on."""
        start = head & self._cq_mask
        first = min(count, self._cq_mask + 1 - start)
        found: list[int] = []
        for begin, length in ((start, first), (0, count - first)):
            at = self._cqes + begin * _CQE_WORDS
            found += self._results[at + word : at + length * _CQE_WORDS : _CQE_WORDS].tolist()
        return found

    def _enter(self, submit: int, complete: int) -> int:
        return self._call(
            _SYS_IO_URING_ENTER, self._fd, submit, complete, _ENTER_GETEVENTS, None, 0
        )

    def _call(self, *arguments: Any) -> int:  # noqa: ANN401 - what a system call takes
        answer: int = self._syscall(*arguments)
        if answer < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return answer


class SendRing(Ring):
    """Sends one buffer to many sockets.

    Args:
        entries: most sockets of one `send`; a power of two.
        max_bytes: the largest buffer.

    Raises:
        OSError: as of `Ring`.
    """

    def __init__(self, entries: int, max_bytes: int) -> None:
        super().__init__(entries, _OP_SEND)
        self.max_bytes: Final = max_bytes
        # What is sent, at an address that stays.
        self._payload = mmap.mmap(-1, max_bytes)
        self.set_address_in_all(_SQE_ADDRESS, self._payload)
        self.set_in_all(_SQE_MSG_FLAGS, _MSG_DONTWAIT)

    def send(self, descriptors: array[int], buffer: bytes) -> list[tuple[int, int]]:
        """Send `buffer` to every socket; return those that did not take all of it, and how much.

        Args:
            descriptors: ``array("i")`` of at most `entries` sockets.
            buffer: of at most `max_bytes` bytes.

        Returns:
            Pairs of a descriptor and the bytes that it took: 0 of a socket that is
            full, or broken.
        """
        count, size = len(descriptors), len(buffer)
        self._payload[:size] = buffer
        self.requests[_SQE_LENGTH : count * _SQE_WORDS : _SQE_WORDS] = array("i", (size,)) * count
        numbers, results = self.ask(descriptors)
        if results.count(size) == count:
            return []
        taken = dict(zip(numbers, results, strict=True))
        # What was not even submitted took nothing; what failed, neither.
        sent = (max(taken.get(number, 0), 0) for number in range(count))
        return [pair for pair in zip(descriptors, sent, strict=True) if pair[1] < size]
