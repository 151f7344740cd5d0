"""The resources of the API: each module has the handlers of some, and their routes."""
