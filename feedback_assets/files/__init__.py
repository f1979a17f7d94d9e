"""Files on this machine: paths, locks, private directories, writes that survive a power failure.

Independent of the files' content.
"""
