"""Malformed files and options for every command: each ends in one clear sentence."""
