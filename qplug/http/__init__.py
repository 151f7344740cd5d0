"""HTTP with a service, for drivers that speak it: in time, from many threads, with errors of ours.

Needs the extra ``qplug-core[http]``.
"""

from qplug.http.answers import Answer
from qplug.http.client import HttpClient
from qplug.http.options import http_options
from qplug.http.tokens import Tokens

__all__ = ["Answer", "HttpClient", "Tokens", "http_options"]
