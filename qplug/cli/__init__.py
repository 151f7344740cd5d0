"""The command line: cliff finds the commands, each is a parser, one call and its columns.

Every command is an entry point in the group ``qplug.cli``, a plugin's as much as ours. Modules
here import nothing heavy before a command runs, so that help and versions are printed at once.
"""
