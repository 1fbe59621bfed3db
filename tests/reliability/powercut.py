"""What a disk could hold after a power cut at any moment, worked out from a worker's system calls.

The model is as unkind as POSIX allows: what was not synced when the power went is there or not, write by write, or torn
at sectors of 512 bytes; a new or removed name is certain only once its folder was synced; the order of writes means
nothing.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CALLS = "openat,pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename"
SECTOR = 512

_LINE = re.compile(r"(\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>|(?P<call>\w+)\()(?P<rest>.*)", re.DOTALL)
_RESULT = re.compile(r"\) += (-?\d+)(?:<[^>]*>)?[^)]*$")
_DESCRIPTOR = re.compile(r"(\d+)<([^>]*)>")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class Event:
    """One system call on one file; a sync makes two: what was written before it began is safe when it has ended."""

    kind: str
    path: str = ""
    data: bytes = b""
    offset: int = 0
    twin: Event | None = field(default=None, repr=False)
    failed: bool = False


def events(trace: Path) -> list[Event]:
    """The calls in the order in which they began; syncs also where they ended."""
    found: list[Event] = []
    open_calls: dict[str, Event | None] = {}
    with trace.open() as lines:
        for line in lines:
            match = _LINE.match(line)
            if not match:
                continue
            thread, result = match[1], _RESULT.search(match["rest"])
            if match["call"]:
                event = _event(match["call"], match["rest"])
                if event is not None:
                    found.append(event)
            else:
                event = open_calls.pop(thread, None)
            if result is None:
                open_calls[thread] = event
            elif event is not None:
                event.failed = int(result[1]) < 0
                if event.kind == "sync" and not event.failed:
                    found.append(Event("synced", event.path, twin=event))
    return [event for event in found if not event.failed]


def _event(call: str, rest: str) -> Event | None:
    strings = [bytes.fromhex(text.replace("\\x", "")) for text in _STRING.findall(rest)]
    descriptor = _DESCRIPTOR.match(rest)
    path = _plain(descriptor[2]) if descriptor else ""
    numbers = re.findall(r", (\d+)", rest)
    match call:
        case "write" if descriptor and descriptor[1] == "1":
            return Event("say", data=strings[0])
        case "pwrite64":
            return Event("write", path, strings[0], int(numbers[1]))
        case "ftruncate":
            return Event("truncate", path, offset=int(numbers[0]))
        case "fsync" | "fdatasync":
            return Event("sync", path)
        case "openat" if "O_CREAT" in rest:
            return Event("create", strings[0].decode())
        case "unlink":
            return Event("unlink", strings[0].decode())
        case "rename":
            raise AssertionError("the model does not know renames, and the engine should need none")
    return None


def _plain(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode() if text.startswith("\\x") else text


@dataclass
class _File:
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Event] = field(default_factory=list)


class Disk:
    """The state of one folder, followed event by event."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._names: dict[str, _File] = {}
        self._durable_names: dict[str, _File] = {}
        self._pending_names: list[tuple[str, _File | None]] = []
        self._marks: dict[int, tuple[_File, int]] = {}

    def take(self, event: Event) -> None:
        if event.kind in ("sync", "synced") and event.path == self._folder:
            self._sync_folder(event)
        if str(Path(event.path).parent) != self._folder:
            return
        match event.kind:
            case "create" if event.path not in self._names:
                self._names[event.path] = made = _File()
                self._pending_names.append((event.path, made))
            case "unlink":
                self._names.pop(event.path, None)
                self._pending_names.append((event.path, None))
            case "write" | "truncate":
                self._names[event.path].pending.append(event)
            case "sync":
                file = self._names[event.path]
                self._marks[id(event)] = (file, len(file.pending))
            case "synced":
                file, count = self._marks.pop(id(event.twin))
                for done in file.pending[:count]:
                    _apply(file.durable, done)
                del file.pending[:count]

    def _sync_folder(self, event: Event) -> None:
        if event.kind == "sync":
            self._marks[id(event)] = (_File(), len(self._pending_names))
            return
        _, count = self._marks.pop(id(event.twin))
        for path, file in self._pending_names[:count]:
            _rename(self._durable_names, path, file)
        del self._pending_names[:count]

    def cut(self, target: Path, chance: random.Random) -> None:
        """Write into `target` what could be on the disk if the power went now. Shared memory is gone, of course."""
        names = dict(self._durable_names)
        for path, file in self._pending_names:
            if chance.random() < 0.5:
                _rename(names, path, file)
        for path, file in names.items():
            if path.endswith("-shm"):
                continue
            content = bytearray(file.durable)
            for event in file.pending:
                for part in _survivors(event, chance):
                    _apply(content, part)
            (target / Path(path).name).write_bytes(content)


def _survivors(event: Event, chance: random.Random) -> Iterator[Event]:
    fate = chance.random()
    if fate < 0.4:
        yield event
    elif fate < 0.7 and event.kind == "write":
        for start in range(0, len(event.data), SECTOR):
            if chance.random() < 0.5:
                yield Event("write", event.path, event.data[start : start + SECTOR], event.offset + start)


def _apply(content: bytearray, event: Event) -> None:
    if event.kind == "truncate":
        del content[event.offset :]
        content.extend(bytes(event.offset - len(content)))
        return
    end = event.offset + len(event.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[event.offset : end] = event.data


def _rename(names: dict[str, _File], path: str, file: _File | None) -> None:
    if file is None:
        names.pop(path, None)
    else:
        names[path] = file
