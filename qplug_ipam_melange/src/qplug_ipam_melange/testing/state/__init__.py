"""What a Melange server keeps, and its rules; nothing here knows of HTTP."""
