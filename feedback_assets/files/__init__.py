"""Files on this machine: locks, private directories, and writes that survive a power failure.

Nothing here knows what the files hold.
"""
