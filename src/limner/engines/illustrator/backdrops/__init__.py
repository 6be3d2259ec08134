"""Where pictures happen: each place draws what is behind the subjects, and some draw what is before them.

One module per kind of place; `catalogue` names them all, and a new place is a function and a line there.
"""
