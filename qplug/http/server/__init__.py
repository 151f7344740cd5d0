"""A server in memory that stands in for a service behind HTTP, and can be slow, broken or away.

class Greeter(StandIn):
def answer(self, request: Request) -> Answer:
return Answer(HTTPStatus.OK, b"hello")

with Greeter() as service:
requests.get(service.url)
service.outage = True
"""

from qplug.http.server.front import Front
from qplug.http.server.messages import Answer, Request
from qplug.http.server.standin import StandIn

__all__ = ["Answer", "Front", "Request", "StandIn"]
