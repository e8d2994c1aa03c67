"""Files of peer groups: the bundled one, and the errors for every fault of a user's own."""

from __future__ import annotations

import pytest

from data.errors import RequestError
from data.peer_groups import PeerGroup, bundled_groups, parse_groups, read_groups

GROUP = '[chips]\ntitle = "chip makers"\nmembers = ["NVDA", "AMD", "INTC"]\n'


def test_a_file_of_two_groups_that_share_a_member(tmp_path):
    path = tmp_path / "groups.toml"
    path.write_text(GROUP + '[big]\ntitle = "large"\nmembers = ["NVDA", "BRK-B", "KO"]\n')
    assert read_groups(path) == (
        PeerGroup("chips", "chip makers", ("NVDA", "AMD", "INTC")),
        PeerGroup("big", "large", ("NVDA", "BRK-B", "KO")),
    )


def test_the_bundled_groups_have_three_members_or_more_and_distinct_names():
    groups = bundled_groups()
    assert len(groups) == len({group.name for group in groups}) == 31
    assert all(len(group.members) == len(set(group.members)) >= 3 and group.title for group in groups)
    assert next(group for group in groups if group.name == "semis").members[0] == "NVDA"


@pytest.mark.parametrize(
    ("content", "place", "remedy"),
    [
        ("", "my.toml", "write a table for each"),
        ("[chips\n", "my.toml", "not valid TOML"),
        ('[chips]\nmembers = ["A", "B", "C"]\n', "chips.title", "say in a few words"),
        ('[chips]\ntitle = "t"\n', "chips.members", "list symbols"),
        ('[chips]\ntitle = "t"\nmembers = []\n', "chips.members", "name at least one symbol"),
        ('[chips]\ntitle = "t"\nmembers = ["A"]\n', "chips.members", "list 3 stocks or more"),
        ('[chips]\ntitle = "t"\nmembers = ["A", "B"]\n', "chips.members", "it has 2; list 3 stocks or more"),
        ('[chips]\ntitle = "t"\nmembers = ["A", "A"]\n', "chips.members", "remove one"),
        ('[chips]\ntitle = "t"\nmembers = ["A", "b c"]\n', "chips.members", "write it as Yahoo does"),
        ('[chips]\ntitle = "t"\nmembers = "A"\n', "chips.members", "list symbols"),
        ('[chips]\ntitle = "t"\nmembers = ["A", "B", "C"]\nleader = "A"\n', "chips.leader", "the keys are"),
        ('[chips]\ntitel = "t"\nmembers = ["A", "B", "C"]\n', "chips.titel", "did you mean title?"),
        ('chips = ["A", "B"]\n', "chips", "make it a table"),
        ('["Chip makers"]\ntitle = "t"\nmembers = ["A", "B", "C"]\n', "'Chip makers'", "lower-case letters"),
        (GROUP + GROUP, "my.toml", "not valid TOML"),  # a name twice
    ],
)
def test_every_fault_is_refused_with_file_place_and_remedy(content, place, remedy):
    with pytest.raises(RequestError) as caught:
        parse_groups(content.encode(), "my.toml")
    message = str(caught.value)
    assert message.isprintable() and message.startswith("group file 'my.toml'")
    assert place in message and remedy in message


def test_a_file_that_is_absent_or_a_folder_is_refused(tmp_path):
    with pytest.raises(RequestError, match="does not exist; give the path of a TOML file"):
        read_groups(tmp_path / "absent.toml")
    with pytest.raises(RequestError, match="is not a file"):
        read_groups(tmp_path)
