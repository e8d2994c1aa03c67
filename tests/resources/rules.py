"""Rules that several tests need."""

from __future__ import annotations

from strategies.base import Past, Reading, Weights


class Fixed(Reading):
    """Holds what it is told."""

    params = (("target", ()),)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.p.target)

    def weights(self, past: Past) -> Weights:
        return dict(self.p.target)
