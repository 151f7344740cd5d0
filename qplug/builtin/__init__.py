"""Drivers that need nothing outside this process."""
