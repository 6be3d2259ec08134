"""The story of a request, told across the rooms: admit, perform, settle, deliver; and what is put right afterwards.

Rooms are strangers to each other; only here are they introduced. Each file is one act.
"""
