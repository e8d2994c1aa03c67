"""A page as a test reads it."""

from __future__ import annotations

import json
from html.parser import HTMLParser

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} & \"'\u2028"
READ = HOSTILE.replace("\u2028", "\\u2028")  # as a page shows it


class Page(HTMLParser):
    """Tables as rows of texts (`named` those with an id), every address, every element, the scripts and their data."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tables, self.addresses, self.elements, self.scripts, self.words = [], [], [], [], []
        self.named, self.carried = {}, []
        self._cell = self._script = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.addresses += [value for name, value in attrs if name in {"src", "href", "srcset", "data", "action"}]
        match tag:
            case "table":
                self.tables.append([])
                self.named[dict(attrs).get("id")] = self.tables[-1]
            case "tr":
                self.tables[-1].append([])
            case "th" | "td":
                self._cell = []
            case "script":
                self._script = []
                if dict(attrs).get("type") == "application/json":
                    self.carried.append(self._script)

    def handle_endtag(self, tag):
        if tag in {"th", "td"}:
            self.tables[-1][-1].append("".join(self._cell).strip())
            self._cell = None
        elif tag == "script":
            self.scripts.append("".join(self._script))
            self._script = None

    def handle_data(self, data):
        if self._script is not None:
            self._script.append(data)
        else:
            self.words.append(data)
            if self._cell is not None:
                self._cell.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    @property
    def data(self):
        return json.loads("".join(self.carried[0]))
