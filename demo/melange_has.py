"""Show a list that a Melange server has, one element a line: ``melange_has.py URL LIST``."""

import json
import sys
from urllib.request import urlopen

SHOWN = ("cidr", "gateway", "address", "interface_id", "used_by_tenant", "network_id", "id")

url, name = sys.argv[1:]
with urlopen(url, timeout=10) as answer:  # noqa: S310  # the demo's own server
    found = json.load(answer)[name]
for element in found:
    print("   ", *(f"{key}={element[key]}" for key in SHOWN if key in element))
if not found:
    print("    none")
