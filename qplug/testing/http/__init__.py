"""A server in memory that stands in for a service behind HTTP, and can be slow, broken or away.

class Greeter(StandIn):
def answer(self, request: Request) -> Answer:
return Answer(HTTPStatus.OK, b"hello")

with Greeter() as service:
requests.get(service.url)
service.outage = True
"""

from qplug.testing.http.front import Front
from qplug.testing.http.messages import Answer, Request
from qplug.testing.http.standin import StandIn

__all__ = ["Answer", "Front", "Request", "StandIn"]
