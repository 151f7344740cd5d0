"""The manager's operations over a message bus, through oslo.messaging (extra ``rpc``).

Only what runs with a bus imports this. A message is an operation of the manager by name, with its
arguments, the caller's context and the time, signed; what an operation takes and gives is read off
the signatures of :class:`~qplug.manager.Manager`, so that there is no second list of them.
"""
