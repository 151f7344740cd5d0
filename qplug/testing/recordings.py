"""Exchanges that were recorded with an original, and a server that has to answer like it.

A file is a JSON list. An exchange has a ``name``, its ``session``, ``request`` (method, path,
headers, and json or text), ``response`` (status, reason, headers, and json or text), ``captures``
(JSON pointers to ids in the response that later exchanges use) and ``replay``: how to compare.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache, reduce
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BLANKS = {
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?=\")": "TIME",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}(?=<)": "TIME IN XML",
    r"http://127\.0\.0\.1:\d+": "http://HOST",
}
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Exchange = Mapping[str, Any]


@cache
def sessions(file: Path) -> Mapping[str, list[Exchange]]:
    """Return the exchanges of a file in their order, by the session they are of."""
    found = defaultdict(list)
    for exchange in json.loads(file.read_text()):
        found[exchange["session"]].append(exchange)
    return found


class Replay:
    """One session against a server: ids that were recorded become those that live."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.ids: dict[str, str] = {}

    def step(self, exchange: Exchange) -> None:
        """Send one request, and compare its answer with the recorded one."""
        request, expected = exchange["request"], self._live(exchange["response"])
        found = self._send(self._live(request))
        mode = exchange.get("replay", "exact")
        compared = {name: pick(expected) for name, pick in COMPARED[mode].items()}
        assert self._blank({name: pick(found) for name, pick in COMPARED[mode].items()}) == (
            self._blank(compared)
        ), exchange["name"]
        for pointer in exchange.get("captures", {}).values():
            self.ids[_at(exchange["response"]["json"], pointer)] = _at(found["json"], pointer)

    def _send(self, request: Exchange) -> dict[str, Any]:
        body = json.dumps(request["json"]) if "json" in request else request.get("text")
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        try:
            connection.request(
                request["method"], request["path"], body, request.get("headers") or {}
            )
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        headers = dict(response.getheaders())
        answer = {"status": response.status, "reason": response.reason, "headers": headers}
        is_json = text and headers["Content-Type"].startswith("application/json")
        return answer | ({"json": json.loads(text)} if is_json else {"text": text})

    def _live(self, recorded: Any) -> Any:
        text = json.dumps(recorded)
        for old, new in self.ids.items():
            text = text.replace(old, new)
        return json.loads(text)

    def _blank(self, answer: Any) -> Any:
        text = json.dumps(answer)
        for pattern, blank in BLANKS.items():
            text = re.sub(pattern, blank, text)
        live = set(self.ids.values())
        text = UUID.sub(lambda found: found[0] if found[0] in live else "ID", text)
        return _sorted(json.loads(text)) if "set" in answer else json.loads(text)


def _body(answer: Exchange) -> Any:
    return answer.get("json", answer.get("text"))


def _length(answer: Exchange) -> Any:
    """Return the length that the answer announces, kept only for those without a body."""
    return answer["headers"].get("Content-Length") if answer.get("text") == "" else None


def _page(answer: Exchange) -> Any:
    return {name: len(elements) for name, elements in answer["json"].items()}


def _sorted(value: Any) -> Any:
    """Return the value with its lists in an order that says nothing."""
    if isinstance(value, list):
        return sorted((_sorted(element) for element in value), key=json.dumps)
    if isinstance(value, dict):
        return {name: _sorted(inner) for name, inner in sorted(value.items())}
    return value


def _at(document: Any, pointer: str) -> Any:
    """Return what a JSON pointer points at."""
    steps = pointer.split("/")[1:]
    return reduce(lambda value, step: value[int(step) if step.isdigit() else step], steps, document)


STATUS = {"status": lambda answer: answer["status"], "reason": lambda answer: answer["reason"]}
HEAD = {**STATUS, "type": lambda answer: answer["headers"].get("Content-Type"), "length": _length}
COMPARED: Mapping[str, Mapping[str, Any]] = {
    "exact": {**HEAD, "body": _body},
    "set": {**HEAD, "set": _body},
    "page": {**HEAD, "page": _page},
    "status-only": HEAD,
    "reissue": STATUS,
}
"""What is compared, by what ``replay`` says."""
