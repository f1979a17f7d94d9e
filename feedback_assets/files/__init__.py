"""Files on this machine: locks, private directories, and writes that survive a power failure.

Independent of the files' content.
"""
