"""What a symbol looks like."""

import re

SYMBOL = re.compile(r"[\^A-Za-z0-9][A-Za-z0-9.\-=^]{0,14}")
